import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, afterEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { assertProblem } from './problem.ts';
import { authorized, maxMeetings, startTestServer } from './testServer.ts';
import type { Answer, TestServer } from './testServer.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const post = (path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Answer> =>
  server.ask(path, {
    method: 'POST',
    headers: { ...authorized, ...headers },
    ...(body === undefined ? {} : { body }),
  });

const createMeeting = async (body: object = {}): Promise<string> =>
  String((await post('/v1/meetings', body)).json()['id']);

test('POST /v1/meetings makes a meeting', async () => {
  const { status, headers, json } = await post('/v1/meetings', { kind: 'broadcast', name: 'All hands' });
  const meeting = json();
  assert.equal(status, 201);
  assert.equal(headers.location, `/v1/meetings/${String(meeting['id'])}`);
  assert.equal(headers['cache-control'], 'no-store');
  assert.deepEqual(Object.keys(meeting), ['id', 'kind', 'name', 'createdAt', 'participants', 'settings']);
  assert.deepEqual(
    [meeting['kind'], meeting['name'], meeting['participants']],
    ['broadcast', 'All hands', 0],
  );
  assert.ok(Math.abs(Date.parse(String(meeting['createdAt'])) - Date.now()) < 60_000);
});

test('a meeting may be keyed in a way of its own, within bounds', async () => {
  const settings = { joinPolicy: 'never', intervalMs: 60_000 };
  const shown = (await post('/v1/meetings', { settings })).json()['settings'];
  assert.deepEqual(shown, {
    joinPolicy: 'never',
    freshForMs: 10_000,
    intervalMs: 60_000,
    renewalIntervalMs: 3_600_000,
    participants: 1_000,
    stage: 100,
    lobby: false,
    backstage: false,
  });
  for (const wrong of [
    { joinPolicy: 'sometimes' },
    { intervalMs: 0 },
    { intervalMs: '5 min' },
    { intervalMs: 86_400_001 },
    { freshForMs: 0.5 },
    { renewalIntervalMs: 999 },
    { epochLifeMs: 1 },
    { participants: 0 },
    { stage: '5' },
    { lobby: 1 },
    { backstage: 'yes' },
  ]) {
    assertProblem(await post('/v1/meetings', { settings: wrong }), 'malformed');
  }
});

test('kind and name may be left out, the body too', async () => {
  for (const body of [{}, undefined]) {
    const meeting = (await post('/v1/meetings', body)).json();
    assert.equal(meeting['kind'], 'interactive');
    assert.ok(!('name' in meeting));
  }
});

test('a meeting is shown, listed and ended; what has ended is gone', async () => {
  const [first, second] = [await createMeeting({ name: 'One' }), await createMeeting({ name: 'Two' })];
  const shown = (await server.ask(`/v1/meetings/${first}`, { headers: authorized })).json();
  assert.equal(shown['name'], 'One');
  const { meetings } = (await server.ask('/v1/meetings', { headers: authorized })).json();
  assert.deepEqual((meetings as { id: string }[]).map(({ id }) => id).toSorted(), [first, second].toSorted());

  const ended = await server.ask(`/v1/meetings/${first}`, { method: 'DELETE', headers: authorized });
  assert.deepEqual([ended.status, ended.text], [204, '']);
  assertProblem(await server.ask(`/v1/meetings/${first}`, { headers: authorized }), 'meeting_ended');
  assertProblem(await post(`/v1/meetings/${first}/tokens`, { name: 'Ada', role: 'host' }), 'meeting_ended');
  assertProblem(
    await server.ask(`/v1/meetings/${first}`, { method: 'DELETE', headers: authorized }),
    'meeting_ended',
  );
  assert.equal((await server.ask(`/v1/meetings/${second}`, { headers: authorized })).status, 200);
});

test('POST /v1/meetings/:id/tokens gives a token for that meeting, and says until when', async () => {
  const id = await createMeeting();
  const { status, json } = await post(`/v1/meetings/${id}/tokens`, {
    name: 'Ada',
    role: 'presenter',
    ttl: 60,
  });
  assert.equal(status, 201);
  const { token, expiresAt, ...rest } = json();
  assert.deepEqual(rest, {});
  const claims = await server.tokens.verify(String(token), id);
  assert.deepEqual([claims.name, claims.role, claims.meeting], ['Ada', 'presenter', id]);
  assert.equal(Date.parse(String(expiresAt)), claims.expiresAtSeconds * 1_000);
  assert.ok(Math.abs(Date.parse(String(expiresAt)) - Date.now() - 60_000) < 5_000);
});

test("a token may be bound to a participant's Ed25519 key", async () => {
  const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const id = await createMeeting();
  const { json } = await post(`/v1/meetings/${id}/tokens`, { name: 'Ada', role: 'host', cnf: { jwk } });
  assert.deepEqual((await server.tokens.verify(String(json()['token']))).confirmation, { jwk });
});

