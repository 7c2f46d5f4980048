import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { createGatherer, crowd, crowdMs, gatherMs, waitMs } from '../../src/web/call/gatherer.ts';
import type { Gatherer } from '../../src/web/call/gatherer.ts';

let said: string[] = [];
let gatherer: Gatherer;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  said = [];
  gatherer = createGatherer((text) => said.push(text));
});

afterEach(() => mock.timers.reset());

const join = (...names: string[]): void => gatherer.add(({ joined }) => joined.push(...names));
const key = (epoch: number): void =>
  gatherer.add((all) => {
    all.epoch = epoch;
  });

describe('comings and goings', () => {
  it('wait for the key that they bring, and are said with it', () => {
    join('Bob');
    mock.timers.tick(waitMs - 1);
    assert.deepEqual(said, []);
    key(3);
    mock.timers.tick(gatherMs);
    assert.deepEqual(said, ['Bob joined · new key: epoch 3']);
  });

  it('are said without one that does not come', () => {
    join('Bob');
    mock.timers.tick(waitMs);
    assert.deepEqual(said, ['Bob joined']);
  });

  it('are said in time, also while more and more come', () => {
    key(1);
    for (let index = 0; index < 8; index++) {
      join(`P${index}`);
      mock.timers.tick(gatherMs - 1);
    }
    mock.timers.tick(waitMs);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /^P0 and 7 others joined/);
  });

  it('of a crowd are counted, and then there is quiet for a while', () => {
    for (let second = 0; second < 20; second++) {
      join(...Array.from({ length: 100 }, (_, index) => `P${second} ${index}`));
      key(second);
      mock.timers.tick(1_000);
    }
    assert.ok(said.length <= 1 + Math.ceil(20_000 / crowdMs), said.join('\n'));
    mock.timers.tick(crowdMs);
    const counted = said
      .map((text) => Number(/and (\d+) others/.exec(text)?.[1] ?? 0) + 1)
      .reduce((sum, count) => sum + count, 0);
    assert.equal(counted, 2_000, 'nobody is lost');
    assert.ok(crowd < 100);
  });

  it('raised hands are said at once', () => {
    gatherer.add(({ raised }) => raised.push('Bob'));
    mock.timers.tick(gatherMs);
    assert.deepEqual(said, ['Bob raised a hand']);
  });

  it('are not said any more once it is over', () => {
    join('Bob');
    gatherer.close();
    mock.timers.tick(waitMs);
    assert.deepEqual(said, []);
  });
});
