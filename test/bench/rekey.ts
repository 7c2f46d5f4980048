// A rekey of a whole meeting over real sockets, beside its floor: the same number of bare WebSockets in the same client processes, one
// broadcast of equal size, each client opens one AES-256-GCM seal and answers.

import { alternate } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { Floor } from './floor.ts';
import type { FloorRound } from './floorServer.ts';
import { MeetingUnderLoad, unhurried } from './meetingUnderLoad.ts';
import type { WatchedRekey } from './rekeyWatch.ts';
import type { BenchResult } from './result.ts';
import { compare, quantile } from './statistics.ts';
import type { Pair } from './statistics.ts';

const sizes = [100, 500, 1_000, 5_000] as const;
/** Of the largest, a round takes seconds. */
const usualRounds: Readonly<Record<number, number>> = { 5_000: 30 };
const otherRounds = 200;
const warmUp = 5;
/** What is wanted is wanted at this size. */
const reachAt = 1_000;
const reach = { time: { p50: 1.5, p99: 2 }, cpu: { p50: 1.5 }, holdMs: 50 };

interface Rounds {
  readonly ours: (WatchedRekey & { readonly clientCpuMs: number })[];
  readonly floor: (FloorRound & { readonly clientCpuMs: number })[];
}

const take = async (
  meeting: MeetingUnderLoad,
  floor: Floor,
  size: number,
  rounds: number,
): Promise<Rounds> => {
  const taken: Rounds = { ours: [], floor: [] };
  const withClients = async <T extends object>(
    work: () => Promise<T>,
  ): Promise<T & { clientCpuMs: number }> => {
    const before = await meeting.clientCpuMs();
    const done = await work();
    return { ...done, clientCpuMs: (await meeting.clientCpuMs()) - before };
  };
  let bytes = 0;
  const ours = async (round: number): Promise<number> => {
    const done = await withClients(async () => {
      const watched = meeting.server.ask<WatchedRekey>('watch', { participants: size });
      await meeting.rekey();
      return await watched;
    });
    const { acknowledgements, mints } = done;
    if (acknowledgements !== size || mints !== 1)
      throw new Error(`${acknowledgements} of ${size} acknowledged, of ${mints} rekeys`);
    bytes = done.bytes;
    if (round >= 0) taken.ours.push(done);
    return done.lastAcknowledgementMs;
  };
  const bare = async (round: number): Promise<number> => {
    const done = await withClients(() => floor.broadcast(bytes));
    if (done.answers !== size) throw new Error(`${done.answers} of ${size} answered`);
    if (round >= 0) taken.floor.push(done);
    return done.lastAnswerMs;
  };
  await alternate({ rounds, warmUp: Math.min(warmUp, rounds) }, ours, bare);
  return taken;
};

/** Round by round. */
const pairsOf = (
  { ours, floor }: Rounds,
  of: (one: Rounds['ours'][number]) => number,
  ofFloor: (one: Rounds['floor'][number]) => number,
): Pair[] =>
  ours.flatMap((one, round) => {
    const beside = floor[round];
    return beside === undefined ? [] : [{ ours: of(one), floor: ofFloor(beside) }];
  });

const median = (values: readonly number[]): number => quantile(values, 0.5);

const resultsOf = (taken: Rounds, size: number, custodianMs: number, seed: number): BenchResult[] => {
  const { ours, floor } = taken;
  const common = { name: 'rekey', participants: size, unit: 'ms', beside: 'bare broadcast', seed } as const;
  const wanted = size === reachAt;
  const acknowledged = compare(
    pairsOf(
      taken,
      (one) => one.lastAcknowledgementMs,
      (one) => one.lastAnswerMs,
    ),
    seed,
  );
  const activated = compare(
    pairsOf(
      taken,
      (one) => one.activatedMs,
      (one) => one.lastAnswerMs,
    ),
    seed,
  );
  const cpu = compare(
    pairsOf(
      taken,
      (one) => one.cpuMs + custodianMs,
      (one) => one.cpuMs,
    ),
    seed,
  );
  const holds = ours.map(({ holdMs }) => holdMs);
  return [
    {
      ...common,
      case: 'mint to last acknowledgement',
      ...acknowledged,
      ...(wanted ? { reach: reach.time } : {}),
      also: {
        'handed to all sockets after ms': median(ours.map(({ mintedMs }) => mintedMs)),
        'bytes broadcast': median(ours.map(({ bytes }) => bytes)),
        'client CPU ms': median(ours.map(({ clientCpuMs }) => clientCpuMs)),
        "floor's client CPU ms": median(floor.map(({ clientCpuMs }) => clientCpuMs)),
      },
      notes: ['signatures are checked once a client process, not once a participant'],
    },
    { ...common, case: 'mint to activation', ...activated },
    {
      ...common,
      case: 'server CPU',
      ...cpu,
      ...(wanted ? { reach: reach.cpu } : {}),
      also: {
        'custodian CPU ms, mean': custodianMs,
        confirmations: median(ours.map(({ confirmations }) => confirmations)),
        'loop held ms, median': median(holds),
        'loop held ms, longest': Math.max(...holds),
        ...(wanted ? { 'wanted at most': reach.holdMs } : {}),
        "floor's loop held ms, longest": Math.max(...floor.map(({ holdMs }) => holdMs)),
      },
      notes: ['from the mint until the last acknowledgement and the activation, and 60 ms more'],
    },
  ];
};

const measure = async (size: number, run: Run): Promise<BenchResult[]> => {
  const rounds = run.rounds ?? usualRounds[size] ?? otherRounds;
  const meeting = await MeetingUnderLoad.start(size, unhurried);
  const floor = new Floor();
  try {
    await meeting.fill(size, 0, run.say);
    await floor.connect(meeting.clients, size);
    run.say(`${size} participants are there`);
    const before = meeting.custodianCpuMs();
    const taken = await take(meeting, floor, size, rounds);
    const custodianMs = (meeting.custodianCpuMs() - before) / (rounds + Math.min(warmUp, rounds));
    run.say(`${size} participants: ${rounds} rounds`);
    return resultsOf(taken, size, custodianMs, run.seed);
  } finally {
    await floor.end();
    await meeting.close();
  }
};

export const rekey: Bench = {
  name: 'rekey',
  async run(run) {
    const results: BenchResult[] = [];
    for (const size of run.participants === null ? sizes : [run.participants])
      results.push(...(await measure(size, run)));
    return results;
  },
};
