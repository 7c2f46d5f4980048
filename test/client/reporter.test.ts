import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, it } from 'node:test';
import { Age } from '../../src/client/session/clock.ts';
import { emptyTally } from '../../src/client/session/frameStreams.ts';
import { Reporter } from '../../src/client/session/reporter.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import type { ClientNoticeData } from '../../src/protocol/signaling.ts';
import { clientNotices } from '../../src/protocol/signaling.ts';
import { limits } from '../../src/protocol/timers.ts';
import { hears, passUntil, Scene, stream } from './scene.ts';
import { VirtualClock } from './virtualClock.ts';

const hop = { srtpCipher: 'AEAD_AES_256_GCM', dtlsCipher: 'TLS_A', tlsVersion: 'FEFC' };

const make = () => {
  const clock = new VirtualClock();
  const counts = emptyTally();
  const told: { readonly atMs: number; readonly report: ClientNoticeData<'report'> }[] = [];
  const state = { heard: true, closed: false };
  const reporter = new Reporter({
    clock,
    since: new Age(clock),
    counts: async () => {
      if (state.closed) throw new LatchkeyError('closed');
      return { ...counts };
    },
    tell: (report) => {
      if (state.heard) told.push({ atMs: clock.monotonicMs(), report: clientNotices.report.parse(report) });
      return state.heard;
    },
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await turn();
    }
  };
  return { clock, counts, told, state, reporter, pass };
};

describe('a report', () => {
  it('is made only of what is new, and only when something is', async () => {
    const { counts, told, reporter, pass } = make();
    await pass(20_000);
    assert.deepEqual(told, []);
    reporter.hop(hop);
    counts.badTag = 2;
    counts.opened = 70;
    await pass(20_000);
    assert.deepEqual(
      told.map(({ report }) => report),
      [{ hop, dropped: { badTag: 2 } }],
    );
    counts.badTag = 5;
    counts.missingKey = 1;
    reporter.hop({ ...hop });
    await pass(20_000);
    assert.deepEqual(
      told.slice(1).map(({ report }) => report),
      [{ dropped: { missingKey: 1, badTag: 3 } }],
    );
    reporter.close();
  });

  it('comes no more often than is looked at', async () => {
    const { counts, told, reporter, pass } = make();
    for (let times = 0; times < 60; times++) {
      counts.replayed++;
      await pass(500);
    }
    assert.ok(told.length >= 4);
    for (const [at, { atMs }] of told.entries()) {
      const before = told[at - 1];
      if (before !== undefined) assert.ok(atMs - before.atMs >= limits.reportMs);
    }
    reporter.close();
  });

  it('says once how long the first frame took, from when it was opened', async () => {
    const { clock, told, reporter, pass } = make();
    clock.advance(1_500);
    reporter.opened();
    clock.advance(100);
    reporter.opened();
    await pass(30_000);
    assert.deepEqual(
      told.map(({ report }) => report),
      [{ firstFrameMs: 1_500 }],
    );
    reporter.close();
  });

  it('that nobody heard is told with the next', async () => {
    const { counts, told, state, reporter, pass } = make();
    state.heard = false;
    reporter.opened();
    counts.staleEpoch = 1;
    await pass(10_000);
    state.heard = true;
    counts.staleEpoch = 3;
    await pass(10_000);
    assert.deepEqual(
      told.map(({ report }) => report),
      [{ dropped: { staleEpoch: 3 }, firstFrameMs: 0 }],
    );
    reporter.close();
  });

  it('tells of very much in parts that the server takes', async () => {
    const { counts, told, reporter, pass } = make();
    counts.malformed = 1_000_007;
    await pass(14_000);
    assert.deepEqual(
      told.map(({ report }) => report.dropped?.malformed),
      [1_000_000, 7],
    );
    reporter.close();
  });

  it('does not come after the end, nor where the keys are gone', async () => {
    const { counts, told, state, reporter, pass } = make();
    counts.badTag = 1;
    state.closed = true;
    await pass(10_000);
    state.closed = false;
    reporter.close();
    reporter.close();
    await pass(20_000);
    assert.deepEqual(told, []);
  });
});

describe('a participant', () => {
  const scene = new Scene();
  afterEach(() => scene.close());

  it('reports its hop, its first frame and what it dropped', async () => {
    const to = await scene.start();
    const clock = new VirtualClock();
    const ann = await scene.join('Ann', { clock });
    const ben = await scene.join('Ben');
    to.rotate({ joins: [to.member('Ann'), to.member('Ben')] });
    await Promise.all([ann, ben].map(({ session }) => session.keyed(60_000)));
    assert.ok(await hears(ann, ben));
    const open = ann.agent.receiver({ lease: ben.session.lease, stream }, 'opus');
    await open.open(new Uint8Array(3));
    ann.session.reportHop(hop);
    const member = to.member('Ann');
    await passUntil(clock, member.sent('report'));
    const [report] = member.reports;
    assert.deepEqual(report?.hop, hop);
    assert.deepEqual(report.dropped, { malformed: 1 });
    assert.ok(report.firstFrameMs !== undefined && report.firstFrameMs >= 0);
  });
});
