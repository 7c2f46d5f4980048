// How many joins are carried out at a time. A join costs the custodian, a worker and the event loop a moment each; five hundred at once would
// be late together, and with them the meetings that run. So some are carried out, some wait in order, and whoever comes when the machine is
// full is told when to come back, before anything was done for it.

import { LatchkeyError } from '../protocol/errors.ts';

/** Why no more joins are taken. */
export type BusyReason = 'workers' | 'eventLoop' | 'joins';

/** Milliseconds until it may be better. Shorter: whoever is refused asks more often. Longer: it comes in later than it could. */
const retryAfterMs: Readonly<Record<BusyReason, number>> = { workers: 5_000, eventLoop: 1_000, joins: 2_000 };

const busyFor = (reason: BusyReason): LatchkeyError =>
  new LatchkeyError('busy', undefined, { retryAfterMs: retryAfterMs[reason] });

export interface JoinGateOptions {
  readonly atOnce: number;
  readonly waiting: number;
  /** What of the machine is full now; null: nothing. */
  readonly full: () => Exclude<BusyReason, 'joins'> | null;
}

export class JoinGate {
  readonly #options: JoinGateOptions;
  readonly #queue: (() => void)[] = [];
  #inside = 0;

  constructor(options: JoinGateOptions) {
    this.#options = options;
  }

  /** Null: joins are taken. */
  get busy(): BusyReason | null {
    const full = this.#options.full();
    if (full !== null) return full;
    return this.#queue.length >= this.#options.waiting ? 'joins' : null;
  }

  /** @throws LatchkeyError `busy` */
  assertNotBusy(): void {
    const { busy } = this;
    if (busy !== null) throw busyFor(busy);
  }

  /** Carries it out when it is its turn. @throws LatchkeyError `busy`, where as many wait as may: those who came in the same moment did not see each other. */
  async run<T>(join: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#options.atOnce) this.#inside++;
    else {
      if (this.#queue.length >= this.#options.waiting) throw busyFor('joins');
      // Whoever ends hands its place on.
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    try {
      return await join();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#inside--;
      else next();
    }
  }
}
