// Brings one transport's connection back when the network changes under it, by ICE restarts (RFC 8445 §2.4):
//
//   well ──disconnected for a moment, failed, another network──▶ attempt ──connected──▶ well
//                                                                 │  ▲
//                                                                 └──┘ after growing pauses, for as long as it lives
//
// Keys are not touched: DTLS goes on over whatever path is found. Only when that has not helped for a while is it told as trouble.

import { Age } from '../session/clock.ts';
import type { Clock } from '../session/clock.ts';

/** RTCPeerConnectionState. */
export type ConnectionState = 'new' | 'connecting' | 'connected' | 'failed' | 'disconnected' | 'closed';

/** Milliseconds. Shorter: restarts for what mends itself, such as a few lost packets; longer: silence after a change of network. */
const disconnectedMs = 1_500;
/** After an attempt, until the next; the last of these again and again. */
const pausesMs = [3_000, 5_000, 8_000, 15_000];
/** Trouble for as long as this is told, once. */
const tellAfterMs = 20_000;
/** Networks announce themselves more than once. */
const networkMs = 300;

export interface IceRecoveryEnds {
  readonly clock: Clock;
  /** Asks the server for new parameters and applies them. May reject: it is tried again. */
  readonly restart: () => Promise<void>;
  /** It has not helped for a while; attempts go on. Once for each time that the connection is lost. */
  readonly onTrouble: () => void;
}

export class IceRecovery {
  readonly #ends: IceRecoveryEnds;
  #state: ConnectionState = 'new';
  /** Since it is not well; null while it is. */
  #trouble: Age | null = null;
  #told = false;
  #attempts = 0;
  #running = false;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(ends: IceRecoveryEnds) {
    this.#ends = ends;
  }

  changed(state: ConnectionState): void {
    this.#state = state;
    if (state === 'connected') this.#well();
    else if (state === 'failed') this.#ill(0);
    else if (state === 'disconnected') this.#ill(disconnectedMs);
  }

  /** Another network than before: the path in use may be dead, whatever it seems. */
  networkChanged(): void {
    if (this.#state !== 'new') this.#schedule(networkMs);
  }

  /** The server can be asked again. */
  reachable(): void {
    if (this.#trouble !== null) this.#schedule(0);
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #well(): void {
    this.#trouble = null;
    this.#told = false;
    this.#attempts = 0;
    this.#cancel();
  }

  #ill(afterMs: number): void {
    if (this.#trouble !== null) return;
    this.#trouble = new Age(this.#ends.clock);
    this.#schedule(afterMs);
  }

  #schedule(ms: number): void {
    this.#cancel();
    if (!this.#closed) this.#cancel = this.#ends.clock.after(ms, () => void this.#attempt());
  }

  async #attempt(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#tell();
    try {
      await this.#ends.restart();
    } catch {
      // Whatever it was, the next attempt may go better; what does not is told below.
    }
    this.#running = false;
    if (this.#trouble === null) return;
    const last = pausesMs.length - 1;
    this.#schedule(pausesMs[Math.min(this.#attempts++, last)] ?? 0);
  }

  #tell(): void {
    if (this.#told || this.#trouble === null || this.#trouble.ms < tellAfterMs) return;
    this.#told = true;
    this.#ends.onTrouble();
  }
}
