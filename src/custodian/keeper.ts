// Keeps a custodian running: one that is lost is replaced, its meetings are told that their keys are gone.

import type { Logger } from 'pino';
import { LatchkeyError } from '../protocol/errors.ts';
import { startCustodian } from './client.ts';
import type { CustodianSettings } from './client.ts';
import type { Custodian } from './custodian.ts';

/** Between attempts to replace a lost custodian, in milliseconds. */
const retryMs = 1_000;

export class CustodianKeeper {
  readonly #settings: CustodianSettings;
  readonly #log: Logger;
  /** Of every custodian of this server: the key stands in a file. */
  readonly publicKey: Uint8Array;
  /** Called when all keys were lost; the next custodian is on its way. */
  onLost: () => void = () => undefined;
  /** Called when the next custodian is up, with the milliseconds that there was none. It holds no meeting. */
  onReplaced: (ms: number) => void = () => undefined;
  #current: Custodian | null;
  #retry: NodeJS.Timeout | null = null;
  #restarts = 0;
  #closed = false;

  private constructor(settings: CustodianSettings, first: Custodian) {
    this.#settings = settings;
    this.#log = settings.log;
    this.publicKey = first.publicKey;
    this.#current = first;
    first.onLost((reason) => this.#lost(reason));
  }

  /** @throws LatchkeyError `custodian_lost` where it does not start. */
  static async start(settings: CustodianSettings): Promise<CustodianKeeper> {
    return new CustodianKeeper(settings, await startCustodian(settings));
  }

  get up(): boolean {
    return this.#current !== null;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** @throws LatchkeyError `custodian_lost` while there is none. */
  current(): Custodian {
    if (this.#current === null) throw new LatchkeyError('custodian_lost');
    return this.#current;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#current?.close();
    this.#current = null;
  }

  #lost(reason: Error): void {
    this.#log.error({ event: 'custodian.lost', err: reason }, 'the custodian is gone, and all keys with it');
    this.#current = null;
    const lostMs = performance.now();
    this.onLost();
    void this.#startAgain(lostMs);
  }

  async #startAgain(lostMs: number): Promise<void> {
    if (this.#closed) return;
    const next = await this.#tryStart();
    if (this.#closed) {
      await next?.close();
      return;
    }
    if (next === null) {
      this.#retry = setTimeout(() => void this.#startAgain(lostMs), retryMs);
      return;
    }
    const ms = performance.now() - lostMs;
    this.#log.info({ event: 'custodian.replaced', custodian: next.pid, ms }, 'the custodian was replaced');
    this.#restarts++;
    this.#current = next;
    this.onReplaced(ms);
    // At once where it is lost already.
    next.onLost((reason) => this.#lost(reason));
  }

  async #tryStart(): Promise<Custodian | null> {
    try {
      return await startCustodian(this.#settings);
    } catch (thrown) {
      this.#log.error(
        { event: 'custodian.unreplaced', err: thrown, retryMs },
        'the custodian did not start again',
      );
      return null;
    }
  }
}
