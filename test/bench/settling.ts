// Measures one burst of a server's work from its first step until all that must come has come, and a while after that nothing more: times,
// processor time, and how long the event loop was held.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Between the last step of a burst and the look at the processor's time. */
const quietMs = 60;
/** What has not come by then does not come. */
const deadlineMs = 60_000;
/** Of the monitor's timer. A loop that is never held shows about this much. */
const resolutionMs = 1;

export interface Settled {
  /** Processor time of this process, all its threads, in milliseconds. */
  readonly cpuMs: number;
  /** The longest that the loop was held. */
  readonly holdMs: number;
}

export class Settling {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  #before = process.cpuUsage();
  #timer: NodeJS.Timeout | null = null;
  #deadline: NodeJS.Timeout | undefined;
  #settled: (() => void) | null = null;
  #startedMs = 0;

  /** The burst begins. */
  start(): void {
    this.#before = process.cpuUsage();
    this.#delay.reset();
    this.#delay.enable();
    this.#startedMs = performance.now();
  }

  /** Milliseconds since it began. */
  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** Something of it happened: the last, or `more` has to come. */
  step(come: 'more' | 'all'): void {
    if (come === 'more') return;
    clearTimeout(this.#deadline);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), quietMs);
  }

  /** Resolves when it is over; call it before it begins. */
  over(): Promise<Settled> {
    return new Promise((resolve) => {
      this.#deadline = setTimeout(() => this.#settle(), deadlineMs);
      this.#settled = () => {
        const { user, system } = process.cpuUsage(this.#before);
        this.#delay.disable();
        const holdMs = Math.max(0, this.#delay.max / 1e6 - resolutionMs);
        resolve({ cpuMs: (user + system) / 1_000, holdMs });
      };
    });
  }

  #settle(): void {
    this.#timer = null;
    this.#settled?.();
    this.#settled = null;
  }
}
