// So many viewers join as fast as they are let in: WebSocket, admission, one transport with ICE and DTLS each, a key. Beside it the same
// number at the bare server, with the same transports. Each round is a fresh meeting.

import { setTimeout as pause } from 'node:timers/promises';
import { alternate, timeOf } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { byBareProcess, byProcess, median, pairsOf, scaled, withSides } from './mediaBench.ts';
import { differenceOf, totalOf } from './mediaSide.ts';
import type { Generators, MediaSide, PerProcess } from './mediaSide.ts';
import type { BenchResult } from './result.ts';
import { compare } from './statistics.ts';

const sizes = [500, 1_000] as const;
const usualRounds: Readonly<Record<number, number>> = { 500: 5, 1_000: 3 };
const otherRounds = 5;
const warmUp = 1;
const reach = { p50: 1.5 };
/** What the last join sets off, as the others hear of it, belongs to the joins. */
const afterwardsMs = 500;

interface Round {
  readonly ms: number;
  /** Milliseconds of processor per join. */
  readonly cpu: PerProcess;
  readonly generatorCpuMs: number;
}

const joinAll = async (side: MediaSide, generators: Generators, count: number): Promise<Round> => {
  await side.meet();
  const invitations = await side.invite(count);
  await pause(afterwardsMs);
  const [before, generatorBefore] = [side.cpuMs(), await generators.cpuMs()];
  const ms = await timeOf(() => side.join(invitations));
  await pause(afterwardsMs);
  const cpu = scaled(differenceOf(side.cpuMs(), before), 1 / count);
  return { ms, cpu, generatorCpuMs: ((await generators.cpuMs()) - generatorBefore) / count };
};

const measure = (size: number, run: Run): Promise<BenchResult[]> =>
  withSides(run, size, async ({ ours, bare, generators }) => {
    const rounds = run.rounds ?? usualRounds[size] ?? otherRounds;
    const taken: { ours: Round[]; bare: Round[] } = { ours: [], bare: [] };
    const figure =
      (name: 'ours' | 'bare', side: MediaSide) =>
      async (round: number): Promise<number> => {
        const joined = await joinAll(side, generators, size);
        if (round >= 0) taken[name].push(joined);
        run.say(`${size} joins, ${name}: ${Math.round(joined.ms)} ms`);
        // Nobody of one side is there while the other is measured.
        await side.meet();
        return joined.ms;
      };
    await alternate({ rounds, warmUp }, figure('ours', ours), figure('bare', bare));
    const common = { name: 'join', participants: size, unit: 'ms', seed: run.seed, reach } as const;
    return [
      {
        ...common,
        case: 'first request to last connected and keyed',
        beside: 'bare mediasoup',
        ...compare(
          pairsOf(taken.ours, taken.bare, ({ ms }) => ms),
          run.seed,
        ),
        also: {
          'generator CPU ms a join': median(taken.ours.map(({ generatorCpuMs }) => generatorCpuMs)),
          'at the bare server': median(taken.bare.map(({ generatorCpuMs }) => generatorCpuMs)),
          'media workers': run.workers,
        },
        notes: [
          "what participants compute for their keys is in the time too, since they are on the server's cores",
        ],
      },
      {
        ...common,
        case: 'server CPU of one join',
        beside: 'bare mediasoup',
        ...compare(
          pairsOf(taken.ours, taken.bare, ({ cpu }) => totalOf(cpu)),
          run.seed,
        ),
        also: {
          ...byProcess(
            taken.ours.map(({ cpu }) => cpu),
            'ms',
          ),
          ...byBareProcess(
            taken.bare.map(({ cpu }) => cpu),
            'ms',
          ),
        },
      },
    ];
  });

export const join: Bench = {
  name: 'join',
  async run(run) {
    const results: BenchResult[] = [];
    for (const size of run.participants === null ? sizes : [run.participants])
      results.push(...(await measure(size, run)));
    return results;
  },
};
