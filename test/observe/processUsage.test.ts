import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  parseCpuSeconds,
  parseResidentBytes,
  readProcessUsage,
  UsageMeter,
} from '../../src/observe/processUsage.ts';

const stat = (name: string): string =>
  `4242 (${name}) S 1 4242 4242 0 -1 4194560 1216 0 3 0 1234 66 0 0 20 0 11 0 73105 1098133504 14016 18446744073709551615 1 1`;

test('user and system time are found behind whatever name a program has', () => {
  for (const name of ['mediasoup-worke', 'a b', ') R 1 (', '((', ') 9 9 9 9 9 9 9 9 9 9 9 9 9']) {
    assert.equal(parseCpuSeconds(stat(name)), 13, name);
  }
});

test('what is no stat of a process is refused', () => {
  for (const text of ['', '1 (x) S 1', 'nothing', stat('x').replace('1234', 'many')]) {
    assert.throws(() => parseCpuSeconds(text), RangeError, text);
  }
});

test('resident memory is counted in bytes; a process that has ended has none', () => {
  assert.equal(
    parseResidentBytes('Name:\tnode\nVmHWM:\t   99 kB\nVmRSS:\t   56064 kB\nRssAnon:\t 1 kB\n'),
    57_409_536,
  );
  assert.equal(parseResidentBytes('Name:\tnode\nState:\tZ (zombie)\n'), 0);
});

test('of this process the kernel says what Node says', async () => {
  // Enough to be told apart from nothing, whatever else the machine does.
  const until = process.cpuUsage().user + 200_000;
  while (process.cpuUsage().user < until);
  const usage = await readProcessUsage(process.pid);
  assert.ok(usage !== null);
  const { user, system } = process.cpuUsage();
  assert.ok(
    usage.cpuSeconds >= 0.15 && usage.cpuSeconds <= (user + system) / 1e6 + 0.05,
    String(usage.cpuSeconds),
  );
  const rss = process.memoryUsage.rss();
  assert.ok(usage.residentBytes > rss / 2 && usage.residentBytes < rss * 2);
});

test('of a process that is gone there is nothing', async () => {
  const child = spawn(process.execPath, ['--eval', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  assert.equal(await readProcessUsage(child.pid ?? 0), null);
  assert.equal(await new UsageMeter(child.pid ?? 0).read(() => 0), null);
});

test('load is what was taken since the last look, as a share of a core', async () => {
  const meter = new UsageMeter(process.pid);
  let nowMs = 1_000;
  const first = await meter.read(() => nowMs);
  assert.equal(first?.load, 0);
  const until = process.cpuUsage().user + 200_000;
  while (process.cpuUsage().user < until);
  nowMs += 1_000;
  const second = await meter.read(() => nowMs);
  assert.ok(first !== null && second !== null);
  assert.ok(second.load >= 0.15, String(second.load));
  assert.ok(Math.abs(second.load - (second.cpuSeconds - first.cpuSeconds)) < 1e-9);
  // The same moment again: no span to divide by.
  assert.equal((await meter.read(() => nowMs))?.load, 0);
});
