import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { EventLoopDelay } from '../../src/observe/eventLoop.ts';

const blockMs = 400;

const block = (): void => {
  const began = performance.now();
  while (performance.now() - began < blockMs);
};

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await wait(10);
};

test('a loop that was held up says so, by how long, and forgets it when the window has passed', async () => {
  const loop = new EventLoopDelay(200);
  try {
    // A sample before: what is measured is the span between two.
    await wait(50);
    block();
    await until(() => loop.delay.maxMs > blockMs / 2);
    await until(() => loop.delay.maxMs < blockMs / 2);
  } finally {
    loop.close();
  }
});

test('a loop that is always late is late at its mean and its 99th percentile', async () => {
  const loop = new EventLoopDelay(60_000);
  try {
    for (let turn = 0; turn < 8; turn++) {
      await wait(1);
      const began = performance.now();
      while (performance.now() - began < 60);
    }
    await wait(20);
    const { meanMs, p99Ms, maxMs } = loop.delay;
    assert.ok(meanMs > 20 && p99Ms > 30 && maxMs >= p99Ms, JSON.stringify(loop.delay));
  } finally {
    loop.close();
  }
});

test('a loop that was not looked at yet is not late, and closing twice is closing', () => {
  const loop = new EventLoopDelay();
  assert.deepEqual(loop.delay, { meanMs: 0, p99Ms: 0, maxMs: 0 });
  loop.close();
  loop.close();
});

test('looking keeps no process alive', () => {
  const module = new URL('../../src/observe/eventLoop.ts', import.meta.url).href;
  const script = `const { EventLoopDelay } = await import(${JSON.stringify(module)}); new EventLoopDelay(60_000);`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 30_000,
  });
  assert.equal(status, 0);
});
