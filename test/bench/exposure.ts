// How long an evicted participant can still open what is sent: from the cut until the last sender has left every key that it can derive,
// as the server reports it in the eviction's receipt, under its own timers. Some send, as far as the server knows, and are waited for.
// Beside it stands one bare broadcast of equal size to as many sockets, each of which answers.

import { alternate } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { Floor } from './floor.ts';
import { MeetingUnderLoad } from './meetingUnderLoad.ts';
import type { WatchedRekey } from './rekeyWatch.ts';
import type { BenchResult } from './result.ts';
import { compare, quantile, seededRng } from './statistics.ts';

const usualSize = 500;
const senders = 6;
const usualRounds = 200;
const warmUp = 5;
const atMost = { p99: 250 };

const measure = async (size: number, run: Run): Promise<BenchResult> => {
  const rng = seededRng(run.seed);
  const rounds = run.rounds ?? usualRounds;
  const meeting = await MeetingUnderLoad.start(size, {});
  const floor = new Floor();
  try {
    const sending = Math.min(senders, Math.floor(size / 2));
    await meeting.fill(size, sending, run.say);
    await meeting.send(sending);
    await floor.connect(meeting.clients, size);
    run.say(`${size} participants are there, ${sending} of them send`);
    const watched: WatchedRekey[] = [];
    const evict = async (round: number): Promise<number> => {
      const watching = meeting.server.ask<WatchedRekey>('watch', { participants: size - 1 });
      const at = sending + Math.floor(rng() * (meeting.participants.length - sending));
      const [evicted] = meeting.participants.splice(at, 1);
      if (evicted === undefined) throw new Error('nobody is left to evict');
      const { exposureMs } = await meeting.evict(evicted);
      const rekey = await watching;
      if (round >= 0) watched.push(rekey);
      await meeting.join(1);
      await meeting.keyed();
      return exposureMs;
    };
    const bytes = (): number => watched.at(-1)?.bytes ?? 0;
    const broadcast = async (): Promise<number> => (await floor.broadcast(bytes())).lastAnswerMs;
    const pairs = await alternate({ rounds, warmUp: Math.min(warmUp, rounds) }, evict, broadcast);
    return {
      name: 'exposure',
      case: 'an eviction, cut to last confirmation',
      participants: size,
      unit: 'ms',
      beside: 'bare broadcast',
      ...compare(pairs, run.seed),
      seed: run.seed,
      atMost,
      also: {
        'mint to activation ms': quantile(
          watched.map(({ activatedMs }) => activatedMs),
          0.5,
        ),
        'loop held ms, longest': Math.max(...watched.map(({ holdMs }) => holdMs)),
        senders: sending,
      },
      notes: ['whole milliseconds, as the receipt has them'],
    };
  } finally {
    await floor.end();
    await meeting.close();
  }
};

export const exposure: Bench = {
  name: 'exposure',
  run: async (run) => [await measure(run.participants ?? usualSize, run)],
};
