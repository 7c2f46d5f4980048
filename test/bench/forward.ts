// What one forwarded packet costs the server's processes: Opus, 50 packets a second to each receiver, of the size that sealed frames have,
// on both sides. Everybody is at both servers all the time; only one of them is sent to at a time.

import { setTimeout as pause } from 'node:timers/promises';
import { alternate } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { byBareProcess, byProcess, median, pairsOf, scaled, withSides } from './mediaBench.ts';
import { differenceOf, totalOf } from './mediaSide.ts';
import type { Generators, MediaSide, PerProcess } from './mediaSide.ts';
import type { BenchResult } from './result.ts';
import { compare } from './statistics.ts';

const usualSize = 500;
const usualRounds = 16;
const warmUp = 2;
const burstMs = 3_000;
/** Of a burst that only shows how large a sealed frame is. */
const probeMs = 1_000;
/** After the last packet was sent, for those that are on their way. */
const drainMs = 2_000;
/** Between two bursts, so that what one set off is over. */
const quietMs = 300;
const reach = { p50: 1.05 };

interface Round {
  /** Microseconds of processor per packet that the workers sent. */
  readonly cpu: PerProcess;
  readonly forwarded: number;
  /** Of those that should have come, by the receivers' count. */
  readonly lost: number;
  readonly sealedBytes: number;
  readonly generatorCpuMs: number;
}

const forwardOnce = async (
  side: MediaSide,
  generators: Generators,
  ms: number,
  wantedBytes: number,
): Promise<Round> => {
  await side.count();
  const forwardedBefore = await side.forwarded();
  await pause(quietMs);
  const [before, generatorBefore] = [side.cpuMs(), await generators.cpuMs()];
  const { packets, sealedBytes } = await side.burst(ms, wantedBytes);
  const counted = await side.arrived(packets, drainMs);
  const used = differenceOf(side.cpuMs(), before);
  const generatorCpuMs = (await generators.cpuMs()) - generatorBefore;
  const forwarded = (await side.forwarded()) - forwardedBefore;
  const cpu = scaled(used, 1_000 / forwarded);
  return { cpu, forwarded, lost: packets * counted.viewers - counted.packets, sealedBytes, generatorCpuMs };
};

const fill = async (side: MediaSide, size: number): Promise<void> => {
  await side.meet();
  await side.publish('speech');
  await side.join(await side.invite(size));
};

const measure = (size: number, run: Run): Promise<BenchResult> =>
  withSides(run, size + 1, async ({ ours, bare, generators }) => {
    await fill(ours, size);
    await fill(bare, size);
    run.say(`${size} receivers are at each server`);
    let { sealedBytes } = await ours.burst(probeMs, 0);
    await pause(drainMs);
    const taken: { ours: Round[]; bare: Round[] } = { ours: [], bare: [] };
    const figure =
      (name: 'ours' | 'bare', side: MediaSide) =>
      async (round: number): Promise<number> => {
        const forwarded = await forwardOnce(side, generators, burstMs, sealedBytes);
        ({ sealedBytes } = forwarded);
        if (round >= 0) taken[name].push(forwarded);
        return totalOf(forwarded.cpu);
      };
    const rounds = run.rounds ?? usualRounds;
    await alternate({ rounds, warmUp: Math.min(warmUp, rounds) }, figure('ours', ours), figure('bare', bare));
    const costs = pairsOf(taken.ours, taken.bare, ({ cpu }) => totalOf(cpu));
    const lost = (name: 'ours' | 'bare'): number => taken[name].reduce((sum, round) => sum + round.lost, 0);
    const generatorUs = (name: 'ours' | 'bare'): number =>
      median(taken[name].map(({ generatorCpuMs, forwarded }) => (generatorCpuMs * 1_000) / forwarded));
    return {
      name: 'forward',
      case: 'server CPU of one packet, Opus',
      participants: size,
      unit: 'µs',
      beside: 'bare mediasoup',
      ...compare(costs, run.seed),
      seed: run.seed,
      reach,
      also: {
        ...byProcess(
          taken.ours.map(({ cpu }) => cpu),
          'µs',
        ),
        ...byBareProcess(
          taken.bare.map(({ cpu }) => cpu),
          'µs',
        ),
        'packets a burst': median(taken.ours.map(({ forwarded }) => forwarded)),
        'packets a burst, bare': median(taken.bare.map(({ forwarded }) => forwarded)),
        'lost, all bursts': lost('ours'),
        'lost, bare': lost('bare'),
        'bytes of a sealed frame': sealedBytes,
        'generator µs a packet': generatorUs('ours'),
        'generator µs a packet, bare': generatorUs('bare'),
        'media workers': run.workers,
      },
      details: { ours: taken.ours, bare: taken.bare },
    };
  });

export const forward: Bench = {
  name: 'forward',
  run: async (run) => [await measure(run.participants ?? usualSize, run)],
};
