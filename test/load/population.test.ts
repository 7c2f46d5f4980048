// Who the generated participants are: the same for the same seed, as many as was asked for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Churn } from '../../src/load/churn.ts';
import type { LoadShape } from '../../src/load/options.ts';
import { Population } from '../../src/load/population.ts';
import { streams } from '../../src/load/profiles.ts';
import { Seeded } from '../../src/load/seeded.ts';
import { until } from '../participant/until.ts';

const shape: LoadShape = {
  participants: 500,
  publishers: 5,
  kind: 'broadcast',
  slow: 0.01,
  openSample: 0.1,
  video: '100k',
  videoViewers: 0.2,
  seed: 7,
};

const profilesOf = (shape: LoadShape, count: number = shape.participants) => {
  const population = new Population(shape);
  return Array.from({ length: count }, (_, index) => population.profile(index));
};

describe('the participants of a load', () => {
  it('are the same for the same seed, and others for another one', () => {
    assert.deepEqual(profilesOf(shape, 600), profilesOf(shape, 600));
    assert.notDeepEqual(profilesOf(shape), profilesOf({ ...shape, seed: 8 }));
  });

  it('have exactly the shares that were asked for', () => {
    const profiles = profilesOf(shape);
    assert.equal(profiles.filter(({ slow }) => slow).length, 5);
    assert.equal(profiles.filter(({ opens }) => opens).length, 50);
    assert.equal(profiles.filter(({ seesVideo }) => seesVideo).length, 100);
    assert.ok(
      profiles.some(({ opens, seesVideo }) => opens && seesVideo),
      'the choices are independent',
    );
    const all = profilesOf({ ...shape, openSample: 1 });
    assert.ok(all.every(({ opens }) => opens));
  });

  it('that come later have them by chance', () => {
    const later = profilesOf(shape, 4_500).slice(500);
    const opening = later.filter(({ opens }) => opens).length;
    assert.ok(opening > 300 && opening < 500, `${opening} of 4,000`);
  });

  it('send as their place says: one talks and is seen, the others are silent, the audience only receives', () => {
    const profiles = profilesOf(shape);
    assert.deepEqual(
      profiles.slice(0, 6).map(({ sends }) => sends),
      [['talk', '100k'], ['silence'], ['silence'], ['silence'], ['silence'], []],
    );
    assert.deepEqual(
      new Set(profiles.slice(0, 5).map(({ role, slow }) => `${role} ${slow}`)),
      new Set(['presenter false']),
    );
    assert.deepEqual(new Set(profiles.slice(5).map(({ role }) => role)), new Set(['viewer']));
    const interactive = profilesOf({ ...shape, kind: 'interactive' });
    assert.deepEqual(new Set(interactive.map(({ role }) => role)), new Set(['presenter']));
    assert.equal(interactive.filter(({ sends }) => sends.length > 0).length, 5);
    assert.ok(profilesOf({ ...shape, video: 'none' }).every(({ seesVideo }) => !seesVideo));
  });

  it('video of a profile has its bits a second', () => {
    for (const [name, bits] of [
      ['100k', 100_000],
      ['1m', 1_000_000],
    ] as const) {
      const { framesPerSecond, frameBytes } = streams[name];
      const frames = Array.from({ length: 1_000 }, (_, number) => frameBytes(false, number));
      const perSecond = (8 * framesPerSecond * frames.reduce((sum, one) => sum + one, 0)) / frames.length;
      assert.ok(Math.abs(perSecond / bits - 1) < 0.1, `${name}: ${perSecond}`);
    }
  });
});

describe('people who come and go', () => {
  it('go one for each who comes, and nobody goes twice', async () => {
    const left: number[] = [];
    const came: number[] = [];
    const over = new AbortController();
    const churn = new Churn([10, 11, 12, 13, 14], 20, {
      perSecond: 200,
      random: new Seeded(1),
      leave: async (index) => void left.push(index),
      join: async (index) => {
        came.push(index);
        return true;
      },
    });
    const ran = churn.run(over.signal);
    await until('thirty have come', 10_000, () => came.length >= 30);
    over.abort();
    await ran;
    assert.equal(left.length, came.length);
    assert.equal(new Set(left).size, left.length);
    assert.deepEqual(
      came,
      came.map((_, at) => 20 + at),
    );
    assert.ok(left.every((index) => index < 15 || came.includes(index)));
  });

  it('end with the first that fails', async () => {
    const churn = new Churn([1], 2, {
      perSecond: 200,
      random: new Seeded(1),
      leave: () => Promise.reject(new Error('a generator died')),
      join: async () => true,
    });
    const forever = new AbortController();
    await assert.rejects(churn.run(forever.signal), /a generator died/);
    forever.abort();
  });
});
