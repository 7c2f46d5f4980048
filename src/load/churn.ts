// People who come and go: at each beat one of the audience leaves, chosen by the seed, and a new one joins.

import { pause } from './pause.ts';
import type { Seeded } from './seeded.ts';

/** Shorter beats are counted together: a timer is no more exact. */
const shortestBeatMs = 20;
/** Comings and goings under way; where a server is slower than the churn, it is not buried under it. */
const mostUnderWay = 200;

export interface ChurnParts {
  readonly perSecond: number;
  readonly random: Seeded;
  readonly leave: (index: number) => Promise<unknown>;
  /** Whether it is in. */
  readonly join: (index: number) => Promise<boolean>;
}

export class Churn {
  readonly #parts: ChurnParts;
  /** Who may be chosen to leave. */
  readonly #present: number[];
  readonly #underWay = new Set<Promise<void>>();
  #next: number;

  /** `next`: the number of the first newcomer. */
  constructor(present: readonly number[], next: number, parts: ChurnParts) {
    this.#present = [...present];
    this.#next = next;
    this.#parts = parts;
  }

  /** Until the signal, and whatever has begun by then. @throws what leaving or joining throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { perSecond } = this.#parts;
    const beganMs = performance.now();
    const failed = Promise.withResolvers<never>();
    const beats = async (): Promise<void> => {
      for (let done = 0; !signal.aborted;) {
        const due = Math.floor(((performance.now() - beganMs) * perSecond) / 1_000);
        for (; done < due; done++) this.#beat(failed.reject);
        await pause(
          Math.max(shortestBeatMs, beganMs + (1_000 * (done + 1)) / perSecond - performance.now()),
          signal,
        );
      }
      await Promise.all(this.#underWay);
    };
    await Promise.race([beats(), failed.promise]);
  }

  #beat(onFailed: (why: unknown) => void): void {
    if (this.#underWay.size >= mostUnderWay) return;
    const change = this.#change().catch(onFailed);
    this.#underWay.add(change);
    void change.then(() => this.#underWay.delete(change));
  }

  async #change(): Promise<void> {
    const { random, leave, join } = this.#parts;
    const at = Math.floor(random.next() * this.#present.length);
    const leaver = this.#present[at];
    const last = this.#present.pop();
    // All are on their way: nobody can leave, and so nobody comes.
    if (leaver === undefined || last === undefined) return;
    if (at < this.#present.length) this.#present[at] = last;
    const newcomer = this.#next++;
    const [joined] = await Promise.all([join(newcomer), leave(leaver)]);
    if (joined) this.#present.push(newcomer);
  }
}
