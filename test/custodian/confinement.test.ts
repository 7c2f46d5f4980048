import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { custodianFlags, readablePaths, spawnLimited } from '../../src/custodian/launch.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { messageOf, startTestCustodian, temporaryFolder } from './custodianProcess.ts';

const root = process.getuid?.() === 0;
const probe = fileURLToPath(new URL('probe.ts', import.meta.url));

const statusOf = (pid: number, field: string): string =>
  new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

interface Probed {
  readonly outcomes: Record<string, string>;
  readonly user: number;
  readonly environment: string[];
  readonly inspectorUrl: string | null;
}

const runProbe = async (t: TestContext, flags: readonly string[], folder: string): Promise<Probed> => {
  const listening = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  t.after(() => listening.close());
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const child = spawnLimited([...flags, probe, folder, probe, String(port)]);
  child.stderr?.resume();
  t.after(() => child.kill('SIGKILL'));
  const message: unknown = await messageOf(child);
  return message as Probed;
};

describe("the custodian's confinement", () => {
  it('leaves it no network, no files but its own, no children, no threads and no debugger', async (t) => {
    const folder = await temporaryFolder(t);
    const keyFile = join(folder, 'key.pem');
    await ensureSigningKey(keyFile);
    const flags = custodianFlags([...readablePaths(keyFile), probe]);
    const { outcomes, user, environment, inspectorUrl } = await runProbe(t, flags, folder);
    const denied = /^(?:ERR_ACCESS_DENIED|EPERM|EACCES)$/;
    const otherwise: Record<string, RegExp> = {
      'evaluate text': /^EvalError$/,
      'use __proto__': /^ERR_PROTO_ACCESS$/,
    };
    assert.ok(Object.keys(outcomes).length > 20);
    for (const [attempt, outcome] of Object.entries(outcomes)) {
      // Without root to start from there is no other user to become, and nothing is said about one's own processes.
      if (!root && /control process|root again/.test(attempt)) continue;
      assert.match(outcome, otherwise[attempt] ?? denied, attempt);
    }
    assert.deepEqual(readdirSync(folder), ['key.pem']);
    assert.deepEqual(
      environment.filter((name) => !/^(?:PWD|OLDPWD|SHLVL|_|NODE_CHANNEL_\w+)$/.test(name)),
      [],
    );
    assert.equal(inspectorUrl, null);
    assert.equal(user === 0, false, 'not as root');
  });

  it('is what stops it: without those flags the same attempts succeed', async (t) => {
    const { outcomes } = await runProbe(t, [], await temporaryFolder(t));
    for (const attempt of [
      'connect by TCP',
      'listen on TCP',
      'bind UDP',
      'read /etc/passwd',
      'list a folder',
      'read packages that are not its own',
      'spawn a child',
      'run a program',
      'start a thread',
      'evaluate text',
    ]) {
      assert.equal(outcomes[attempt], 'done', attempt);
    }
  });

  it('holds for the process itself: its user, its limits, its name, its descriptors', async (t) => {
    const { custodian, events, signingKeyFile } = await startTestCustodian(t);
    const { pid } = custodian;
    assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max core file size\s+0\s+0\s/m);
    assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ''), 'latchkey-custodian');
    assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(signingKeyFile));
    if (root) {
      assert.deepEqual(new Set(statusOf(pid, 'Uid').split('\t')), new Set(['60600']));
      assert.deepEqual(new Set(statusOf(pid, 'Gid').split('\t')), new Set(['60600']));
      assert.equal(statusOf(pid, 'Groups').trim(), '');
      assert.match(statusOf(pid, 'CapEff'), /^0+$/);
    }
    const started = events.find(({ event }) => event === 'custodian.started');
    assert.equal(started?.['user'], Number(statusOf(pid, 'Uid').split('\t')[0]));
    assert.equal(
      events.some(({ event }) => event === 'custodian.root'),
      false,
    );
  });

  it('keeps all its keys in memory that is locked', async (t) => {
    const slots = 4_096;
    const { custodian, events } = await startTestCustodian(t, { slots });
    const locked = Number.parseInt(statusOf(custodian.pid, 'VmLck'), 10) * 1_024;
    assert.ok(locked >= slots * 32, `${locked} bytes`);
    const { lockedBytes, slotsTotal } = await custodian.statistics();
    assert.deepEqual([lockedBytes, slotsTotal], [locked, slots]);
    assert.equal(
      events.some(({ event }) => event === 'custodian.unlocked'),
      false,
    );
  });

  it('outlasts the signals of a terminal, and starts no inspector for SIGUSR1', async (t) => {
    const { custodian } = await startTestCustodian(t);
    const countOf = (what: 'task' | 'fd'): number => readdirSync(`/proc/${custodian.pid}/${what}`).length;
    await custodian.statistics();
    const before = [countOf('task'), countOf('fd')];
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)
      process.kill(custodian.pid, signal);
    // Twice: what a signal starts, it starts in another turn of the loop.
    for (let turn = 0; turn < 2; turn++) assert.equal((await custodian.statistics()).meetings, 0);
    assert.deepEqual([countOf('task'), countOf('fd')], before);
  });
});
