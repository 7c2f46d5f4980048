import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { allowsPageOverLoopback } from '../../src/http/access.ts';
import { isLoopbackAddress, isLoopbackHost } from '../../src/http/loopback.ts';
import { assertProblem } from './problem.ts';
import { apiSecret, ask, authorized, startTestServer } from './testServer.ts';
import type { TestServer } from './testServer.ts';

/** What Chromium sends when the page at `origin` asks its own server. */
const browser = (
  origin: string,
  changes: Record<string, string | undefined> = {},
): Record<string, string> => {
  const headers = {
    host: new URL(origin).host,
    origin,
    'sec-fetch-site': 'same-origin',
    'sec-fetch-mode': 'cors',
    'sec-fetch-dest': 'empty',
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
};

describe('the API secret', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  const routes = [
    ['POST', '/v1/meetings'],
    ['GET', '/v1/meetings'],
    ['GET', '/v1/meetings/x'],
    ['DELETE', '/v1/meetings/x'],
    ['POST', '/v1/meetings/x/tokens'],
  ] as const;

  test('is asked for by every route of the API before anything else is looked at', async () => {
    for (const [method, path] of routes) {
      const answer = await server.ask(path, { method, body: '{"broken' });
      assertProblem(answer, 'unauthorized', `${method} ${path}`);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
  });

  test('is right or wrong as a whole', async () => {
    const wrong = [
      '',
      'Bearer',
      'Bearer ',
      apiSecret,
      `Basic ${apiSecret}`,
      `Bearer ${apiSecret.slice(1)}`,
      `Bearer ${apiSecret}x`,
      `Bearer ${apiSecret} x`,
      `Bearer ${apiSecret.toUpperCase()}`,
      `Bearer ${'x'.repeat(5_000)}`,
      `Bearer, Bearer ${apiSecret}`,
    ];
    for (const authorization of wrong) {
      const answer = await server.ask('/v1/meetings', { headers: { authorization } });
      assertProblem(answer, 'unauthorized', authorization);
    }
    for (const authorization of [`Bearer ${apiSecret}`, `bearer ${apiSecret}`, `BEARER  ${apiSecret}`]) {
      assert.equal((await server.ask('/v1/meetings', { headers: { authorization } })).status, 200);
    }
  });

  test('is not taken from a query or a body', async () => {
    assertProblem(await server.ask(`/v1/meetings?access_token=${apiSecret}`), 'unauthorized');
    const body = { access_token: apiSecret };
    assertProblem(await server.ask('/v1/meetings', { method: 'POST', body }), 'unauthorized');
  });

  test('makes the page and other origins unnecessary: whoever shows it may come from anywhere', async () => {
    const headers = { ...browser('http://evil.example', { 'sec-fetch-site': 'cross-site' }), ...authorized };
    assert.equal((await server.ask('/v1/meetings', { method: 'POST', headers, body: {} })).status, 201);
  });

  test('no other origin is ever allowed to read an answer', async () => {
    const headers = { origin: 'http://evil.example', 'access-control-request-method': 'POST' };
    for (const method of ['OPTIONS', 'GET']) {
      const answer = await server.ask('/v1/meetings', { method, headers });
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      assert.ok(answer.status >= 400);
    }
  });
});

describe('the page over loopback', () => {
  let server: TestServer;
  let own: string;
  before(async () => {
    server = await startTestServer();
    own = `http://127.0.0.1:${server.port}`;
  });
  after(() => server.close());

  const create = (headers: Record<string, string>) =>
    server.ask('/v1/meetings', { method: 'POST', headers, body: {} });

  test('makes a meeting, sees it, and makes a token, without the secret', async () => {
    const made = await create(browser(own));
    assert.equal(made.status, 201);
    const path = `/v1/meetings/${String(made.json()['id'])}`;
    const tokens = await server.ask(`${path}/tokens`, {
      method: 'POST',
      headers: browser(own),
      body: { name: 'Ada', role: 'host' },
    });
    assert.equal(tokens.status, 201);
    // A browser sends no Origin with a GET to the page's own server.
    assert.equal((await server.ask(path, { headers: browser(own, { origin: undefined }) })).status, 200);
    await server.ask(path, { method: 'DELETE', headers: authorized });
  });

  test('goes by any name of loopback, as the browser was told', async () => {
    for (const origin of [`http://localhost:${server.port}`, `http://127.0.0.1:${server.port}`]) {
      const answer = await server.ask('/v1/meetings/none', { headers: browser(origin) });
      assertProblem(answer, 'meeting_not_found', origin);
    }
  });

  test('neither lists nor ends meetings', async () => {
    assertProblem(await server.ask('/v1/meetings', { headers: browser(own) }), 'unauthorized');
    const ended = await server.ask('/v1/meetings/none', { method: 'DELETE', headers: browser(own) });
    assertProblem(ended, 'unauthorized');
  });

  test('is not accepted with a wrong secret', async () => {
    assertProblem(await create({ ...browser(own), authorization: 'Bearer wrong' }), 'unauthorized');
    assertProblem(await create({ ...browser(own), authorization: '' }), 'unauthorized');
  });

  test("a stranger's page cannot do the same: cross-site, same-site on another port, by form, by rebinding", async () => {
    const { port } = server;
    const evil = `http://evil.example:${port}`;
    const attempts: Record<string, Record<string, string>> = {
      'cross-site': browser(own, { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' }),
      'another port of this machine': browser(own, {
        origin: 'http://127.0.0.1:9999',
        'sec-fetch-site': 'same-site',
      }),
      'an opaque origin, as of a sandboxed frame or a file': browser(own, {
        origin: 'null',
        'sec-fetch-site': 'cross-site',
      }),
      'a lying Sec-Fetch-Site with the true origin': browser(own, { origin: 'http://evil.example' }),
      'the true Sec-Fetch-Site with a lying origin': browser(own, { 'sec-fetch-site': 'cross-site' }),
      'an address typed or a bookmark': browser(own, { 'sec-fetch-site': 'none' }),
      'a program or an old browser': browser(own, { 'sec-fetch-site': undefined }),
      'no origin on what changes something': browser(own, { origin: undefined }),
      'a name that resolves to loopback': browser(evil),
      'rebinding without a port': browser('http://evil.example'),
      'a name that begins like ours': browser(`http://localhost.evil.example:${port}`),
      'a name that begins like our address': browser(`http://127.0.0.1.nip.io:${port}`),
      'a subdomain of localhost': browser(`http://evil.localhost:${port}`),
      'localhost with a dot': browser(`http://localhost.:${port}`),
      'the wildcard address': browser(`http://0.0.0.0:${port}`),
      'our name on another port': browser('http://127.0.0.1:9999'),
      'our name without a port': browser('http://127.0.0.1'),
      'https where we speak http': browser(own, { origin: `https://127.0.0.1:${port}` }),
      'another name of ours as origin': browser(own, { origin: `http://localhost:${port}` }),
      'two origins': browser(own, { origin: `${own}, ${own}` }),
      'a user before the host': browser(own, { host: `evil@127.0.0.1:${port}` }),
      'a path after the host': browser(own, { host: `127.0.0.1:${port}/` }),
      'a short spelling of the address': browser(own, {
        host: `127.1:${port}`,
        origin: `http://127.1:${port}`,
      }),
      'a number for the address': browser(own, { host: `2130706433:${port}` }),
    };
    for (const [what, headers] of Object.entries(attempts)) {
      assertProblem(await create(headers), 'unauthorized', what);
    }
    assert.equal(server.meetings.list().length, 0);
  });

  test('a proxy before the server brings strangers: what it forwards is not the page', async () => {
    for (const [name, value] of Object.entries({
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'meet.example.org',
      'x-forwarded-proto': 'https',
      forwarded: 'for=203.0.113.9',
      via: '1.1 proxy',
      'x-real-ip': '203.0.113.9',
      'cf-connecting-ip': '203.0.113.9',
    })) {
      assertProblem(await create({ ...browser(own), [name]: value }), 'unauthorized', name);
    }
  });

  test('HTTP/1.0, which proxies speak and browsers do not, is not the page; nor is a request without a host', async () => {
    const speak = (version: string, host?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(server.port, '127.0.0.1');
        const headers = Object.entries(browser(own, host === undefined ? {} : { host }));
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
        socket.end(`GET /v1/meetings/none HTTP/${version}\r\n${lines}Connection: close\r\n\r\n`);
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('end', () => resolve(text.split('\r\n', 1)[0] ?? ''));
        socket.on('error', reject);
      });
    assert.match(await speak('1.1'), / 404 /);
    assert.match(await speak('1.0'), / 401 /);
    assert.match(await speak('1.1', ''), / 401 /);
  });
});

test('over IPv6 loopback the page is the page too', async (t) => {
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === '::1');
  if (!hasIpv6) return t.skip('this machine has no ::1');
  const server = await startTestServer({ http: { host: '::1' } });
  t.after(() => server.close());
  const headers = browser(`http://[::1]:${server.port}`);
  assert.equal((await server.ask('/v1/meetings', { method: 'POST', headers, body: {} })).status, 201);
});

test('a server that listens beyond loopback, or may have something before it, makes no exception', async () => {
  for (const settings of [
    { http: { host: '0.0.0.0' } },
    { http: { publicUrl: 'https://meet.example.org' } },
    { http: { trustedProxies: ['loopback'] } },
    { api: { pageOverLoopback: false } },
  ]) {
    const server = await startTestServer(settings);
    const own = `http://127.0.0.1:${server.port}`;
    const asked = { method: 'POST', body: {} };
    try {
      const refused = await ask(`${own}/v1/meetings`, { ...asked, headers: browser(own) });
      assertProblem(refused, 'unauthorized', JSON.stringify(settings));
      const withSecret = await ask(`${own}/v1/meetings`, { ...asked, headers: authorized });
      assert.equal(withSecret.status, 201);
    } finally {
      await server.close();
    }
  }
});

test('names and addresses of loopback', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.255.0.9', '::1', '[::1]']) {
    assert.ok(isLoopbackHost(host), host);
    const http = { host, publicUrl: undefined, trustedProxies: [] };
    assert.ok(allowsPageOverLoopback({ http, api: { pageOverLoopback: true } }));
  }
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    'localhost.example',
    '127.0.0.1.nip.io',
    '[::2]',
  ]) {
    assert.ok(!isLoopbackHost(host), host);
  }
  assert.ok(isLoopbackAddress('::ffff:127.0.0.1'));
  for (const address of [undefined, '', 'localhost', '::ffff:10.0.0.1', '0.0.0.0']) {
    assert.ok(!isLoopbackAddress(address), String(address));
  }
});
