// `--expect`: what is understood, what is refused before anything starts, and what is said of what was not met.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measures, parseExpectation, unmetOf } from '../../src/load/expectations.ts';
import type { LoadResult } from '../../src/load/result.ts';
import { emptyResult } from './result.ts';

const result: LoadResult = {
  ...emptyResult,
  joins: { ...emptyResult.joins, ok: 98, failed: { busy: 1, meeting_full: 1 }, p50Ms: 400, p99Ms: 4_200 },
  packets: { sent: 10, received: 999, lost: 1, unexplained: 0 },
  server: { cpuSeconds: 12.5, rssBytes: 100_000_000 },
};

/** Why it was not met; null where it was. */
const actual = (text: string): string | null => unmetOf(result, [parseExpectation(text)])[0]?.actual ?? null;

/** Paths of numbers and nulls, and of the objects that hold counts by names of their own. */
const leaves = (value: unknown, path: string): string[] => {
  if (typeof value !== 'object' || value === null) return [path];
  if (measures[path] === 'tally') return [path];
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner, path === '' ? name : `${path}.${name}`),
  );
};

describe('expectations', () => {
  it('may name everything that a result has, but for its seed', () => {
    assert.deepEqual(
      Object.keys(measures).sort(),
      leaves(emptyResult, '')
        .filter((path) => path !== 'seed')
        .sort(),
    );
  });

  it('are met or not', () => {
    assert.equal(actual('joins.p99<5s'), null);
    assert.equal(actual('joins.p99Ms <= 4200ms'), null);
    assert.equal(actual('joins.p99<4s'), '4200 ms');
    assert.equal(actual('joins.ok>=98'), null);
    assert.equal(actual('joins.ok==100'), '98');
    assert.equal(actual('server.cpuSeconds<10s'), '12.5 s');
    assert.equal(actual('server.rssBytes<1000'), '100000000 bytes');
  });

  it('of counts by name take their sum, or one that may never have come', () => {
    assert.equal(actual('joins.failed==0'), '2');
    assert.equal(actual('joins.failed.busy<=1'), null);
    assert.equal(actual('joins.failed.closed==0'), null);
    assert.equal(actual('frames.failed.badTag==0'), null);
  });

  it('in percent are of what they are a part of', () => {
    assert.equal(actual('packets.lost<=0.1%'), null);
    assert.equal(actual('packets.lost<0.1%'), '0.100% (1 of 1000)');
    assert.equal(actual('joins.failed<1%'), '2.00% (2 of 100)');
    assert.equal(actual('joins.failed.busy<=1%'), null);
    // Of nothing, nothing can be said.
    assert.equal(actual('frames.opened>99%'), '0 of 0');
  });

  it('are not met by what was not measured', () => {
    assert.equal(actual('rekeys.p99<2s'), 'not measured');
    assert.equal(actual('generator.socketDrops==0'), 'not measured');
  });

  it('keep their order, and name themselves', () => {
    const texts = ['joins.ok==1', 'joins.ok==98', 'packets.sent>10'];
    const unmet = unmetOf(result, texts.map(parseExpectation));
    assert.deepEqual(
      unmet.map(({ expectation }) => expectation.text),
      ['joins.ok==1', 'packets.sent>10'],
    );
  });

  it('with a mistake are refused, and the mistake is named', () => {
    const mistakes = [
      ['', /a path, one of/],
      ['joins.p99', /a path, one of/],
      ['joins.p99=5s', /a path, one of/],
      ['joins.p99<fast', /a path, one of/],
      ['joins.p98<5s', /no joins\.p98, the nearest is/],
      ['joins<5s', /no joins/],
      ['__proto__<5', /a path, one of/],
      ['constructor<5', /no constructor/],
      ['joins.p99<5', /a time, with ms or s/],
      ['joins.p99<5%', /no part of anything/],
      ['joins.ok>5s', /without a unit/],
      ['server.rssBytes<5%', /no part of anything/],
    ] as const;
    for (const [text, words] of mistakes) {
      assert.throws(
        () => parseExpectation(text),
        (thrown) => thrown instanceof RangeError && words.test(thrown.message),
        text,
      );
    }
  });
});
