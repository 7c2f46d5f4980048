import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../src/media/turns.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('work in turns', () => {
  it('a few in each turn of the event loop, each once however often it was added', async () => {
    const done: number[] = [];
    const turns = new Turns<number>(2, (item) => void done.push(item));
    turns.add([1, 2, 3, 2, 1]);
    turns.add([3]);
    assert.deepEqual(done, [], 'never at once');
    await turn();
    assert.deepEqual(done, [1, 2]);
    await turn();
    assert.deepEqual(done, [1, 2, 3]);
    turns.add([1]);
    await turn();
    assert.deepEqual(done, [1, 2, 3, 1]);
  });

  it('what waits when it is closed is not done', async () => {
    const turns = new Turns<number>(1, () => assert.fail('closed'));
    turns.add([1, 2]);
    turns.close();
    turns.add([3]);
    await turn();
    await turn();
  });
});
