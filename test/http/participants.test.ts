import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { assertProblem } from './problem.ts';
import { authorized, startTestServer } from './testServer.ts';
import type { TestServer } from './testServer.ts';

let server: TestServer;
let meeting: string;
beforeEach(async () => {
  server = await startTestServer();
  meeting = server.meetings.create({ kind: 'interactive' }).id;
  server.meetings.present = [{ participantId: 'ada', name: 'Ada', role: 'host', away: false }];
});
afterEach(() => server.close());

const ask = (path: string, method = 'GET', body?: object, headers: Record<string, string> = authorized) =>
  server.ask(`/v1/meetings/${path}`, { method, headers, ...(body === undefined ? {} : { body }) });

test('participants are listed', async () => {
  const { status, json } = await ask(`${meeting}/participants`);
  assert.equal(status, 200);
  assert.deepEqual(json(), { participants: server.meetings.present });
});

test('removing somebody is answered when it is done, with the receipt', async () => {
  const answered = ask(`${meeting}/participants/ada`, 'DELETE');
  let early = true;
  const first = answered.then(() => early);
  await server.meetings.asked;
  early = false;
  const [eviction] = server.meetings.evictions;
  assert.equal(eviction?.participant, 'ada');
  eviction?.done({ epoch: 7, exposureMs: 41.25, acknowledged: 499, missed: 1, paused: 0 });
  const { status, json } = await answered;
  assert.equal(await first, false, 'not before it is done');
  assert.equal(status, 200);
  assert.deepEqual(json(), { epoch: 7, acknowledged: 499, missed: 1, paused: 0, exposureMs: 42 });
});

test('whoever never had a key needs no epoch', async () => {
  const answered = ask(`${meeting}/participants/ada`, 'DELETE');
  await server.meetings.asked;
  server.meetings.evictions[0]?.done({ epoch: null, exposureMs: 0, acknowledged: 0, missed: 0, paused: 0 });
  assert.equal((await answered).json()['epoch'], null);
});

for (const [reason, body] of [
  ['operator', undefined],
  ['operator', { reason: 'operator' }],
  ['compromise', { reason: 'compromise' }],
] as const) {
  test(`a rekey (${reason}, ${JSON.stringify(body)}) is answered when its epoch is in use`, async () => {
    const answered = ask(`${meeting}/rekey`, 'POST', body);
    await server.meetings.asked;
    const [rekey] = server.meetings.rekeys;
    assert.equal(rekey?.reason, reason);
    const fingerprint = new Uint8Array(16).fill(0xab);
    const counts = { tookMs: 12.01, acknowledged: 3, missed: 0 };
    rekey?.done({ epoch: 4, trigger: reason, fingerprint, ...counts });
    const { status, json } = await answered;
    assert.equal(status, 200);
    assert.deepEqual(json(), {
      epoch: 4,
      trigger: reason,
      fingerprint: 'ab'.repeat(16),
      ...counts,
      tookMs: 13,
    });
  });
}

test('what cannot be asked is told by its code', async () => {
  assertProblem(await ask(`${meeting}/participants/bob`, 'DELETE'), 'not_found');
  assertProblem(await ask(`${meeting}/participants/${'x'.repeat(65)}`, 'DELETE'), 'not_found');
  assertProblem(await ask('nowhere/participants'), 'meeting_not_found');
  assertProblem(await ask('nowhere/participants/ada', 'DELETE'), 'meeting_not_found');
  assertProblem(await ask('nowhere/rekey', 'POST'), 'meeting_not_found');
  assertProblem(await ask(`${meeting}/rekey`, 'POST', { reason: 'boredom' }), 'malformed');
  assertProblem(await ask(`${meeting}/rekey`, 'POST', { reason: 'operator', when: 'now' }), 'malformed');
  for (const [path, method] of [
    [`${meeting}/participants`, 'GET'],
    [`${meeting}/participants/ada`, 'DELETE'],
    [`${meeting}/rekey`, 'POST'],
  ] as const) {
    assertProblem(await ask(path, method, undefined, {}), 'unauthorized');
  }
  server.meetings.present = [];
  assertProblem(await ask(`${meeting}/rekey`, 'POST'), 'meeting_idle');
  server.meetings.end(meeting);
  assertProblem(await ask(`${meeting}/rekey`, 'POST'), 'meeting_ended');
});

test('a meeting that ends before its epoch is in use says so', async () => {
  const answered = ask(`${meeting}/rekey`, 'POST');
  await server.meetings.asked;
  server.meetings.rekeys[0]?.done(null);
  assertProblem(await answered, 'meeting_ended');
});
