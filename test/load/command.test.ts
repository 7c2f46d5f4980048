// `latchkey load` as somebody types it, where it cannot begin: each with its words and its exit code, and nothing left behind.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exitCodes } from '../../src/exitCodes.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-load-test-'));
after(() => rmSync(folder, { recursive: true }));

/** An address on which nobody listens any more. */
let nowhere = '';
before(async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  nowhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.close();
  await once(server, 'close');
});

const { LATCHKEY_API_SECRET: _, ...inherited } = process.env;

const run = (args: readonly string[], nodeArgs: readonly string[] = [], secret?: string) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, main, 'load', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...inherited, TMPDIR: folder, ...(secret === undefined ? {} : { LATCHKEY_API_SECRET: secret }) },
  });
  return { code: status, out: stdout, err: stderr };
};

/** Loaded first: whoever asks for the package finds nothing. */
const withoutPeer = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(name, context, next) {
    if (name === 'node-datachannel') throw new Error('it is not here');
    return next(name, context);
  } });`)}`;

describe('a load that cannot begin', () => {
  it('without node-datachannel says what to install', () => {
    const { code, out, err } = run(['--participants', '2', '--publishers', '1'], ['--import', withoutPeer]);
    assert.deepEqual([code, out], [exitCodes.unavailable, '']);
    assert.match(err, /node-datachannel.*it is not here/);
    assert.match(err, /npm install node-datachannel/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('without a server says that it cannot be reached', () => {
    const { code, out, err } = run(['--url', nowhere], [], 'x'.repeat(43));
    assert.deepEqual([code, out], [exitCodes.unavailable, '']);
    assert.match(err, /the server http:\S+ could not be reached/);
  });

  it('without a secret, or with one that others can read, says so before it asks anybody', () => {
    const none = run(['--url', nowhere]);
    assert.equal(none.code, exitCodes.misconfigured);
    assert.match(none.err, /--secret-file FILE, or LATCHKEY_API_SECRET/);
    const file = join(folder, 'secret');
    writeFileSync(file, 'x'.repeat(43), { mode: 0o644 });
    const open = run(['--url', nowhere, '--secret-file', file]);
    assert.equal(open.code, exitCodes.misconfigured);
    assert.match(open.err, /file_too_open/);
    rmSync(file);
  });
});
