// The watch over a real worker: what it forwards is tapped, honest senders are left alone, each way of breaking the rules is found.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DirectTransport, Router } from 'mediasoup/types';
import { pino } from 'pino';
import type { SenderLease, ViolationKind } from '../../src/media/frameInspector.ts';
import { retiredSlackMs } from '../../src/media/frameInspector.ts';
import { SenderWatch } from '../../src/media/senderWatch.ts';
import type { ReportedViolation } from '../../src/media/senderWatch.ts';
import { TapLimit } from '../../src/media/tapLimit.ts';
import { MediaWorkers } from '../../src/media/workers.ts';
import { epochId, lease } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import { InjectedSender, directTransport, moveTo, sealerFor } from './injectedSender.ts';
import type { Sealer } from './injectedSender.ts';
import { mediaSettings } from './mediaSettings.ts';

const pace = { turnMs: 200, restMs: 20, videoSpacingMs: 500 };
/** For a violation of one sender among three to be found; of video too, which waits for a key frame. */
const foundWithinMs = retiredSlackMs + 3_000;

let workers: MediaWorkers;
let router: Router;
let transport: DirectTransport;

before(async () => {
  workers = await MediaWorkers.start(mediaSettings, pino({ level: 'silent' }));
  ({ router } = await workers.createRouter(0));
  transport = await directTransport(router);
});

after(() => workers.close());

interface Seat {
  readonly participantId: string;
  leases: SenderLease[];
}

interface Found {
  readonly participantId: string;
  readonly violation: ReportedViolation;
}

