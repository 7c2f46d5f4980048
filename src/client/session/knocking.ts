// Asking to be let in. The answer to `join` may take long: the server says `waiting` for as long as this participant waits before the door, and a
// server that has too much to do says `busy` and when to come back. Everybody whom it told that comes back at a time of its own.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { WaitingReason } from '../../protocol/names.ts';
import type { Answer, Ask } from '../../protocol/signaling.ts';
import { Age } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Signaling } from './signaling.ts';

/** Milliseconds. A server that is busy for longer than this is not waited for. */
const busyLimitMs = 120_000;
/** Where it says `busy` and not for how long. */
const usualPauseMs = 2_000;
/** Longest share of a pause by which it is stretched at random. */
const spread = 0.5;

export interface KnockingEnds {
  readonly clock: Clock;
  /** 0 ≤ r < 1; for the pauses alone. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly open: () => Promise<Signaling>;
  /** Called when the reason changes. */
  readonly onWaiting: (reason: WaitingReason | 'busy') => void;
}

export interface LetIn {
  readonly signaling: Signaling;
  readonly joined: Answer<'join'>;
  /** Since it was asked, without what was waited before the door. */
  readonly since: Age;
}

export class Knocking {
  readonly #ends: KnockingEnds;
  #signaling: Signaling;
  #reason: WaitingReason | 'busy' | null = null;

  constructor(first: Signaling, ends: KnockingEnds) {
    this.#signaling = first;
    this.#ends = ends;
  }

  /** @throws LatchkeyError as `join`, `busy` where that goes on for too long; the signal's reason. */
  async knock(ask: Ask<'join'>): Promise<LetIn> {
    const { clock, signal } = this.#ends;
    const sinceFirst = new Age(clock);
    for (;;) {
      let since = new Age(clock);
      try {
        const joined = await this.#signaling.request('join', ask, undefined, (reason) => {
          since = new Age(clock);
          this.#tell(reason);
        });
        return { signaling: this.#signaling, joined, since };
      } catch (thrown) {
        if (!(thrown instanceof LatchkeyError) || thrown.code !== 'busy') throw thrown;
        const pauseMs = (thrown.retryAfterMs ?? usualPauseMs) * (1 + spread * this.#ends.random());
        if (sinceFirst.ms + pauseMs > busyLimitMs) throw thrown;
        this.#tell('busy');
        await this.#pause(pauseMs);
      }
      signal.throwIfAborted();
      if (this.#signaling.closed) this.#signaling = await this.#ends.open();
      signal.throwIfAborted();
    }
  }

  close(): void {
    this.#signaling.close();
  }

  #tell(reason: WaitingReason | 'busy'): void {
    if (this.#reason === reason) return;
    this.#reason = reason;
    this.#ends.onWaiting(reason);
  }

  /** Until it is over or given up. */
  #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#ends;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(ms, done);
      signal.addEventListener('abort', done);
    });
  }
}
