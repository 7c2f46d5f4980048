// One participant's side of rekeying: installs what the custodian sent, acknowledges, switches when told, confirms. Everything
// goes through one lane, in the order in which the server sent it. What cannot be verified, opened or matched ends the session:
// there is no state in which media go on under a key that is in doubt. It knows nothing of sockets: while there is none, what it would
// tell is told by the resume (`held`).

import { equalBytes, fromBase64Url, toBase64Url, toHex } from '../../protocol/bytes.ts';
import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import { epochId } from '../../protocol/names.ts';
import type { EpochId, Lease, Trigger } from '../../protocol/names.ts';
import type { Ask, ClientNotice, ClientNoticeData, NoticeData } from '../../protocol/signaling.ts';
import { limits } from '../../protocol/timers.ts';
import type { Clock } from './clock.ts';
import type { InstalledEpoch, KeyAgent, LeaseChange } from './keyAgent.ts';

/** The epoch under which this participant seals. */
export interface EpochState {
  readonly epoch: EpochId;
  /** In hex. */
  readonly fingerprint: string;
  /** In hex: covers every epoch up to this one, and the ledger. */
  readonly chain: string;
  readonly trigger: Trigger;
  /** When it was switched to; ms since 1970. */
  readonly at: number;
}

export interface KeyPlaneEnds {
  readonly agent: KeyAgent;
  readonly clock: Clock;
  readonly notify: <N extends ClientNotice>(notice: N, data: ClientNoticeData<N>) => unknown;
  /** Switched and confirmed. */
  readonly onEpoch: (state: EpochState) => void;
  /** Sending stands still until the next epoch. */
  readonly onStopped: (error: LatchkeyError) => void;
  /** Called once; nothing is handled after it. */
  readonly onFailed: (error: LatchkeyError) => void;
}

export class KeyPlane {
  readonly #ends: KeyPlaneEnds;
  readonly #installed = new Map<EpochId, InstalledEpoch>();
  /** The newest activation that was told, followed or not. */
  #target: NoticeData<'activated'> | null = null;
  #state: EpochState | null = null;
  /** The newest that was installed. */
  #newest: InstalledEpoch | null = null;
  /** The own one that frames carry now. */
  #lease: Lease | null = null;
  /** Whoever sends nothing confirms nothing: in a large meeting those are nearly all. */
  #sends = false;
  #lane: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(ends: KeyPlaneEnds) {
    this.#ends = ends;
  }

  get state(): EpochState | null {
    return this.#state;
  }

  /** Null until the first activation. */
  get lease(): Lease | null {
    return this.#lease;
  }

  /** The first of which nothing has come yet. */
  get nextEpoch(): EpochId {
    return epochId(this.#newest === null ? 0 : this.#newest.epoch + 1);
  }

  /** What a resume tells, once everything that came before it has been handled. */
  async held(): Promise<Pick<Ask<'resume'>, 'acknowledged' | 'confirmed'>> {
    await this.#lane;
    const newest = this.#newest;
    return {
      acknowledged:
        newest === null ? null : { epoch: newest.epoch, fingerprint: toBase64Url(newest.fingerprint) },
      confirmed: this.#state?.epoch ?? null,
    };
  }

  keyMessage(message: Uint8Array): void {
    void this.#enqueue(async () => {
      const installed = await this.#ends.agent.receive(message);
      if (this.#closed) return;
      for (const one of installed) this.#install(one);
      // Whoever has followed says nothing: a second confirmation of each epoch by everybody would be a third of what a rekey makes them send.
      if (this.#state === null || this.#state.epoch !== this.#target?.epoch) await this.#follow();
    });
  }

  /** Others' leases, before the key message of the epoch with which they begin. */
  leases(changes: readonly LeaseChange[]): void {
    void this.#enqueue(() => this.#ends.agent.leases(changes));
  }

  /** Resolves when it is done, or when nothing is done any more. */
  admit(work: () => Promise<unknown>): Promise<void> {
    return this.#enqueue(async () => void (await work()));
  }

  activated(notice: NoticeData<'activated'>): void {
    void this.#enqueue(async () => {
      if (this.#target !== null && notice.epoch < this.#target.epoch) return;
      this.#target = notice;
      await this.#follow();
    });
  }

  /** Called before the first stream is announced: from now on every switch is confirmed, and the last one at once. */
  sends(): void {
    if (this.#sends) return;
    this.#sends = true;
    if (this.#state !== null && !this.#closed) this.#confirm(this.#state.epoch);
  }

  close(): void {
    this.#closed = true;
    this.#installed.clear();
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#lane = this.#lane.then(async () => {
      if (this.#closed) return;
      try {
        await work();
      } catch (thrown) {
        // Closing rejects what was under way.
        if (this.#closed) return;
        this.close();
        this.#ends.onFailed(toLatchkeyError(thrown));
      }
    });
    return this.#lane;
  }

  #confirm(epoch: EpochId): void {
    if (this.#sends) this.#ends.notify('confirmed', { epoch });
  }

  #install(installed: InstalledEpoch): void {
    const { epoch, fingerprint } = installed;
    this.#installed.set(epoch, installed);
    if (this.#newest === null || this.#newest.epoch < epoch) this.#newest = installed;
    if (this.#installed.size > limits.heldEpochs)
      this.#installed.delete(Math.min(...this.#installed.keys()) as EpochId);
    this.#ends.notify('acknowledged', { epoch, fingerprint: toBase64Url(fingerprint) });
  }

  /** Goes to the epoch that others use, or stops sending where it is not held. */
  async #follow(): Promise<void> {
    const target = this.#target;
    if (target === null) return;
    const epoch = epochId(target.epoch);
    const installed = this.#installed.get(epoch);
    if (installed === undefined) {
      await this.#ends.agent.stop();
      this.#ends.onStopped(
        new LatchkeyError('sending_stopped', 'others use a key that has not arrived here'),
      );
      return;
    }
    const fingerprint = fromBase64Url(target.fingerprint);
    if (fingerprint === null || !equalBytes(fingerprint, installed.fingerprint)) {
      // Fingerprints follow from the chain, too: to others the server tells another story.
      throw new LatchkeyError('story_forked', 'the active key is not the one that was delivered here');
    }
    if (this.#state?.epoch === epoch) {
      this.#confirm(epoch);
      return;
    }
    await this.#ends.agent.activate(epoch);
    if (this.#closed) return;
    for (const held of this.#installed.keys()) if (held < epoch) this.#installed.delete(held);
    this.#lease = installed.lease;
    this.#state = {
      epoch,
      fingerprint: toHex(fingerprint),
      chain: toHex(installed.chain),
      trigger: target.trigger,
      at: this.#ends.clock.wallMs(),
    };
    this.#confirm(epoch);
    this.#ends.onEpoch(this.#state);
  }
}
