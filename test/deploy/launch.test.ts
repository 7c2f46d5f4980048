// The set-up's own files parse under the Node that npm runs under, and what they start ends as it should.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { filesBelow, projectRoot } from '../../deploy/setup/places.mjs';
import { folderFor } from './folder.ts';

const scripts = ['bin', 'deploy/setup', 'deploy/worker']
  .flatMap((folder) => filesBelow(join(projectRoot, folder)))
  .filter((file) => file.endsWith('.mjs'));

suite('the files that run before anything is installed', () => {
  // Under `npm test` on a fresh Debian 12 this is Node 20.
  const oldest = process.env['npm_node_execpath'] ?? process.execPath;

  test('parse under the Node that npm runs under', async (t) => {
    const { stdout } = await promisify(execFile)(oldest, ['--version']);
    t.diagnostic(`parsed by ${stdout.trim()}`);
    assert.ok(scripts.length > 10);
    for (const script of scripts) await promisify(execFile)(oldest, ['--check', script]);
  });
  test('import nothing but each other and what Node has', () => {
    for (const script of scripts) {
      for (const [, name] of readFileSync(script, 'utf8').matchAll(
        /^(?:import|export)\b[^'\n]* from '([^']+)'/gm,
      )) {
        assert.match(name ?? '', /^(node:|\.\.?\/)/, script);
      }
    }
  });
});

/** Counts signals for its exit code: 10 for one, 20 for two; waits a moment for a second one, as a server takes a moment to end. */
const server = `
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
  signals += 1;
  console.log(signal);
  setTimeout(() => process.exit(10 * signals), 300);
});
setInterval(() => {}, 1000);
console.log('ready ' + process.pid);
`;
const launcher = `
import { runInFront, runMain } from ${JSON.stringify(join(projectRoot, 'deploy/setup/command.mjs'))};
runMain(() => runInFront(process.execPath, ['server.mjs']));
`;

interface Started {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly serverPid: number;
  /** Resolves with the exit code, or the signal, when everything that wrote to its output is gone. */
  readonly ended: Promise<number | string>;
}

const startIn = async (t: TestContext, command: string, args: readonly string[]): Promise<Started> => {
  const manifest = JSON.stringify({ scripts: { start: 'exec node launcher.mjs' } });
  const cwd = folderFor(t, { 'server.mjs': server, 'launcher.mjs': launcher, 'package.json': manifest });
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const lines: string[] = [];
  // `close` comes when every writer of the pipe has ended: a process left behind would keep it from coming.
  const ended = once(child, 'close').then(([code, signal]: (number | string)[]) => code ?? signal ?? '');
  const ready = Promise.withResolvers<number>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.split('\n').filter((line) => line !== ''));
    const pid = /ready (\d+)/.exec(text)?.[1];
    if (pid !== undefined) ready.resolve(Number(pid));
  });
  child.once('close', () => ready.reject(new Error(`ended before it was ready: ${lines.join(' ')}`)));
  const serverPid = await ready.promise;
  // What a failed test leaves behind is in sessions of its own.
  t.after(() => {
    for (const pid of [child.pid, serverPid]) {
      if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
    }
  });
  return { child, lines, serverPid, ended };
};

const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`);

const pidOf = ({ child }: Started): number => {
  assert.ok(child.pid !== undefined);
  return child.pid;
};

suite('what is started in front', { timeout: 60_000 }, () => {
  test('gets a signal once, and its exit code is passed on', async (t) => {
    const started = await startIn(t, process.execPath, ['launcher.mjs']);
    process.kill(pidOf(started), 'SIGTERM');
    assert.equal(await started.ended, 10);
    assert.deepEqual(started.lines.slice(1), ['SIGTERM']);
  });
  test('gets one signal of one gesture that reaches the launcher twice', async (t) => {
    const started = await startIn(t, process.execPath, ['launcher.mjs']);
    process.kill(pidOf(started), 'SIGINT');
    process.kill(pidOf(started), 'SIGINT');
    assert.equal(await started.ended, 10);
  });
  test('is ended by the launcher’s death, however sudden', async (t) => {
    const started = await startIn(t, process.execPath, ['launcher.mjs']);
    process.kill(pidOf(started), 'SIGKILL');
    assert.equal(await started.ended, 'SIGKILL');
    assert.deepEqual(started.lines.slice(1), ['SIGTERM']);
  });
  test('lets the launcher end by the signal that ended it', async (t) => {
    const started = await startIn(t, process.execPath, ['launcher.mjs']);
    process.kill(started.serverPid, 'SIGKILL');
    assert.equal(await started.ended, 'SIGKILL');
  });
  test('ends in order when npm is told to end, and nothing is left behind', async (t) => {
    const started = await startIn(t, 'npm', ['start']);
    process.kill(pidOf(started), 'SIGTERM');
    assert.equal(await started.ended, 10);
    assert.equal(started.lines.filter((line) => line === 'SIGTERM').length, 1);
    assert.throws(() => process.kill(started.serverPid, 0), { code: 'ESRCH' });
  });
  test('ends in order when npm’s whole process group is (Ctrl-C), and nothing is left behind', async (t) => {
    const started = await startIn(t, 'npm', ['start']);
    process.kill(-pidOf(started), 'SIGINT');
    assert.equal(await started.ended, 10);
    assert.equal(started.lines.filter((line) => line === 'SIGINT').length, 1);
    assert.throws(() => process.kill(started.serverPid, 0), { code: 'ESRCH' });
  });
});
