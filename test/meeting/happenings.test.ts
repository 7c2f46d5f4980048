import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Happenings } from '../../src/meeting/happenings.ts';
import type { Happening } from '../../src/meeting/happenings.ts';

const left = {
  type: 'participantLeft',
  participant: 'p',
  name: 'Ada',
  role: 'viewer',
  cause: 'left',
} as const;

describe('followers of meetings', () => {
  it('are told what happened, of which meeting, and when', () => {
    const told: Happening[] = [];
    const happenings = new Happenings(
      () => 1_234.5,
      (thrown) => assert.fail(String(thrown)),
    );
    happenings.follow((happening) => told.push(happening));
    happenings.tell('m', left);
    assert.deepEqual(told, [{ meeting: 'm', at: 1_234, ...left }]);
  });

  it('one that throws disturbs neither the meeting nor the others', () => {
    const failures: unknown[] = [];
    const told: string[] = [];
    const happenings = new Happenings(Date.now, (thrown) => failures.push(thrown));
    const broken = new Error('broken');
    happenings.follow(() => {
      throw broken;
    });
    happenings.follow(({ type }) => told.push(type));
    happenings.tell('m', left);
    assert.deepEqual(told, ['participantLeft']);
    assert.deepEqual(failures, [broken]);
  });

  it('are told nothing any more once they have stopped following', () => {
    const told: Happening[] = [];
    const happenings = new Happenings(Date.now, (thrown) => assert.fail(String(thrown)));
    const stop = happenings.follow((happening) => told.push(happening));
    stop();
    happenings.tell('m', left);
    assert.deepEqual(told, []);
  });
});
