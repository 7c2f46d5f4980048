import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { custodianFlags, readablePaths, spawnLimited } from '../../src/custodian/launch.ts';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import type { Custodian } from '../../src/custodian/custodian.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { messageOf, startTestCustodian, temporaryFolder } from './custodianProcess.ts';
import { openAsk } from './participants.ts';

const root = process.getuid?.() === 0;
const probe = fileURLToPath(new URL('probe.ts', import.meta.url));
const controlProcess = fileURLToPath(new URL('controlProcess.ts', import.meta.url));

/** Admits as many as fill the first page of the slab and begin the second. */
const growSlab = async (custodian: Custodian): Promise<void> => {
  await custodian.openMeeting(openAsk('m'));
  const { publicKey } = await newAdmissionRecipient();
  const who = { meeting: 'm', participant: 'p', role: 'viewer', tokenId: 't', publicKey } as const;
  for (let mapped = 0; mapped <= 4_096; mapped = (await custodian.statistics()).slotsMapped)
    await Promise.all(Array.from({ length: 200 }, () => custodian.admit(who)));
};

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

  it('keeps all its keys in memory that is locked, also in pages that it adds', async (t) => {
    const { custodian, events } = await startTestCustodian(t, { slots: 20_000 });
    const locked = () => Number.parseInt(statusOf(custodian.pid, 'VmLck'), 10) * 1_024;
    for (const mapped of [4_096, 8_192]) {
      const { lockedBytes, slotsTotal, slotsMapped } = await custodian.statistics();
      assert.deepEqual([slotsTotal, slotsMapped, lockedBytes], [20_000, mapped, mapped * 32]);
      assert.ok(locked() >= lockedBytes, `${locked()} bytes`);
      if (mapped === 4_096) await growSlab(custodian);
    }
    assert.equal(
      events.some(({ event }) => event === 'custodian.unlocked'),
      false,
    );
  });

  /** What a control process logs that may not lock more, nor raise that limit, nor (from the start, or once it left root) exceed it. */
  const unlockedIn = async (
    t: TestContext,
    { limitBytes, without, admissions }: { limitBytes: number; without: string; admissions: number },
  ): Promise<unknown[][]> => {
    const keyFile = join(await temporaryFolder(t), 'key.pem');
    const weakened = root ? ['setpriv', `--bounding-set=${without}`, `--inh-caps=${without}`] : [];
    const program = [process.execPath, controlProcess, keyFile, String(admissions)];
    const control = spawn('prlimit', [`--memlock=${limitBytes}:${limitBytes}`, ...weakened, ...program], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    t.after(() => control.kill('SIGKILL'));
    assert.ok(control.stderr !== null);
    let logged = '';
    control.stderr.setEncoding('utf8').on('data', (text: string) => (logged += text));
    // Node tells no `close` of a child whose channel was disconnected.
    const ended = Promise.all([once(control, 'exit'), once(control.stderr, 'end')]);
    await messageOf(control);
    control.disconnect();
    assert.deepEqual((await ended)[0], [0, null], 'it serves all the same');
    return logged
      .split('\n')
      .filter((line) => line.includes('custodian.unlocked'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map((event) => [event['level'], event['lockedBytes'], event['slabBytes']]);
  };

  it('says with both figures when a page that it adds cannot be locked, once for each', async (t) => {
    const warnings = await unlockedIn(t, {
      limitBytes: 300 * 1_024,
      without: '-sys_resource',
      admissions: 2_100,
    });
    assert.deepEqual(warnings, [['warn', 4_096 * 32, 8_192 * 32]]);
  });

  it('says so at the start where the limit does not even allow the first page', async (t) => {
    const warnings = await unlockedIn(t, {
      limitBytes: 64 * 1_024,
      without: '-ipc_lock,-sys_resource',
      admissions: 0,
    });
    assert.deepEqual(warnings, [['warn', 0, 4_096 * 32]]);
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
