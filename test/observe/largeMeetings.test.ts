import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LargeMeetings } from '../../src/observe/largeMeetings.ts';
import type { LargeMeeting } from '../../src/observe/largeMeetings.ts';
import { createMetrics } from '../../src/observe/metrics.ts';

const meeting = (id: string, participants: number): LargeMeeting => ({
  id,
  participants,
  audience: participants - 1,
  epoch: { number: 7, ageMs: 1_500 },
  lagging: 2,
  paused: 1,
});

const scene = (settings = { largeMeeting: 500, largeMeetings: 2 }) => {
  const metrics = createMetrics({ version: '1', process: false });
  const large = new LargeMeetings(metrics.large, settings);
  const series = async (): Promise<string[]> =>
    (await metrics.expose()).split('\n').filter((line) => line.startsWith('latchkey_large_meeting_'));
  return { large, series };
};

test('a meeting has series from its size on, and what they say is what it is', async () => {
  const { large, series } = scene();
  large.set([meeting('small', 499), meeting('large', 500)]);
  assert.deepEqual(await series(), [
    'latchkey_large_meeting_participants{meeting="large"} 500',
    'latchkey_large_meeting_audience{meeting="large"} 499',
    'latchkey_large_meeting_epoch{meeting="large"} 7',
    'latchkey_large_meeting_epoch_age_seconds{meeting="large"} 1.5',
    'latchkey_large_meeting_lagging{meeting="large"} 2',
    'latchkey_large_meeting_paused{meeting="large"} 1',
  ]);
});

test('a meeting that shrank or ended leaves no series', async () => {
  const { large, series } = scene();
  large.set([meeting('shrinks', 600), meeting('ends', 700)]);
  assert.equal((await series()).length, 12);
  large.set([meeting('shrinks', 499)]);
  assert.deepEqual(await series(), []);
});

test('of many the largest have series, and those that have them keep them', () => {
  const { large } = scene();
  large.set([meeting('a', 600), meeting('b', 800), meeting('c', 700)]);
  assert.deepEqual([...large.shown].toSorted(), ['b', 'c']);
  large.set([meeting('a', 5_000), meeting('b', 800), meeting('c', 700)]);
  assert.deepEqual([...large.shown].toSorted(), ['b', 'c']);
  large.set([meeting('a', 5_000), meeting('b', 499), meeting('c', 700), meeting('d', 900)]);
  assert.deepEqual([...large.shown].toSorted(), ['a', 'c']);
});

test('however many meetings grow large, there are never more series than those of so many', async () => {
  const { large, series } = scene({ largeMeeting: 1, largeMeetings: 3 });
  for (let round = 0; round < 50; round++) {
    large.set(Array.from({ length: 10 }, (_, index) => meeting(`${round}-${index}`, 1 + index)));
    assert.equal((await series()).length, 18);
  }
  const { large: nobody, series: none } = scene({ largeMeeting: 1, largeMeetings: 0 });
  nobody.set([meeting('a', 1_000)]);
  assert.deepEqual(await none(), []);
});

test('a meeting without an epoch in use has none in its series', async () => {
  const { large, series } = scene();
  large.set([meeting('a', 500)]);
  large.set([{ ...meeting('a', 500), epoch: null }]);
  assert.equal((await series()).filter((line) => line.includes('epoch')).length, 0);
  assert.equal((await series()).length, 4);
});
