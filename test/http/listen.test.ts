import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { closeHttpServer, createHttpServer, listen } from '../../src/http/listen.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { assertProblem } from './problem.ts';
import { selfSigned } from './selfSigned.ts';
import { ask, startTestServer } from './testServer.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-tls-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
const write = (text: string, mode = 0o600): string => {
  const file = join(folder, String(files++));
  writeFileSync(file, text, { mode });
  return file;
};

const { cert, key } = selfSigned();
const tls = (certText = cert, keyText = key, keyMode = 0o600) => ({
  http: { tls: { certFile: write(certText, 0o644), keyFile: write(keyText, keyMode) } },
});

const settings = {
  host: '127.0.0.1',
  port: 0,
  publicUrl: undefined,
  tls: { certFile: undefined, keyFile: undefined },
  requestTimeoutMs: 15_000,
  maxConnections: 100,
};

const refused = (code: string, message: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof LatchkeyError);
  assert.equal(thrown.code, code);
  assert.match(thrown.message, message);
  return true;
};

test('with certificate files the server speaks HTTPS, TLS 1.2 or later, and tells browsers to stay there', async () => {
  const server = await startTestServer(tls());
  try {
    assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    const { status, headers } = await server.ask('/healthz');
    assert.equal(status, 200);
    assert.equal(headers['strict-transport-security'], 'max-age=31536000');
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const options = { port: server.port, host: '127.0.0.1', ca: cert, ALPNProtocols: ['h2', 'http/1.1'] };
      const opened = connectTls(options, () => resolve(opened));
      opened.once('error', reject);
    });
    assert.equal(socket.authorized, true);
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    assert.equal(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
    const old = {
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
    } as const;
    await assert.rejects(
      new Promise((resolve, reject) => {
        const opened = connectTls({ ...old, minVersion: 'TLSv1' }, () => resolve(opened));
        opened.once('error', reject);
      }),
    );
  } finally {
    await server.close();
  }
});

test('over HTTPS the page on loopback has https as its origin', async () => {
  const server = await startTestServer(tls());
  try {
    const create = (origin: string) =>
      server.ask('/v1/meetings', {
        method: 'POST',
        headers: { host: `127.0.0.1:${server.port}`, origin, 'sec-fetch-site': 'same-origin' },
        body: {},
      });
    assert.equal((await create(server.url)).status, 201);
    assertProblem(await create(server.url.replace('https', 'http')), 'unauthorized');
  } finally {
    await server.close();
  }
});

test('certificates that cannot be used, and a key that everybody can read, stop the start', async () => {
  await assert.rejects(startTestServer(tls(cert, key, 0o644)), refused('file_too_open', /mode 0644/));
  await assert.rejects(startTestServer(tls('not a certificate')), refused('config_invalid', /http\.tls/));
  await assert.rejects(startTestServer(tls(cert, selfSigned().key)), refused('config_invalid', /http\.tls/));
  const missing = { http: { tls: { certFile: join(folder, 'missing'), keyFile: write(key) } } };
  await assert.rejects(startTestServer(missing), refused('config_invalid', /http\.tls\.certFile: .*missing/));
});

test('a port that is taken is named, with what to do', async () => {
  const first = await startTestServer();
  try {
    await assert.rejects(
      startTestServer({ http: { port: first.port } }),
      refused(
        'config_invalid',
        new RegExp(`127\\.0\\.0\\.1:${first.port}: another program .*LATCHKEY_HTTP_PORT`),
      ),
    );
  } finally {
    await first.close();
  }
});

test('an address that is not of this machine is named', async () => {
  await assert.rejects(
    startTestServer({ http: { host: '192.0.2.1' } }),
    refused('config_invalid', /192\.0\.2\.1:0: http\.host is not an address/),
  );
});

test('the link names what people can open', async () => {
  const open = async (changes: Partial<typeof settings> | { publicUrl: string }): Promise<string> => {
    const server = createHttpServer(settings, () => undefined);
    const url = await listen(server, { ...settings, ...changes });
    await closeHttpServer(server, 0);
    return url;
  };
  assert.match(await open({}), /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.match(await open({ host: '0.0.0.0' }), /^http:\/\/localhost:\d+\/$/);
  assert.equal(await open({ publicUrl: 'https://meet.example.org' }), 'https://meet.example.org/');
});

test('a request that does not arrive whole in time is cut', async () => {
  const server = createHttpServer({ ...settings, requestTimeoutMs: 100 }, () => undefined);
  const { port } = new URL(await listen(server, settings));
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let received = '';
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Never-Ending: ');
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
  assert.match(text, /^HTTP\/1\.1 408 /);
  await closeHttpServer(server, 0);
});

test('headers without end and garbage are answered with an error, and the server goes on', async () => {
  const server = await startTestServer();
  try {
    const long = await ask(`${server.url}/healthz`, { headers: { 'x-long': 'x'.repeat(20_000) } });
    assert.equal(long.status, 431);
    const garbage = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.end('\0\x16\x03\x01 not http\r\n\r\n');
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
    assert.match(garbage, /^HTTP\/1\.1 400 /);
    assert.equal((await server.ask('/healthz')).status, 200);
  } finally {
    await server.close();
  }
});

test('closing cuts what does not end within its grace', async () => {
  const waiting = Promise.withResolvers<void>();
  const server = createHttpServer(settings, () => waiting.resolve());
  const url = await listen(server, settings);
  const cut = new Promise<Error>((resolve) => request(url).on('error', resolve).end());
  await waiting.promise;
  await closeHttpServer(server, 50);
  assert.match((await cut).message, /socket hang up|ECONNRESET/);
  await closeHttpServer(server, 50);
});
