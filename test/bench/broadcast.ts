// One video of 300 kbit/s to as many viewers as this machine carries: server and viewers together, on the same cores. Carried is what every
// viewer has whole, soon after the last packet was sent. Each side is alone while its number is sought: by steps upwards until something is
// missing, and between the last two steps after that.

import { setTimeout as pause } from 'node:timers/promises';
import { alternate } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { median, withSides } from './mediaBench.ts';
import { totalOf } from './mediaSide.ts';
import type { Generators, MediaSide } from './mediaSide.ts';
import type { BenchResult } from './result.ts';
import { compare } from './statistics.ts';

const usualRounds = 2;
/** More than two cores carry. */
const usualMost = 4_000;
const firstStep = 400;
const stepBy = 1.5;
/** The number is known when the last that was carried and the first that was not are as near as this. */
const nearEnough = 0.04;
const burstMs = 3_000;
/** What comes later than this after the last packet was sent did not come in time: what does not keep up falls ever further behind. */
const lateMs = 500;
/** After somebody came or went, until what that set off is over. */
const settleMs = 2_000;
/** A moment's want of a processor is not a limit. */
const attempts = 2;
/** What was late is not to be taken for the next burst's. */
const stragglersMs = 3_000;

interface Found {
  readonly viewers: number;
  /** The fewest that were too many; null: all that there might be were carried. */
  readonly tooMany: number | null;
  /** Processors that the server and the generators kept busy with the last that were carried. */
  readonly busy: { readonly server: number; readonly generators: number };
}

class Search {
  readonly #side: MediaSide;
  readonly #generators: Generators;
  readonly #most: number;
  readonly #wantedBytes: () => number;
  #present = 0;
  #busy = { server: 0, generators: 0 };
  sealedBytes = 0;

  constructor(side: MediaSide, generators: Generators, most: number, wantedBytes: () => number) {
    this.#side = side;
    this.#generators = generators;
    this.#most = most;
    this.#wantedBytes = wantedBytes;
  }

  async find(say: (line: string) => void, first: number): Promise<Found> {
    await this.#side.meet();
    await this.#side.publish('video');
    let [carried, tooMany] = [0, Infinity];
    let next = Math.min(first, this.#most);
    while (carried < this.#most && tooMany - carried > Math.max(1, nearEnough * carried)) {
      await this.#gather(next);
      const isCarried = await this.#isCarried();
      say(`${next} viewers: ${isCarried ? 'nothing missing' : 'too many'}`);
      if (isCarried) carried = next;
      else tooMany = next;
      next =
        tooMany === Infinity
          ? Math.min(Math.ceil(next * stepBy), this.#most)
          : Math.floor((carried + tooMany) / 2);
    }
    await this.#side.meet();
    return { viewers: carried, tooMany: tooMany === Infinity ? null : tooMany, busy: this.#busy };
  }

  async #gather(count: number): Promise<void> {
    if (count < this.#present) await this.#side.leave(this.#present - count);
    else await this.#side.join(await this.#side.invite(count - this.#present));
    this.#present = count;
    await pause(settleMs);
  }

  async #isCarried(): Promise<boolean> {
    for (let left = attempts; left > 0; left--) {
      await this.#side.count();
      const [before, generatorsBefore] = [totalOf(this.#side.cpuMs()), await this.#generators.cpuMs()];
      const { packets, sealedBytes } = await this.#side.burst(burstMs, this.#wantedBytes());
      const { least } = await this.#side.arrived(packets, lateMs);
      this.sealedBytes = sealedBytes;
      if (least >= packets) {
        const server = (totalOf(this.#side.cpuMs()) - before) / burstMs;
        this.#busy = { server, generators: ((await this.#generators.cpuMs()) - generatorsBefore) / burstMs };
        return true;
      }
      await this.#side.arrived(packets, stragglersMs);
    }
    return false;
  }
}

const measure = (most: number, run: Run): Promise<BenchResult> =>
  withSides(run, most + 1, async ({ ours, bare, generators }) => {
    const taken: { ours: Found[]; bare: Found[] } = { ours: [], bare: [] };
    let sealedBytes = 0;
    const figure = (name: 'ours' | 'bare', side: MediaSide) => async (): Promise<number> => {
      const search = new Search(side, generators, most, () => sealedBytes);
      // Nearer to where it was found the last time, so that fewer steps are needed.
      const before = taken[name].at(-1)?.viewers;
      const first = before === undefined ? firstStep : Math.max(1, Math.floor(before / stepBy));
      const found = await search.find((line) => run.say(`${name}, ${line}`), first);
      if (name === 'ours') ({ sealedBytes } = search);
      if (found.viewers === 0) throw new Error(`${name}: not one viewer got the whole video`);
      taken[name].push(found);
      return found.viewers;
    };
    const rounds = run.rounds ?? usualRounds;
    const pairs = await alternate({ rounds, warmUp: 0 }, figure('ours', ours), figure('bare', bare));
    const capped = [...taken.ours, ...taken.bare].some(({ tooMany }) => tooMany === null);
    return {
      name: 'broadcast',
      case: 'viewers of a 300 kbit/s video, nothing missing',
      participants: most,
      unit: 'viewers',
      beside: 'bare mediasoup',
      ...compare(pairs, run.seed),
      seed: run.seed,
      also: {
        'bytes of a sealed frame': sealedBytes,
        'processors, server': median(taken.ours.map(({ busy }) => busy.server)),
        'processors, generators': median(taken.ours.map(({ busy }) => busy.generators)),
        'processors, bare server': median(taken.bare.map(({ busy }) => busy.server)),
        'processors, its generators': median(taken.bare.map(({ busy }) => busy.generators)),
        'media workers': run.workers,
        'within %': nearEnough * 100,
      },
      details: { ours: taken.ours, bare: taken.bare },
      notes: [
        'the generator of the viewers is on the same cores',
        ...(capped ? [`no more than ${most} were tried`] : []),
      ],
    };
  });

export const broadcast: Bench = {
  name: 'broadcast',
  run: async (run) => [await measure(run.participants ?? usualMost, run)],
};
