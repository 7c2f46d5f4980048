// Hundreds join a meeting within seconds, and many leave it at once, at the real server: no rekey is late, and who is there already is told of
// all of it together.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { Session } from '../../src/client/session/session.ts';
import { limits, timers } from '../../src/protocol/timers.ts';
import { until } from '../participant/until.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { Attendee } from '../signaling/scene.ts';

const participants = 300;
const departures = 100;
/** What a busy machine may be late with an activation that the deadline brings, in milliseconds. */
const slackMs = 1_500;

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({}, { tapped: false });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

interface Activated {
  readonly type: string;
  readonly epoch: number;
  readonly by: string;
  readonly tookMs: number;
}

const activations = async (meeting: string): Promise<Activated[]> =>
  (await api(server).ledger(meeting))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Activated)
    .filter(({ type }) => type === 'activated');

const assertPunctual = (activated: readonly Activated[]): void => {
  assert.ok(activated.length > 0);
  for (const { epoch, by, tookMs } of activated)
    assert.ok(
      tookMs <= timers.ackDeadlineMs.default + slackMs,
      `epoch ${epoch}, by ${by}: ${tookMs.toFixed(0)} ms`,
    );
};

/** What happens is told in so many notices at most; how many they were. */
const toldTogether = async (first: Attendee, act: () => Promise<void>): Promise<number> => {
  const before = first.told('roster').length;
  const beganMs = performance.now();
  await act();
  const seconds = (performance.now() - beganMs) / 1_000;
  const notices = first.told('roster').length - before;
  assert.ok(notices <= limits.rosterDeltasPerSecond * seconds + 2, `${notices} notices in ${seconds} s`);
  return notices;
};

const ids = (sessions: readonly Session[]): string[] =>
  sessions.map(({ self }) => self.participantId).toSorted();

for (const joinPolicy of ['first', 'every'] as const) {
  describe(`a storm of joins under the policy "${joinPolicy}"`, () => {
    it(`of ${participants}, and the going of ${departures}: each has its key in time, everybody knows who is here`, async (t) => {
      const meeting = await api(server).createMeeting({ kind: 'broadcast', settings: { joinPolicy } });
      const first = await Attendee.join(server, meeting, 'First', 'host');
      const tokens = await Promise.all(
        Array.from({ length: participants }, (_, number) =>
          api(server).token(meeting, `Viewer ${number}`, 'viewer'),
        ),
      );
      let sessions: Session[] = [];
      const joinNotices = await toldTogether(first, async () => {
        const beganMs = performance.now();
        const joining = tokens.map(async (token) => (await joinFromNode({ url: server.url, token })).session);
        sessions = await Promise.all(joining);
        t.diagnostic(`${participants} were in after ${Math.round(performance.now() - beganMs)} ms`);
        await Promise.all(sessions.map((session) => session.keyed(30_000)));
        t.diagnostic(`and had a key after ${Math.round(performance.now() - beganMs)} ms`);
        await first.until(() => first.participants.size === participants + 1);
      });
      assert.deepEqual([...first.participants.keys()].toSorted(), [first.id, ...ids(sessions)].toSorted());
      const joined = await activations(meeting);
      assertPunctual(joined);

      const newest = (): number => Math.max(...sessions.map(({ epoch }) => epoch?.epoch ?? -1));
      await until('all are on one epoch', 20_000, () =>
        sessions.every(({ epoch }) => epoch?.epoch === newest()),
      );
      const before = newest();
      const gone = sessions.slice(0, departures);
      const left = sessions.slice(departures);
      const leaveNotices = await toldTogether(first, async () => {
        await Promise.all(gone.map((session) => session.leave()));
        await first.until(() => first.left.size === departures);
      });
      assert.deepEqual([...first.left.keys()].toSorted(), ids(gone));
      assert.deepEqual([...new Set(first.left.values())], ['left']);
      assert.deepEqual([...first.participants.keys()].toSorted(), [first.id, ...ids(left)].toSorted());
      await until('all who stayed are on an epoch of their own', 20_000, () =>
        left.every(({ epoch }) => (epoch?.epoch ?? -1) > before),
      );
      await until('who stayed know who is here', 20_000, () =>
        left.every(({ roster }) => roster.participants.length === left.length),
      );
      const all = await activations(meeting);
      assertPunctual(all);
      assert.ok(all.length > joined.length, 'departures change the key');
      assert.ok(left.every(({ ended }) => !ended));
      const slowest = Math.max(...all.map(({ tookMs }) => tookMs));
      t.diagnostic(
        `${joinNotices} and ${leaveNotices} notices; ${all.length} epochs, the slowest active after ${slowest} ms`,
      );
      await Promise.all(left.map((session) => session.leave()));
      first.client.close();
    });
  });
}
