// Renewal of a meeting of 500: everybody is admitted anew, spread over a time, while a speaker sends and others listen over real media.
// Nobody rejoins, every frame is sealed, and all that arrive open.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { Session } from '../../src/client/session/session.ts';
import { MediaParticipant } from '../participant/mediaParticipant.ts';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { speech, camera } from '../../src/load/syntheticMedia.ts';
import type { SyntheticMedia } from '../../src/load/syntheticMedia.ts';
import { until } from '../participant/until.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';

const participants = 500;
const spreadMs = 6_000;

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({
    LATCHKEY_TIMERS_RENEWAL_SPREAD_MS: String(spreadMs),
    LATCHKEY_LIMITS_PARTICIPANTS_PER_MEETING: String(participants),
    // One process plays everybody here: whoever answers last is as slow as all together.
    LATCHKEY_TIMERS_READMIT_DEADLINE_MS: '10000',
    LATCHKEY_TIMERS_ACK_DEADLINE_MS: '10000',
    LATCHKEY_TIMERS_CONFIRM_GRACE_MS: '10000',
    LATCHKEY_TIMERS_RECEIVER_GRACE_MS: '15000',
  });
});

after(async () => {
  await mediaPeersEnded();
  assert.equal(await server.stop(), 0);
});

const renewal = (session: Session): Promise<string> =>
  new Promise((resolve) => {
    session.on('epoch', ({ trigger, fingerprint }) => {
      if (trigger === 'renewal') resolve(fingerprint);
    });
  });

describe('a renewal of 500', () => {
  it('moves everybody in one rekey, spread over its time, without a pause in media', async (t) => {
    const meeting = await api(server).createMeeting({
      kind: 'broadcast',
      settings: { joinPolicy: 'never', renewalIntervalMs: 20_000 },
    });
    const withMedia = async (name: string, role: 'host' | 'viewer', sends: readonly SyntheticMedia[]) =>
      await MediaParticipant.join({
        name,
        url: server.url,
        token: await api(server).token(meeting, name, role),
        bindAddress: '127.0.0.1',
        sends,
      });
    const speaker = await withMedia('speaker', 'host', [speech, camera]);
    const listeners = [await withMedia('near', 'viewer', []), await withMedia('far', 'viewer', [])];
    const everybody: Session[] = [speaker.session, ...listeners.map(({ session }) => session)];
    const joinOne = async (name: string): Promise<Session> => {
      const token = await api(server).token(meeting, name, 'viewer');
      return (await joinFromNode({ url: server.url, token })).session;
    };
    while (everybody.length < participants) {
      const count = Math.min(25, participants - everybody.length);
      const names = Array.from({ length: count }, (_, index) => `viewer ${everybody.length + index}`);
      everybody.push(...(await Promise.all(names.map(joinOne))));
    }
    await Promise.all(everybody.map((session) => session.keyed(20_000)));
    const leases = everybody.map(({ lease }) => lease);

    const fingerprints = await Promise.all(everybody.map(renewal));
    assert.equal(new Set(fingerprints).size, 1);
    for (const [index, session] of everybody.entries()) {
      assert.notEqual(session.lease, leases[index]);
      assert.equal(session.ended, false);
    }
    // Under the new lease, too, and past the time in which frames of the old one may still be on their way.
    const opened = (): number => Math.min(...listeners.map(({ received }) => received[0]?.opened ?? 0));
    const atRenewal = opened();
    await until('the listeners opened a second more of speech', 10_000, () => opened() >= atRenewal + 50);

    for (const { name, received, failures, ended } of listeners) {
      assert.deepEqual([failures, ended], [[], null], name);
      assert.equal(received.length, 2, 'the same two consumers all the time');
      for (const { missing, refused, longestGapMs, producer } of received) {
        // Frames of an epoch before its first are none of its own.
        const lost = missing.filter(({ acknowledged }) => acknowledged);
        assert.deepEqual([lost, refused], [[], 0], `${name}, ${producer.kind}`);
        t.diagnostic(`${name}, ${producer.kind}: longest gap ${longestGapMs.toFixed(0)} ms`);
        assert.ok(longestGapMs < 1_000, `${longestGapMs} ms`);
      }
    }
    assert.equal((await speaker.counts()).unsealed, 0);
    assert.deepEqual(speaker.pausedIn, []);
    const metrics = await api(server).metrics();
    assert.match(
      metrics,
      new RegExp(`^latchkey_readmissions_total\\{reason="renewal"\\} ${participants}$`, 'm'),
    );
    const asks = server.output().match(/"participants.readmitting","count":\d+,"reason":"renewal"/g) ?? [];
    t.diagnostic(`somebody was asked ${asks.length} times`);
    assert.ok(asks.length > 20, 'the admissions were spread');
    for (const participant of [speaker, ...listeners]) await participant.leave();
    await Promise.all(everybody.map((session) => session.leave()));
  });
});
