// The process as an operator sees it: what it prints, what it leaves, how it ends.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from './serverProcess.ts';

/** Processes whose parent is `pid` (proc(5), stat). */
const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        const stat = readFileSync(`/proc/${child}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        // Gone while we looked.
        return false;
      }
    });

const lives = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describe('the process', () => {
  it('SIGTERM tells participants, ends every process and exits with 0 within 5 s', async () => {
    const server = await startServerProcess();
    const meeting = await api(server).createMeeting();
    const ada = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
    await ada.epochWhere(() => true);
    const children = childrenOf(server.pid);
    assert.ok(children.length >= 2, 'custodian and workers');
    const told = new Promise<string>((resolve) => ada.session.on('ended', ({ reason }) => resolve(reason)));
    const startedMs = performance.now();
    assert.equal(await server.stop(), 0);
    assert.ok(performance.now() - startedMs < 5_000);
    assert.equal(await told, 'serverStopping');
    assert.deepEqual(children.filter(lives), []);
  });

  it('a second signal ends it at once', async () => {
    const server = await startServerProcess();
    const exited = new Promise<number | null>((resolve) => server.process.once('exit', resolve));
    server.process.kill('SIGTERM');
    server.process.kill('SIGINT');
    const code = await exited;
    // Both may be there before the first is looked at; then the stop in order may be the quicker.
    assert.ok(code === 130 || code === 143 || code === 0, String(code));
  });

  it('says who it is and that it is ready, and prints its secret once', async () => {
    const server = await startServerProcess();
    try {
      const identity = (await (await fetch(`${server.url}/.well-known/latchkey.json`)).json()) as Record<
        string,
        unknown
      >;
      assert.deepEqual(
        [identity['name'], identity['protocol'], identity['keying']],
        ['latchkey', 1, 'server'],
      );
      assert.match(String(identity['signingKey']), /^[\w-]{43}$/);
      assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
      assert.equal(server.output().split(server.apiSecret).length, 2);
    } finally {
      await server.stop();
    }
  });

  it('a wrong setting stops the start with its path, what was given and what is allowed', async () => {
    await assert.rejects(
      startServerProcess({ LATCHKEY_MEDIA_WORKERS: 'many' }),
      /ended \(78\)[^]*media\.workers[^]*many/,
    );
  });

  it('a signing key that others can read is refused', async () => {
    const { mkdtemp, chmod, writeFile, rm } = await import('node:fs/promises');
    const folder = await mkdtemp('/tmp/latchkey-test-');
    try {
      await writeFile(`${folder}/signing-key.pem`, 'whatever');
      await chmod(`${folder}/signing-key.pem`, 0o644);
      await assert.rejects(startServerProcess({ LATCHKEY_DATA_DIRECTORY: folder }), /file_too_open/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('no secret and no token stands in what it logs, and none in the process list', async () => {
    const server = await startServerProcess({ LATCHKEY_LOG_LEVEL: 'trace' });
    const meeting = await api(server).createMeeting();
    const token = await api(server).token(meeting, 'Ada');
    const ada = await joinAsNode(server.url, token);
    await ada.epochWhere(() => true);
    const titles = [server.pid, ...childrenOf(server.pid)].map((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1'),
    );
    await ada.session.leave();
    await server.stop();
    const lines = server
      .output()
      .split('\n')
      .filter((line) => !line.startsWith('API secret: '));
    const text = [...lines, ...titles].join('\n');
    const secrets = [...ada.held.session.values(), ...ada.held.tree].flatMap((key) => {
      const bytes = Buffer.from(key);
      return [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
    });
    assert.ok(secrets.length > 0);
    for (const secret of [server.apiSecret, token, token.split('.')[2] ?? token, ...secrets]) {
      assert.ok(!text.includes(secret), 'a secret was written');
    }
  });
});
