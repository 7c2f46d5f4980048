// Asks for transports whenever they may have changed: after a lost worker, with another role. One request at a time; whatever is asked for
// meanwhile makes the answer that is on its way stale, and it is asked again.

import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import type { Clock } from '../session/clock.ts';

/** Milliseconds: after an attempt that failed, or one that was made just before; growing. */
const firstPauseMs = 250;
const longestPauseMs = 5_000;
/** Attempts that fail before it is told. */
const tellAfter = 4;
/** Opened and used for as long as this, it is no repetition. */
const settledMs = 2_000;

export interface ReopeningEnds<Opened> {
  readonly clock: Clock;
  readonly open: () => Promise<Opened>;
  readonly apply: (opened: Opened) => void;
  /** It cannot be done, or has failed several times and is tried on. */
  readonly onFailed: (error: LatchkeyError) => void;
}

export class Reopening<Opened> {
  readonly #ends: ReopeningEnds<Opened>;
  #wanted = false;
  #running = false;
  /** Attempts in a row, of which none was settled. */
  #repeated = 0;
  #openedMs: number | null = null;
  #closed = false;
  #cancelPause: () => void = () => undefined;

  constructor(ends: ReopeningEnds<Opened>) {
    this.#ends = ends;
  }

  /** The first time: whoever waits is told whether it can be done. @throws as `open`; LatchkeyError `closed`. */
  async first(): Promise<void> {
    this.#running = true;
    try {
      do {
        this.#wanted = false;
        const opened = await this.#ends.open();
        if (this.#closed) throw new LatchkeyError('closed');
        if (!this.#wanted) this.#apply(opened);
      } while (this.#wanted);
    } finally {
      this.#running = false;
    }
  }

  ask(): void {
    if (this.#closed) return;
    this.#wanted = true;
    if (!this.#running) void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#cancelPause();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#wanted && !this.#closed) {
      await this.#settle();
      this.#wanted = false;
      try {
        const opened = await this.#ends.open();
        if (!this.#wanted && !this.#closed) this.#apply(opened);
      } catch (thrown) {
        this.#failed(toLatchkeyError(thrown));
      }
    }
    this.#running = false;
  }

  #apply(opened: Opened): void {
    this.#openedMs = this.#ends.clock.monotonicMs();
    this.#ends.apply(opened);
  }

  #failed(error: LatchkeyError): void {
    this.#openedMs = null;
    if (this.#closed) return;
    const again = error.by === 'dependency' || error.by === 'internal';
    if (again) this.#wanted = true;
    if (!again || this.#repeated === tellAfter) this.#ends.onFailed(error);
  }

  /** Lets a server breathe that gives what does not last. */
  async #settle(): Promise<void> {
    const { clock } = this.#ends;
    const lasted = this.#openedMs !== null && clock.monotonicMs() - this.#openedMs >= settledMs;
    this.#repeated = lasted ? 0 : this.#repeated + 1;
    const pauses = this.#repeated - 1;
    if (pauses < 1 || this.#closed) return;
    const ms = Math.min(longestPauseMs, firstPauseMs * 2 ** (pauses - 1));
    await new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
