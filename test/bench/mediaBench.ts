// What the benches of media share: both sides, each in its processes, for as long as a bench takes.

import { CannotRun } from './bench.ts';
import type { Run } from './bench.ts';
import { Generators, MediaSide } from './mediaSide.ts';
import type { PerProcess } from './mediaSide.ts';
import { quantile } from './statistics.ts';

export interface Sides {
  readonly ours: MediaSide;
  readonly bare: MediaSide;
  readonly generators: Generators;
}

/** @throws CannotRun */
const assertPeers = async (): Promise<void> => {
  try {
    await import('node-datachannel');
  } catch (cause) {
    throw new CannotRun('node-datachannel, which its participants stand on, cannot be loaded', { cause });
  }
};

/** @throws CannotRun */
export const withGenerators = async <T>(work: (generators: Generators) => Promise<T>): Promise<T> => {
  await assertPeers();
  const generators = new Generators();
  try {
    return await work(generators);
  } finally {
    await generators.end();
  }
};

/** @throws CannotRun */
export const withSides = <T>(
  { workers }: Run,
  participants: number,
  work: (sides: Sides) => Promise<T>,
): Promise<T> =>
  withGenerators(async (generators) => {
    const ours = await MediaSide.start('ours', generators, { participants, workers });
    try {
      const bare = await MediaSide.start('bare', generators, { participants, workers });
      try {
        return await work({ ours, bare, generators });
      } finally {
        await bare.end();
      }
    } finally {
      await ours.end();
    }
  });

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Medians of what each process took, in the order in which they are read. */
export const byProcess = (taken: readonly PerProcess[], unit: string): Record<string, number> => ({
  [`control ${unit}`]: median(taken.map(({ control }) => control)),
  [`custodian ${unit}`]: median(taken.map(({ custodian }) => custodian)),
  [`workers ${unit}`]: median(taken.map(({ workers }) => workers)),
});

/** The same for the bare server. */
export const byBareProcess = (taken: readonly PerProcess[], unit: string): Record<string, number> => ({
  [`bare control ${unit}`]: median(taken.map(({ control }) => control)),
  [`bare workers ${unit}`]: median(taken.map(({ workers }) => workers)),
});

export const scaled = (taken: PerProcess, by: number): PerProcess => ({
  control: taken.control * by,
  custodian: taken.custodian * by,
  workers: taken.workers * by,
});

/** Pairs of rounds, by a figure of theirs. */
export const pairsOf = <T>(ours: readonly T[], bare: readonly T[], of: (one: T) => number) =>
  ours.flatMap((one, round) => {
    const beside = bare[round];
    return beside === undefined ? [] : [{ ours: of(one), floor: of(beside) }];
  });
