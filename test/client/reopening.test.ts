import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Reopening } from '../../src/client/browser/reopening.ts';
import { Slot } from '../../src/client/browser/slot.ts';
import { Throttled } from '../../src/client/browser/throttled.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { codeOf } from './observe.ts';
import { VirtualClock } from './virtualClock.ts';

const quiet = async (): Promise<void> => {
  for (let turns = 0; turns < 10; turns++) await turn();
};

interface Answering {
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

const make = () => {
  const clock = new VirtualClock();
  const asked: Answering[] = [];
  const applied: string[] = [];
  const failed: string[] = [];
  const reopening = new Reopening<string>({
    clock,
    open: () => new Promise((resolve, reject) => asked.push({ resolve, reject })),
    apply: (opened) => applied.push(opened),
    onFailed: ({ code }) => failed.push(code),
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await quiet();
    }
  };
  return { reopening, asked, applied, failed, pass };
};

describe('opening transports again', () => {
  it('is done once for all that is asked for before it began', async () => {
    const { reopening, asked, applied, pass } = make();
    reopening.ask();
    await quiet();
    asked[0]?.resolve('a');
    await pass(5_000);
    assert.deepEqual(applied, ['a']);
    assert.equal(asked.length, 1);
  });

  it('takes no answer to a question that was asked before something changed', async () => {
    const { reopening, asked, applied, pass } = make();
    const first = reopening.first();
    reopening.ask();
    reopening.ask();
    asked[0]?.resolve('stale');
    await quiet();
    asked[1]?.resolve('b');
    await first;
    assert.deepEqual(applied, ['b']);
    reopening.ask();
    await quiet();
    reopening.ask();
    asked[2]?.resolve('stale');
    await pass(1_000);
    asked[3]?.resolve('c');
    await quiet();
    assert.deepEqual(applied, ['b', 'c']);
    assert.equal(asked.length, 4);
  });

  it('says of the first time why it cannot be, and of later ones too', async () => {
    const { reopening, asked, failed } = make();
    const first = codeOf(reopening.first());
    asked[0]?.reject(new LatchkeyError('media_unsupported'));
    assert.equal(await first, 'media_unsupported');
    reopening.ask();
    await quiet();
    asked[1]?.reject(new LatchkeyError('weak_fingerprint'));
    await quiet();
    assert.deepEqual(failed, ['weak_fingerprint']);
    assert.equal(asked.length, 2);
  });

  it('is tried again with growing pauses where that may help, and told after several', async () => {
    const { reopening, asked, applied, failed, pass } = make();
    reopening.ask();
    for (let times = 0; times < 8; times++) {
      await pass(6_000);
      assert.equal(asked.length, times + 1);
      asked[times]?.reject(new LatchkeyError('worker_died'));
    }
    assert.deepEqual(failed, ['worker_died']);
    await pass(6_000);
    asked[8]?.resolve('at last');
    await quiet();
    assert.deepEqual(applied, ['at last']);
  });

  it('lets a server breathe whose transports do not last', async () => {
    const { reopening, asked, pass } = make();
    for (let times = 0; times < 6; times++) {
      reopening.ask();
      for (const { resolve } of asked) resolve('short-lived');
      await pass(50);
    }
    assert.ok(asked.length <= 4, String(asked.length));
  });

  it('ends when it is closed, also with an answer on its way', async () => {
    const { reopening, asked, applied, failed, pass } = make();
    const first = codeOf(reopening.first());
    reopening.close();
    reopening.close();
    asked[0]?.resolve('late');
    assert.equal(await first, 'closed');
    reopening.ask();
    await pass(1_000);
    assert.deepEqual([asked.length, applied, failed], [1, [], []]);
  });
});

describe('a slot', () => {
  it('gives what is there, or what comes next', async () => {
    const slot = new Slot<number>();
    const waiting = slot.ready();
    slot.set(1);
    assert.equal(await waiting, 1);
    assert.equal(await slot.ready(), 1);
    slot.clear();
    const next = slot.ready();
    slot.set(2);
    assert.equal(await next, 2);
  });

  it('says why there will be none, until there is', async () => {
    const slot = new Slot<number>();
    const waiting = codeOf(slot.ready());
    slot.refuse(new LatchkeyError('forbidden'));
    assert.equal(await waiting, 'forbidden');
    assert.equal(await codeOf(slot.ready()), 'forbidden');
    slot.clear();
    const next = slot.ready();
    slot.set(3);
    assert.equal(await next, 3);
    assert.equal(slot.refused, null);
  });

  it('stays closed', async () => {
    const slot = new Slot<number>();
    const waiting = codeOf(slot.ready());
    slot.close(new LatchkeyError('closed'));
    slot.close(new LatchkeyError('internal'));
    slot.set(4);
    slot.clear();
    slot.refuse(new LatchkeyError('forbidden'));
    assert.equal(await waiting, 'closed');
    assert.equal(await codeOf(slot.ready()), 'closed');
    assert.equal(slot.current, null);
  });
});

describe('what is done no more often than every so many milliseconds', () => {
  it('is done at once, and then with the newest', () => {
    const clock = new VirtualClock();
    const done: number[] = [];
    const throttled = new Throttled<number>(clock, 200, (value) => done.push(value));
    for (let at = 0; at < 100; at++) {
      throttled.give(at);
      clock.advance(10);
    }
    assert.deepEqual(done, [0, 19, 39, 59, 79, 99]);
    clock.advance(1_000);
    assert.equal(done.length, 6);
    throttled.give(100);
    throttled.give(101);
    assert.equal(done.at(-1), 100);
    clock.advance(199);
    assert.equal(done.at(-1), 100);
    clock.advance(1);
    assert.equal(done.at(-1), 101);
    throttled.give(102);
    throttled.close();
    throttled.give(103);
    clock.advance(1_000);
    assert.equal(done.at(-1), 101);
  });
});
