import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import { startTestServer } from './testServer.ts';
import type { TestServer } from './testServer.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer(
    {},
    { 'web/index.html': '<!doctype html>', 'sdk/latchkey.js': 'export {};' },
  );
});
after(() => server.close());

test('/healthz answers while the process lives', async () => {
  const { status, headers, json } = await server.ask('/healthz');
  assert.equal(status, 200);
  assert.equal(headers['cache-control'], 'no-store');
  assert.deepEqual(json(), { ok: true });
});

test('/readyz says whether new meetings can be served, and why not', async () => {
  assert.equal((await server.ask('/readyz')).status, 200);
  server.readiness = { ready: false, reasons: ['draining', 'a media worker is being started again'] };
  const { status, json } = await server.ask('/readyz');
  assert.equal(status, 503);
  assert.deepEqual(json(), { ready: false, reasons: server.readiness.reasons });
  assert.equal((await server.ask('/healthz')).status, 200);
  server.readiness = { ready: true, reasons: [] };
  assert.equal((await server.ask('/readyz')).status, 200);
});

test('/.well-known/latchkey.json says who this is, and that the server makes the keys, to every page', async () => {
  const { headers, json } = await server.ask('/.well-known/latchkey.json');
  const identity = json();
  assert.deepEqual(Object.keys(identity), ['name', 'version', 'protocol', 'keying', 'signingKey']);
  assert.deepEqual(
    [identity['name'], identity['version'], identity['protocol'], identity['keying']],
    ['latchkey', '1.2.3', 1, 'server'],
  );
  assert.deepEqual(fromBase64Url(String(identity['signingKey'])), new Uint8Array(server.signingKey));
  assert.equal(headers['access-control-allow-origin'], '*');
  assert.equal(headers['cross-origin-resource-policy'], 'cross-origin');
});

test('/metrics counts requests by route, never by what stood in the address, and promtool agrees', async () => {
  const marks = ['one-id-of-a-meeting', 'a-query', 'nowhere-at-all'];
  const paths = [
    `/v1/meetings/${marks[0]}`,
    `/healthz?token=${marks[1]}`,
    `/${marks[2]}`,
    `/m/${marks[0]}`,
    '/sdk/latchkey.js',
  ];
  for (const path of paths) await server.ask(path);
  await server.ask('/healthz', { method: 'PROPFIND' });
  const { headers, text } = await server.ask('/metrics');
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  for (const mark of marks) assert.ok(!text.includes(mark), mark);
  const routes = [...text.matchAll(/^latchkey_http_requests_total\{(.+)\} \d+$/gm)].map(
    ([, labels]) => labels,
  );
  for (const expected of [
    'route="/v1/meetings/:id",method="GET",status="401"',
    'route="/healthz",method="GET",status="200"',
    'route="none",method="GET",status="404"',
    'route="none",method="other",status="404"',
    'route="page",method="GET",status="200"',
    'route="file",method="GET",status="200"',
  ]) {
    assert.ok(routes.includes(expected), `${expected} not in\n${routes.join('\n')}`);
  }
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(`${checked.stdout}${checked.stderr}`, '');
  assert.equal(checked.status, 0);
});

test('the log has a line for each request, with its number and route and without its address', async () => {
  server.lines.length = 0;
  const { headers } = await server.ask('/healthz?token=a-token-in-a-query');
  const line = JSON.parse(server.lines.at(-1) ?? '') as Record<string, unknown>;
  assert.equal(line['event'], 'http.answered');
  assert.equal(line['request'], headers['x-request-id']);
  assert.equal(line['route'], '/healthz');
  assert.equal(line['status'], 200);
  assert.ok(!server.lines.join('').includes('a-token-in-a-query'));
});
