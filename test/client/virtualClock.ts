// A clock that the test moves: its two hands apart, where machines sleep or people set the time.

import type { Clock } from '../../src/client/session/clock.ts';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

export class VirtualClock implements Clock {
  #wall = 1_800_000_000_000;
  #monotonic = 5_000;
  readonly #timers = new Set<Timer>();

  wallMs(): number {
    return this.#wall;
  }

  monotonicMs(): number {
    return this.#monotonic;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#monotonic + ms, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Both hands; timers run in order, each at its time. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#move(Math.max(0, next.at - this.#monotonic));
      this.#timers.delete(next);
      next.fn();
    }
    this.#move(end - this.#monotonic);
  }

  /** The machine slept: monotonic time, and timers with it, stood still. */
  sleep(ms: number): void {
    this.#wall += ms;
  }

  /** Somebody set the clock. */
  setWall(by: number): void {
    this.#wall += by;
  }

  #move(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }
}
