// What is typed after `latchkey load`.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conflictIn } from '../../src/load/options.ts';
import type { LoadOptions } from '../../src/load/options.ts';
import { parseDuration, parseRate, parseShare, parseWholeNumber } from '../../src/load/quantities.ts';

describe('quantities', () => {
  it('are read with their units', () => {
    assert.deepEqual(['500ms', '60s', '1.5m', '1h'].map(parseDuration), [500, 60_000, 90_000, 3_600_000]);
    assert.deepEqual(['100/s', '100', '30/m', '0'].map(parseRate), [100, 100, 0.5, 0]);
    assert.deepEqual(['1%', '100%', '0.1', '0'].map(parseShare), [0.01, 1, 0.1, 0]);
    assert.equal(parseWholeNumber(1, 10)('10'), 10);
  });

  it('of another form are refused', () => {
    for (const text of ['60', 's', '0s', '-1s', '1 s', '1d', '25h', '']) {
      assert.throws(() => parseDuration(text), RangeError, text);
    }
    for (const text of ['fast', '-1/s', '1/h', '1%', ''])
      assert.throws(() => parseRate(text), RangeError, text);
    for (const text of ['101%', '1.01', '-1%', 'half', '']) {
      assert.throws(() => parseShare(text), RangeError, text);
    }
    for (const text of ['0', '11', '1.5', '', 'x']) {
      assert.throws(() => parseWholeNumber(1, 10)(text), RangeError, text);
    }
  });
});

describe('options that do not go together', () => {
  const sound: Omit<LoadOptions, 'target'> = {
    participants: 10,
    publishers: 2,
    kind: 'broadcast',
    slow: 0,
    openSample: 1,
    video: 'none',
    videoViewers: 0.1,
    seed: 1,
    durationMs: 1_000,
    joinRate: null,
    churn: 1,
    processes: null,
    expectations: [],
  };

  it('are named', () => {
    assert.equal(conflictIn(sound, false), null);
    assert.match(conflictIn({ ...sound, publishers: 11 }, false) ?? '', /more publishers/);
    assert.match(conflictIn({ ...sound, publishers: 10 }, false) ?? '', /come and go/);
    assert.match(conflictIn({ ...sound, publishers: 0, video: '1m' }, true) ?? '', /video/);
    assert.match(conflictIn({ ...sound, joinRate: 0 }, false) ?? '', /join-rate/);
  });

  it('without publishers there must be a meeting that others send in', () => {
    assert.match(conflictIn({ ...sound, publishers: 0 }, false) ?? '', /--meeting/);
    assert.equal(conflictIn({ ...sound, publishers: 0 }, true), null);
  });
});
