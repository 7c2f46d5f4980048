// Who the generated participants are: decided by the seed and their number alone, so that a run can be had again.

import type { Role } from '../protocol/names.ts';
import type { LoadShape } from './options.ts';
import { streamsOf } from './profiles.ts';
import type { StreamName } from './profiles.ts';
import { Seeded } from './seeded.ts';

export interface Profile {
  readonly index: number;
  readonly name: string;
  readonly role: Role;
  readonly sends: readonly StreamName[];
  /** Handles every message late. */
  readonly slow: boolean;
  /** Opens what it receives. */
  readonly opens: boolean;
  readonly seesVideo: boolean;
}

/** What one seed is used for. */
export const flows = {
  slow: 1,
  opens: 2,
  seesVideo: 3,
  departures: 4,
  samples: 5,
  newcomers: 6,
  pauses: 7,
} as const;

export class Population {
  readonly #shape: LoadShape;
  readonly #slow: ReadonlySet<number>;
  readonly #opens: ReadonlySet<number>;
  readonly #seesVideo: ReadonlySet<number>;

  constructor(shape: LoadShape) {
    const { participants, publishers, slow, openSample, videoViewers, seed } = shape;
    this.#shape = shape;
    const all = range(0, participants);
    // Who sends is neither slow nor an audience.
    const audience = range(publishers, participants);
    const chosen = (from: number[], share: number, flow: number): Set<number> =>
      choose(from, Math.round(share * participants), new Seeded(seed, flow));
    this.#slow = chosen(audience, slow, flows.slow);
    this.#opens = chosen(all, openSample, flows.opens);
    this.#seesVideo = chosen(audience, videoViewers, flows.seesVideo);
  }

  /** From `participants` on: those who come while others go, each by its own chance. */
  profile(index: number): Profile {
    const { publishers, kind, slow, openSample, videoViewers, video } = this.#shape;
    const publishes = index < publishers;
    return {
      index,
      name: `Load ${index}`,
      role: publishes || kind === 'interactive' ? 'presenter' : 'viewer',
      sends: publishes ? streamsOf(index, video) : [],
      slow: this.#is(index, this.#slow, slow, flows.slow),
      opens: this.#is(index, this.#opens, openSample, flows.opens),
      seesVideo: video !== 'none' && this.#is(index, this.#seesVideo, videoViewers, flows.seesVideo),
    };
  }

  #is(index: number, chosen: ReadonlySet<number>, share: number, flow: number): boolean {
    if (index < this.#shape.participants) return chosen.has(index);
    return new Seeded(this.#shape.seed, flows.newcomers + 8 * index + flow).chance(share);
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);

/** So many of them, each as likely as any other (Fisher and Yates, as far as needed). */
const choose = (from: number[], count: number, random: Seeded): Set<number> => {
  const pool = [...from];
  const taken = Math.min(count, pool.length);
  for (let at = 0; at < taken; at++) {
    const other = at + Math.floor(random.next() * (pool.length - at));
    [pool[at], pool[other]] = [pool[other] ?? 0, pool[at] ?? 0];
  }
  return new Set(pool.slice(0, taken));
};
