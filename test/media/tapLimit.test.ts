import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TapLimit } from '../../src/media/tapLimit.ts';

/** All microtasks of now. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('the limit of taps', () => {
  it('lets as many begin as it has places, the others in their order as places come free', async () => {
    const limit = new TapLimit(2);
    const begun: string[] = [];
    const [a, b] = ['a', 'b', 'c', 'd'].map((name) => limit.enter(() => begun.push(name)));
    assert.deepEqual(begun, [], 'never before `enter` returned');
    await settled();
    assert.deepEqual(begun, ['a', 'b']);
    b?.();
    b?.();
    await settled();
    assert.deepEqual(begun, ['a', 'b', 'c'], 'leaving twice frees one place');
    a?.();
    await settled();
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    assert.equal(limit.running, 2);
  });

  it('who leaves before its turn never begins and holds no place', async () => {
    const limit = new TapLimit(1);
    const begun: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => limit.enter(() => begun.push(name)));
    a?.();
    b?.();
    await settled();
    assert.deepEqual(begun, ['c']);
    c?.();
    assert.equal(limit.running, 0);
  });
});
