// How late this process's event loop was in the last seconds: what tells whether there is time for one more join. It costs a
// timer of libuv and no work of JavaScript but two calls in each window.

import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface LoopDelay {
  /** Of a loop that is full this rises first; a single long turn hardly shows. */
  readonly meanMs: number;
  /** One in a hundred turns was later. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Milliseconds between two samples. What is recorded is the span from one to the next, this included. */
const resolutionMs = 10;
const nanosecondsPerMs = 1e6;

const none: LoopDelay = { meanMs: 0, p99Ms: 0, maxMs: 0 };

const lateMs = (nanoseconds: number): number => Math.max(0, nanoseconds / nanosecondsPerMs - resolutionMs);

const worse = (one: LoopDelay, other: LoopDelay): LoopDelay => ({
  meanMs: Math.max(one.meanMs, other.meanMs),
  p99Ms: Math.max(one.p99Ms, other.p99Ms),
  maxMs: Math.max(one.maxMs, other.maxMs),
});

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #timer: NodeJS.Timeout;
  /** Of the half window before the one that runs. */
  #before = none;

  /** `windowMs`: what `delay` looks back at, at most; half of it at least. Shorter: busy sooner, and by less. */
  constructor(windowMs = 2_000) {
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#turn(), windowMs / 2);
    this.#timer.unref();
  }

  get delay(): LoopDelay {
    return worse(this.#before, this.#now());
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #turn(): void {
    this.#before = this.#now();
    this.#histogram.reset();
  }

  #now(): LoopDelay {
    // A window without a sample has no mean and no percentiles.
    if (this.#histogram.count === 0) return none;
    const { mean, max } = this.#histogram;
    return { meanMs: lateMs(mean), p99Ms: lateMs(this.#histogram.percentile(99)), maxMs: lateMs(max) };
  }
}
