// Ours and the floor by turns, which of them goes first by turns too, and the first rounds thrown away: caches, compilers and pools
// are warm by then.

import type { Pair } from './statistics.ts';

export interface Turns {
  readonly rounds: number;
  readonly warmUp: number;
}

/** One figure a round: a time, or what else is compared. */
export type Figure = (round: number) => number | Promise<number>;

export const alternate = async (
  { rounds, warmUp }: Turns,
  ours: Figure,
  floor: Figure,
): Promise<readonly Pair[]> => {
  const pairs: Pair[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    let pair: Pair;
    if (round % 2 === 0) pair = { ours: await ours(round), floor: await floor(round) };
    else {
      const first = await floor(round);
      pair = { ours: await ours(round), floor: first };
    }
    if (round >= 0) pairs.push(pair);
  }
  return pairs;
};

/** Milliseconds that `work` takes. */
export const timeOf = async (work: () => unknown): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

/** Milliseconds of processor that this process, all its threads together, spends on `work`. */
export const cpuOf = async (work: () => unknown): Promise<number> => {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
};