test('fields that are wrong, missing or unknown are named, and nothing is made', async () => {
  const id = await createMeeting();
  const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const cases: readonly (readonly [path: string, body: object, fields: readonly string[]])[] = [
    ['/v1/meetings', { kind: 'lecture' }, ['kind']],
    ['/v1/meetings', { name: '' }, ['name']],
    ['/v1/meetings', { name: 'x'.repeat(81) }, ['name']],
    ['/v1/meetings', { name: 'line\nbreak' }, ['name']],
    ['/v1/meetings', { name: 'turned \u202E around' }, ['name']],
    ['/v1/meetings', { name: ' spaces ' }, ['name']],
    ['/v1/meetings', { name: 'half \ud800' }, ['name']],
    ['/v1/meetings', { name: null }, ['name']],
    ['/v1/meetings', { nmae: 'x', knid: 'y' }, ['nmae', 'knid']],
    ['/v1/meetings', [], ['']],
    [`/v1/meetings/${id}/tokens`, {}, ['name', 'role']],
    [`/v1/meetings/${id}/tokens`, { name: 'Ada', role: 'admin' }, ['role']],
    [`/v1/meetings/${id}/tokens`, { name: 'Ada', role: 'host', ttl: 0 }, ['ttl']],
    [`/v1/meetings/${id}/tokens`, { name: 'Ada', role: 'host', ttl: '60' }, ['ttl']],
    [`/v1/meetings/${id}/tokens`, { name: 'Ada', role: 'host', ttl: 86_401 }, []],
    [
      `/v1/meetings/${id}/tokens`,
      { name: 'Ada', role: 'host', cnf: { jwk: { ...jwk, d: jwk.x } } },
      ['cnf.jwk.d'],
    ],
    [
      `/v1/meetings/${id}/tokens`,
      { name: 'Ada', role: 'host', cnf: { jwk: { ...jwk, x: 'AA' } } },
      ['cnf.jwk.x'],
    ],
  ];
  for (const [path, body, fields] of cases) {
    assert.deepEqual(assertProblem(await post(path, body), 'malformed'), fields, JSON.stringify(body));
  }
  assert.equal(server.meetings.list().length, 1);
});

test('a body that is not JSON, not said to be, compressed, or too large is refused', async () => {
  const json = { 'content-type': 'application/json' };
  for (const body of ['{', 'null', '"text"', '{"a":1}x', '\ufeff{}x']) {
    assertProblem(await post('/v1/meetings', body, json), 'malformed', body);
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    assertProblem(await post('/v1/meetings', '{}', { 'content-type': type }), 'malformed', type);
  }
  assertProblem(await post('/v1/meetings', '{}'), 'malformed', 'no type');
  const packed = await server.ask('/v1/meetings', {
    method: 'POST',
    headers: { ...authorized, ...json, 'content-encoding': 'gzip' },
    body: gzipSync('{}'),
  });
  assertProblem(packed, 'malformed');
  assertProblem(await post('/v1/meetings', { name: 'x'.repeat(17_000) }), 'too_large');
  assert.equal(server.meetings.list().length, 0);
});

test('nothing that was sent comes back in an error', async () => {
  const mark = 'sent-by-mistake';
  const answers = [
    await post('/v1/meetings', `{"${mark}`, { 'content-type': 'application/json' }),
    await post('/v1/meetings', { kind: mark }),
    await server.ask(`/${mark}`),
    await server.ask(`/v1/meetings/${mark}`, { headers: authorized }),
    await server.ask('/v1/meetings', { headers: { authorization: `Bearer ${mark}` } }),
  ];
  for (const { status, text } of answers) {
    assert.ok(status >= 400);
    assert.ok(!text.includes(mark), text);
  }
});

test('an unknown id is answered the same whatever it looks like', async () => {
  for (const id of ['AAAAAAAAAAAAAAAAAAAAAA', 'x', 'x'.repeat(65), '..%2f..', '%00', 'a%20b', '*']) {
    assertProblem(await server.ask(`/v1/meetings/${id}`, { headers: authorized }), 'meeting_not_found', id);
    assertProblem(
      await post(`/v1/meetings/${id}/tokens`, { name: 'Ada', role: 'host' }),
      'meeting_not_found',
      id,
    );
  }
});

test('when there are as many meetings as may be, the next is told so', async () => {
  for (let made = 0; made < maxMeetings; made++) await createMeeting();
  assertProblem(await post('/v1/meetings', {}), 'too_many_meetings');
});

test('a mistake of ours is logged and told without detail', async () => {
  server.meetings.failure = new Error('the inside of the server');
  const answer = await server.ask('/v1/meetings', { headers: authorized });
  assertProblem(answer, 'internal');
  assert.ok(!answer.text.includes('inside'));
  assert.ok(
    server.lines.some((line) => line.includes('http.failed') && line.includes('the inside of the server')),
  );
  assert.equal((await server.ask('/v1/meetings', { headers: authorized })).status, 200);
});

test('unknown routes and methods are problems of the same form', async () => {
  for (const [path, method] of [
    ['/nowhere', 'GET'],
    ['/v1', 'GET'],
    ['/v1/nowhere', 'POST'],
    ['/v1/meetings/', 'GET'],
    ['/V1/meetings', 'GET'],
    ['/v1/meetings', 'PUT'],
    ['/healthz', 'POST'],
    ['/m/', 'GET'],
    ['/m/a/b', 'GET'],
  ] as const) {
    assertProblem(await server.ask(path, { method, headers: authorized }), 'not_found', `${method} ${path}`);
  }
  assertProblem(await server.ask('/v1/meetings/%', { headers: authorized }), 'malformed');
});
