// Time, as the client takes it: handed in, so that tests own it.

export interface Clock {
  /** Milliseconds since 1970: goes on while a machine sleeps, may be set back. */
  wallMs(): number;
  /** Milliseconds that never go back: may stand still while a machine sleeps. */
  monotonicMs(): number;
  /** Runs `fn` once after at least `ms`; the answer takes it back. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Time since this was made, by the larger of the two clocks: setting the wall clock back or sending the machine to sleep
 * does not make a key live longer.
 */
export class Age {
  readonly #clock: Clock;
  readonly #wallMs: number;
  readonly #monotonicMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wallMs = clock.wallMs();
    this.#monotonicMs = clock.monotonicMs();
  }

  get ms(): number {
    return Math.max(this.#clock.wallMs() - this.#wallMs, this.#clock.monotonicMs() - this.#monotonicMs);
  }
}