/** A meeting of senders and its watch. */
const watching = (t: { after(fn: () => void): void }) => {
  const seats = new Map<string, Seat>();
  const epochs: EpochId[] = [epochId(0)];
  const found: Found[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  /** Resolves once it is true; looked at with every frame that is inspected and every violation. */
  const until = (isTrue: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!isTrue()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const taps = new TapLimit(1);
  const watch = new SenderWatch({
    router,
    nowMs: () => performance.now(),
    whois: (participantId) => seats.get(participantId) ?? null,
    liveEpochs: () => {
      wake();
      return epochs;
    },
    onViolation: (participantId, violation) => {
      found.push({ participantId, violation });
      wake();
    },
    onFailed: (cause) => assert.ifError(cause),
    pace,
    tapLimit: taps,
  });
  const senders: InjectedSender[] = [];
  t.after(() => {
    watch.close();
    for (const { producer } of senders) producer.close();
    assert.equal(taps.running, 0);
  });

  const send = async (
    participantId: string,
    kind: 'audio' | 'video',
    number: number,
    stream: number,
  ): Promise<{ sender: InjectedSender; sealer: Sealer }> => {
    const own: SenderLease = { lease: lease(number), from: epochId(0), until: null };
    const seat = seats.get(participantId) ?? { participantId, leases: [own] };
    seats.set(participantId, seat);
    const sealer = sealerFor({ kind, lease: number, stream, epoch: epochs.at(-1) ?? 0 });
    const sender = await InjectedSender.start(transport, { kind, participantId, stream }, sealer);
    senders.push(sender);
    watch.add(sender.producer);
    return { sender, sealer };
  };

  /** How long until the watch reports this. */
  const finds = async (participantId: string, kind: ViolationKind): Promise<number> => {
    const began = performance.now();
    await until(() => found.some((one) => one.participantId === participantId));
    assert.deepEqual(
      found.map((one) => [one.participantId, one.violation.kind]),
      [[participantId, kind]],
      'this and nothing else',
    );
    const tookMs = performance.now() - began;
    assert.ok(tookMs < foundWithinMs, `found after ${Math.round(tookMs)} ms`);
    return tookMs;
  };

  /** So many frames more, none of them against the rules. */
  const inspected = async (more: number): Promise<void> => {
    const enough = watch.counts.inspected + more;
    await until(() => watch.counts.inspected >= enough);
    assert.deepEqual(found, []);
  };
  return { seats, epochs, found, watch, send, until, finds, inspected };
};

describe('the watch on senders', () => {
  it('honest senders of audio and video raise nothing, through rekeys and a readmission', async (t) => {
    const meeting = watching(t);
    const [ada, bob] = [await meeting.send('ada', 'audio', 1, 0), await meeting.send('bob', 'audio', 2, 0)];
    const camera = await meeting.send('ada', 'video', 1, 1);
    for (const epoch of [1, 2, 3]) {
      await meeting.inspected(40);
      meeting.epochs.push(epochId(epoch));
      for (const { sealer } of [ada, bob, camera]) moveTo(sealer, epoch);
      if (epoch < 2) continue;
      meeting.epochs.shift();
      meeting.watch.retired(epochId(epoch - 2));
    }
    // Bob goes on as lease 7 from epoch 4 on.
    const seat = meeting.seats.get('bob');
    assert.ok(seat);
    seat.leases = [
      { lease: lease(2), from: epochId(0), until: epochId(4) },
      { lease: lease(7), from: epochId(4), until: null },
    ];
    meeting.epochs.push(epochId(4));
    const readmitted = sealerFor({ kind: 'audio', lease: 7, stream: 0, epoch: 4 });
    bob.sender.seal = (plain) => readmitted.seal(plain, 0);
    for (const { sealer } of [ada, camera]) moveTo(sealer, 4);
    await meeting.inspected(80);
    assert.deepEqual(meeting.found, []);
    assert.ok(meeting.watch.counts.turns > 4);
  });

  type Sending = Awaited<ReturnType<ReturnType<typeof watching>['send']>>;
  interface Scene {
    readonly meeting: ReturnType<typeof watching>;
    readonly others: readonly Sending[];
    readonly own: Sending;
  }
  const breaches: readonly (readonly [string, ViolationKind, 'audio' | 'video', (scene: Scene) => void])[] = [
    [
      'another participant’s lease',
      'foreignLease',
      'audio',
      ({ own: { sender } }) => {
        const stolen = sealerFor({ kind: 'audio', lease: 1, stream: 0, epoch: 0 });
        sender.seal = (plain) => stolen.seal(plain, 0);
      },
    ],
    [
      'an epoch that was retired',
      'deadEpoch',
      'audio',
      ({ meeting, others }) => {
        meeting.epochs.push(epochId(1));
        for (const { sealer } of others) moveTo(sealer, 1);
        meeting.epochs.shift();
        meeting.watch.retired(epochId(0));
      },
    ],
    ['an epoch that never was', 'deadEpoch', 'video', ({ own: { sealer } }) => moveTo(sealer, 9)],
    [
      'counters that begin again under the same key',
      'repeatedCounter',
      'audio',
      ({ own: { sender } }) => {
        const again = sealerFor({ kind: 'audio', lease: 3, stream: 0, epoch: 0 });
        const sealer = sealerFor({ kind: 'audio', lease: 3, stream: 0, epoch: 0 });
        let turn = 0;
        sender.seal = (plain) => (turn++ % 2 === 0 ? sealer : again).seal(plain, 0);
      },
    ],
    [
      'counters that begin again, in video of several packets a frame',
      'repeatedCounter',
      'video',
      ({ own: { sender } }) => {
        const both = [1, 2].map(() => sealerFor({ kind: 'video', lease: 3, stream: 0, epoch: 0 }));
        let turn = 0;
        sender.seal = (plain) => both[turn++ % 2]?.seal(plain, 0) ?? plain;
      },
    ],
    [
      'audio in clear',
      'malformed',
      'audio',
      ({ own: { sender } }) => void (sender.seal = (plain) => plain.fill(0xfc)),
    ],
    [
      'video in clear',
      'malformed',
      'video',
      ({ own: { sender } }) => void (sender.seal = (plain) => plain.fill(0xfc, 1)),
    ],
  ];

  for (const [what, kind, media, breach] of breaches) {
    it(`finds ${what}, of one sender among three`, async (t) => {
      const meeting = watching(t);
      const others = [await meeting.send('ada', 'audio', 1, 0), await meeting.send('bob', 'audio', 2, 0)];
      const own = await meeting.send('cleo', media, 3, 0);
      await meeting.inspected(40);
      breach({ meeting, others, own });
      const tookMs = await meeting.finds('cleo', kind);
      t.diagnostic(`${what}: found after ${Math.round(tookMs)} ms`);
    });
  }

  it('reports a producer once, and leaves one that is closed alone', async (t) => {
    const meeting = watching(t);
    const { sender } = await meeting.send('ada', 'audio', 1, 0);
    const bob = await meeting.send('bob', 'audio', 2, 0);
    await meeting.inspected(20);
    sender.seal = (plain) => plain.fill(0xfc);
    await meeting.finds('ada', 'malformed');
    const { inspected, turns } = meeting.watch.counts;
    await meeting.until(() => meeting.watch.counts.turns >= turns + 3);
    assert.equal(meeting.found.length, 1);
    assert.ok(meeting.watch.counts.inspected > inspected, 'the other is still watched');
    bob.sender.producer.close();
    meeting.watch.close();
    meeting.watch.close();
  });
});
