import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplayWindow, replayWindowCounters } from '../../src/sframe/replayWindow.ts';

/** The same by a set and its maximum. */
class NaiveWindow {
  readonly seen = new Set<number>();

  check(counter: number): boolean {
    return !this.seen.has(counter) && counter > Math.max(-1, ...this.seen) - replayWindowCounters;
  }

  commit(counter: number): boolean {
    const fresh = this.check(counter);
    if (fresh) this.seen.add(counter);
    return fresh;
  }
}

// Steps around the window's edges, from a walk that starts anywhere: at 0, around 2^32, near 2^53.
const step = fc.oneof(
  fc.integer({ min: -40, max: 40 }),
  fc.integer({ min: -1_100, max: 1_100 }),
  fc.constantFrom(-1_025, -1_024, -1_023, -32, -31, 31, 32, 1_023, 1_024, 1_025, 5_000),
);
const start = fc.constantFrom(0, 1_000, 2 ** 31, 2 ** 32 - 500, 2 ** 52);

test('the window answers as a set of all counters would, for any order of arrival', () => {
  fc.assert(
    fc.property(start, fc.array(fc.tuple(step, fc.boolean()), { maxLength: 200 }), (from, steps) => {
      const window = new ReplayWindow();
      const naive = new NaiveWindow();
      let counter = from;
      for (const [by, commits] of steps) {
        counter = Math.max(0, counter + by);
        assert.equal(window.check(counter), naive.check(counter));
        if (commits) assert.equal(window.commit(counter), naive.commit(counter));
      }
      const top = Math.max(0, ...naive.seen);
      for (let at = Math.max(0, top - 1_100); at <= top + 1_100; at++) {
        assert.equal(window.check(at), naive.check(at), `counter ${at}`);
      }
    }),
    { numRuns: 150 },
  );
});

test('a check moves nothing', () => {
  const window = new ReplayWindow();
  assert.equal(window.commit(5), true);
  assert.equal(window.check(1_000_000), true);
  assert.equal(window.check(6), true);
  assert.equal(window.commit(4), true);
});

test('a counter is accepted once, and none that is 1,024 behind the newest', () => {
  const window = new ReplayWindow();
  assert.equal(window.commit(2_000), true);
  assert.equal(window.commit(2_000), false);
  assert.equal(window.commit(977), true);
  assert.equal(window.commit(976), false);
});
