import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem } from './problem.ts';
import { startTestServer } from './testServer.ts';
import type { TestServer } from './testServer.ts';

const page = '<!doctype html><title>Latchkey</title>';

let server: TestServer;
before(async () => {
  server = await startTestServer(
    {},
    {
      'web/index.html': page,
      'web/favicon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'web/assets/page-1a2b3c.js': 'export {};',
      'web/assets/page-1a2b3c.css': 'body{}',
      'web/.hidden': 'hidden',
      'sdk/latchkey.js': 'export {};',
      'sdk/sframeWorker.js': 'export {};',
      'secret.txt': 'beside the pages',
    },
  );
});
after(() => server.close());

test('the page is answered at / and at the address of every meeting, and never kept without asking again', async () => {
  for (const path of ['/', '/m/AAAAAAAAAAAAAAAAAAAAAA', '/m/x-_9']) {
    const { status, headers, text } = await server.ask(path);
    assert.deepEqual([status, text], [200, page], path);
    assert.match(headers['content-type'] ?? '', /^text\/html; charset=utf-8$/i);
    assert.equal(headers['cache-control'], 'no-cache');
    assert.ok(headers.etag !== undefined);
  }
  assert.equal((await server.ask('/', { method: 'HEAD' })).status, 200);
});

test('files named by their contents are kept for ever, others asked for again', async () => {
  const asset = await server.ask('/assets/page-1a2b3c.js');
  assert.equal(asset.status, 200);
  assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.match((await server.ask('/assets/page-1a2b3c.css')).headers['content-type'] ?? '', /^text\/css/);
  const icon = await server.ask('/favicon.svg');
  assert.match(icon.headers['content-type'] ?? '', /^image\/svg\+xml/);
  assert.equal(icon.headers['cache-control'], 'public, max-age=0');
});

test('the SDK is an ES module that every page may load', async () => {
  for (const path of ['/sdk/latchkey.js', '/sdk/sframeWorker.js']) {
    const { status, headers } = await server.ask(path, { headers: { origin: 'https://app.example' } });
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/javascript/);
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.equal(headers['cross-origin-resource-policy'], 'cross-origin');
  }
  const own = (await server.ask('/assets/page-1a2b3c.js')).headers;
  assert.equal(own['access-control-allow-origin'], undefined);
  assert.equal(own['cross-origin-resource-policy'], 'same-origin');
});

test('every answer carries the headers that keep the page to itself', async () => {
  for (const path of ['/', '/m/x', '/sdk/latchkey.js', '/healthz', '/v1/meetings', '/nowhere']) {
    const { headers } = await server.ask(path);
    const policy = Object.fromEntries(
      String(headers['content-security-policy'])
        .split(';')
        .map((directive) => directive.split(' '))
        .map(([name, ...values]) => [name, values.join(' ')]),
    );
    assert.deepEqual(policy, {
      'default-src': "'self'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': "'self' data: blob:",
      'connect-src': "'self'",
      'worker-src': "'self' blob:",
      'media-src': "'self' blob: mediastream:",
      'object-src': "'none'",
      'base-uri': "'none'",
      'form-action': "'self'",
      'frame-ancestors': "'none'",
    });
    const permissions = String(headers['permissions-policy']);
    for (const allowed of [
      'camera=(self)',
      'microphone=(self)',
      'display-capture=(self)',
      'geolocation=()',
    ]) {
      assert.ok(permissions.split(', ').includes(allowed), allowed);
    }
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['x-powered-by'], undefined);
    // Over plain HTTP a browser ignores it, and on loopback it would lock other programs on other ports out.
    assert.equal(headers['strict-transport-security'], undefined);
  }
});

test('nothing but the built files can be reached', async () => {
  for (const path of [
    '/secret.txt',
    '/../secret.txt',
    '/sdk/../secret.txt',
    '/sdk/..%2fsecret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/.hidden',
    '/assets',
    '/assets/',
    '/sdk',
    '/sdk/',
    '/web/index.html',
  ]) {
    const answer = await server.ask(path);
    assert.ok(answer.status === 404 || answer.status === 400, `${path}: ${answer.status}`);
    assert.ok(!answer.text.includes('beside'), path);
  }
  assertProblem(await server.ask('/sdk/missing.js'), 'not_found');
});

test('a page that has not been built says so', async () => {
  const bare = await startTestServer();
  try {
    assertProblem(await bare.ask('/'), 'not_found');
    assert.match((await bare.ask('/m/x')).text, /has not been built/);
  } finally {
    await bare.close();
  }
});
