// How many joins are carried out at a time, and what the others are told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { JoinGate } from '../../src/signaling/joinGate.ts';
import type { BusyReason } from '../../src/signaling/joinGate.ts';

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('the gate before joins', () => {
  it('carries out so many at a time, and the others in their order', async () => {
    const gate = new JoinGate({ atOnce: 2, waiting: 10, full: () => null });
    const begun: number[] = [];
    const ends: PromiseWithResolvers<void>[] = [];
    const joins = Array.from({ length: 5 }, (_, number) =>
      gate.run(async () => {
        begun.push(number);
        const end = Promise.withResolvers<void>();
        ends.push(end);
        await end.promise;
        if (number === 1) throw new LatchkeyError('slab_full');
        return number;
      }),
    );
    const outcomes = Promise.allSettled(joins);
    await settled();
    assert.deepEqual(begun, [0, 1]);
    ends[1]?.resolve();
    await settled();
    assert.deepEqual(begun, [0, 1, 2], 'one that failed makes room as well');
    for (let ended = 0; ended < 5; ended++) {
      ends[ended]?.resolve();
      await settled();
    }
    assert.deepEqual(begun, [0, 1, 2, 3, 4]);
    assert.deepEqual(
      (await outcomes).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
    );
    assert.equal(gate.busy, null);
  });

  it('says that it is busy, and when to come back, while the machine is full or too many wait', async () => {
    let full: Exclude<BusyReason, 'joins'> | null = null;
    const gate = new JoinGate({ atOnce: 1, waiting: 1, full: () => full });
    gate.assertNotBusy();
    for (const reason of ['workers', 'eventLoop'] as const) {
      full = reason;
      assert.equal(gate.busy, reason);
      assert.throws(
        () => gate.assertNotBusy(),
        (thrown) =>
          thrown instanceof LatchkeyError && thrown.code === 'busy' && (thrown.retryAfterMs ?? 0) > 0,
      );
    }
    full = null;
    const end = Promise.withResolvers<void>();
    const joins = [gate.run(() => end.promise), gate.run(() => end.promise)];
    assert.equal(gate.busy, 'joins');
    await assert.rejects(
      gate.run(() => Promise.resolve()),
      (thrown) => thrown instanceof LatchkeyError && thrown.code === 'busy',
      'also who was let pass before the others took their places',
    );
    end.resolve();
    await Promise.all(joins);
    gate.assertNotBusy();
  });
});
