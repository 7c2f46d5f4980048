import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { createFrame } from '../../src/web/call/frame.ts';

/** What the browser would call in its next frame. */
let waiting = new Map<number, () => void>();

const drawFrame = (): void => {
  const all = [...waiting.values()];
  waiting.clear();
  for (const run of all) run();
};

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  waiting = new Map();
  let handles = 0;
  Object.assign(globalThis, {
    requestAnimationFrame: (run: () => void) => {
      waiting.set(++handles, run);
      return handles;
    },
    cancelAnimationFrame: (handle: number) => waiting.delete(handle),
  });
});
afterEach(() => {
  mock.timers.reset();
  Reflect.deleteProperty(globalThis, 'requestAnimationFrame');
  Reflect.deleteProperty(globalThis, 'cancelAnimationFrame');
});

describe('work that is put off to the next frame', () => {
  it('is done once, however often it is asked for, and again in the next', () => {
    const run = mock.fn();
    const frame = createFrame(run);
    for (let times = 0; times < 1_000; times++) frame.ask();
    assert.equal(run.mock.callCount(), 0);
    drawFrame();
    mock.timers.tick(10_000);
    assert.equal(run.mock.callCount(), 1);
    frame.ask();
    drawFrame();
    assert.equal(run.mock.callCount(), 2);
  });

  it('is done in a page that draws no frames too', () => {
    const run = mock.fn();
    createFrame(run).ask();
    mock.timers.tick(1_000);
    drawFrame();
    assert.equal(run.mock.callCount(), 1);
  });

  it('is not done after the end', () => {
    const run = mock.fn();
    const frame = createFrame(run);
    frame.ask();
    frame.close();
    drawFrame();
    mock.timers.tick(1_000);
    assert.equal(run.mock.callCount(), 0);
  });
});
