import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Speakers } from '../../src/media/speakers.ts';
import { until } from '../participant/until.ts';

const level = (participantId: string, volume: number) => ({
  producerId: participantId,
  participantId,
  volume,
});

const merged = (intervalMs: number) => {
  const told: string[][] = [];
  let nowMs = 0;
  const speakers = new Speakers({
    intervalMs,
    most: 2,
    nowMs: () => nowMs,
    onLevels: (levels) => void told.push(levels.map(({ participantId }) => participantId)),
  });
  return { speakers, told, pass: (ms: number) => void (nowMs += ms) };
};

describe('speakers over several routers', () => {
  it('are one list, the loudest first, of a few', () => {
    const { speakers, told, pass } = merged(300);
    speakers.report(0, [level('ada', -30)]);
    pass(300);
    speakers.report(1, [level('bob', -20), level('cleo', -40)]);
    assert.deepEqual(told, [['ada'], ['bob', 'ada']]);
    pass(300);
    speakers.report(1, []);
    assert.deepEqual(told.at(-1), ['ada']);
    speakers.close();
  });

  it('are told once in an interval, with the newest that every router said', async () => {
    const { speakers, told } = merged(40);
    speakers.report(0, [level('ada', -30)]);
    speakers.report(1, [level('bob', -40)]);
    speakers.report(1, [level('bob', -20)]);
    assert.deepEqual(told, [['ada']]);
    await until('the interval has passed', 2_000, () => told.length === 2);
    assert.deepEqual(told.at(-1), ['bob', 'ada']);
    speakers.close();
  });

  it('a router that was silent and says so again is not told of', () => {
    const { speakers, told } = merged(300);
    speakers.report(0, []);
    assert.deepEqual(told, []);
    speakers.close();
  });
});
