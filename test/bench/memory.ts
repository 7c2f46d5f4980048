// What one participant holds of each process' memory: what is there with so many viewers, less what was there without them, after a
// forced collection, by the number of them. A viewer has one connected transport and consumes one stream, on both sides. Each round has
// processes of its own: memory that was had once is not given back.

import { setTimeout as pause } from 'node:timers/promises';
import { alternate } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { byBareProcess, byProcess, pairsOf, scaled, withGenerators } from './mediaBench.ts';
import { differenceOf, MediaSide, totalOf } from './mediaSide.ts';
import type { Generators, PerProcess } from './mediaSide.ts';
import type { SideName } from './mediaGenerator.ts';
import type { BenchResult } from './result.ts';
import { compare } from './statistics.ts';

const usualSize = 1_000;
const usualRounds = 5;
/** Come and go before the first look: what is made once is there then. */
const firstVisitors = 50;
/** After the last has come or gone, until whatever that set off is over. */
const settleMs = 4_000;
/** Kilobytes. */
const beyond = { p50: 30 };

/** Kilobytes per participant. */
interface Round {
  /** Of the control process: V8's heap and what JavaScript holds outside it. */
  readonly used: number;
  readonly resident: PerProcess;
}

interface Look {
  readonly used: number;
  readonly resident: PerProcess;
}

const lookAt = async (side: MediaSide): Promise<Look> => {
  await pause(settleMs);
  const { usedBytes, residentBytes } = await side.controlMemory();
  // As it was right after the collection.
  return { used: usedBytes, resident: { ...side.residentBytes(), control: residentBytes } };
};

const holdOnce = async (name: SideName, generators: Generators, size: number, run: Run): Promise<Round> => {
  const side = await MediaSide.start(name, generators, { participants: size + 1, workers: run.workers });
  try {
    await side.meet();
    await side.publish('speech');
    const visitors = Math.min(firstVisitors, size);
    await side.join(await side.invite(visitors));
    await side.leave(visitors);
    const before = await lookAt(side);
    await side.join(await side.invite(size));
    const after = await lookAt(side);
    const kilobytes = 1 / (1_000 * size);
    return {
      used: (after.used - before.used) * kilobytes,
      resident: scaled(differenceOf(after.resident, before.resident), kilobytes),
    };
  } finally {
    await side.end();
  }
};

const measure = (size: number, run: Run): Promise<BenchResult[]> =>
  withGenerators(async (generators) => {
    const taken: { ours: Round[]; bare: Round[] } = { ours: [], bare: [] };
    const figure =
      (name: SideName) =>
      async (round: number): Promise<number> => {
        const held = await holdOnce(name, generators, size, run);
        taken[name].push(held);
        run.say(`round ${round + 1}, ${name}: ${held.used.toFixed(1)} kB`);
        return held.used;
      };
    // Fresh processes are never warm.
    await alternate({ rounds: run.rounds ?? usualRounds, warmUp: 0 }, figure('ours'), figure('bare'));
    const common = {
      name: 'memory',
      participants: size,
      unit: 'kB',
      beside: 'bare mediasoup',
      seed: run.seed,
    } as const;
    const compared = (of: (one: Round) => number) => compare(pairsOf(taken.ours, taken.bare, of), run.seed);
    return [
      {
        ...common,
        case: 'control process, in use',
        ...compared(({ used }) => used),
        beyond,
        notes: ["V8's heap and what JavaScript holds outside it, after a forced collection"],
      },
      {
        ...common,
        case: 'control process, resident',
        ...compared(({ resident }) => resident.control),
        beyond,
      },
      { ...common, case: 'workers, resident', ...compared(({ resident }) => resident.workers) },
      {
        ...common,
        case: 'all processes, resident',
        ...compared(({ resident }) => totalOf(resident)),
        also: {
          ...byProcess(
            taken.ours.map(({ resident }) => resident),
            'kB',
          ),
          ...byBareProcess(
            taken.bare.map(({ resident }) => resident),
            'kB',
          ),
          'media workers': run.workers,
        },
      },
    ];
  });

export const memory: Bench = {
  name: 'memory',
  run: (run) => measure(run.participants ?? usualSize, run),
};
