// A participant that falls silent without a word: the published bound is 2 × pingMs until its connection is taken for lost, then the resume
// window, and from there on it is a departure like others.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { startCuttable } from './cuttable.ts';

const pingMs = 400;
const resumeWindowMs = 600;
const departureWindowMs = 250;
/** Timers of a busy machine are late. */
const latenessMs = 1_000;

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({
    LATCHKEY_TIMERS_PING_MS: String(pingMs),
    LATCHKEY_TIMERS_RESUME_WINDOW_MS: String(resumeWindowMs),
    LATCHKEY_TIMERS_DEPARTURE_WINDOW_STAGE_MS: String(departureWindowMs),
    LATCHKEY_TIMERS_ACK_DEADLINE_MS: '500',
  });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

describe('a participant that falls silent', () => {
  it('has departed, and cannot open what follows, within the bound', async (t) => {
    const way = await startCuttable(server.url);
    const meeting = await api(server).createMeeting();
    const ada = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
    const bob = await joinAsNode(way.url, await api(server).token(meeting, 'Bob'));
    const { epoch } = await bob.epochWhere(() => true);
    await ada.epochWhere((state) => state.epoch === epoch);
    const left = new Promise<string>((resolve) =>
      ada.session.on('participantLeft', ({ cause }) => resolve(cause)),
    );
    const silentAtMs = performance.now();
    way.stall();
    assert.equal(await left, 'lost');
    const departedMs = performance.now() - silentAtMs;
    await ada.epochWhere(({ trigger }) => trigger === 'departure');
    const rekeyedMs = performance.now() - silentAtMs;
    t.diagnostic(`departed after ${departedMs.toFixed(0)} ms, rekeyed after ${rekeyedMs.toFixed(0)} ms`);
    const boundMs = 2 * pingMs + resumeWindowMs;
    assert.ok(departedMs <= boundMs + latenessMs, `${departedMs} ms`);
    assert.ok(departedMs >= resumeWindowMs, 'not before its window');
    assert.ok(rekeyedMs <= boundMs + departureWindowMs + latenessMs, `${rekeyedMs} ms`);
    assert.equal(bob.held.session.has(ada.session.epoch?.epoch ?? epoch), false);
    bob.session.close();
    await ada.session.leave();
    await way.close();
  });
});
