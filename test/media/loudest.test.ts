import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Loudest } from '../../src/media/loudest.ts';

const intervalMs = 300;

/** So many people with an open microphone each, and a clock that goes on by an interval with everything that is heard. */
const meeting = (people: number, limits = { loudestFrom: 20, loudest: 5 }) => {
  const loudest = new Loudest(limits);
  const all = Array.from({ length: people }, (_, n) => `p${n}`);
  let nowMs = 0;
  for (const id of all) loudest.add(id, `owner-${id}`, false);
  const step = (): boolean => loudest.step(nowMs);
  const hear = (voices: Readonly<Record<string, number>>): boolean => {
    nowMs += intervalMs;
    loudest.heard(Object.entries(voices).map(([producerId, volume]) => ({ producerId, volume })));
    return step();
  };
  const audible = (): string[] => all.filter((id) => loudest.isAudible(id));
  step();
  return { loudest, all, step, hear, audible };
};

describe('the loudest voices', () => {
  it('everybody is forwarded in a meeting of twenty, five of them in one of more', () => {
    assert.equal(meeting(20).audible().length, 20);
    assert.equal(meeting(21).audible().length, 5);
  });

  it('counts people who can be heard: not the muted, and nobody twice', () => {
    const { loudest, all, step, audible } = meeting(20);
    loudest.add('muted', 'somebody', true);
    loudest.add('second', 'owner-p0', false);
    assert.equal(step(), false);
    assert.equal(audible().length, 20);
    loudest.setMuted('muted', false);
    assert.equal(step(), true);
    assert.equal([...all, 'muted', 'second'].filter((id) => loudest.isAudible(id)).length, 5);
  });

  it('whoever speaks takes the place of one who is silent, at once', () => {
    const { hear, audible } = meeting(30);
    assert.deepEqual(audible(), ['p0', 'p1', 'p2', 'p3', 'p4']);
    assert.equal(hear({ p20: -30 }), true);
    assert.ok(audible().includes('p20'));
    assert.equal(audible().length, 5);
  });

  it('whoever has a place keeps it through pauses, and against voices that are hardly louder', () => {
    const { hear, audible } = meeting(30);
    const five = { p10: -30, p11: -30, p12: -30, p13: -30, p14: -30 };
    for (let i = 0; i < 40; i++) hear(five);
    const before = audible();
    assert.deepEqual(before, Object.keys(five));
    hear({});
    for (let i = 0; i < 20; i++) assert.equal(hear({ ...five, p20: -27 }), false);
    assert.deepEqual(audible(), before);
  });

  it('at most one changes in a second, however wildly everybody shouts', () => {
    const volumes = fc.array(fc.integer({ min: -80, max: 0 }), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(volumes, { minLength: 1, maxLength: 60 }), (history) => {
        const { hear, audible, all } = meeting(30);
        let changes = 0;
        for (const levels of history) {
          const before = audible();
          const changed = hear(Object.fromEntries(all.map((id, n) => [id, levels[n] ?? -80])));
          const came = audible().filter((id) => !before.includes(id)).length;
          assert.equal(came, changed ? 1 : 0);
          assert.equal(audible().length, 5);
          changes += came;
        }
        assert.ok(changes <= 1 + (history.length * intervalMs) / 1_000);
      }),
    );
  });

  it('a place that comes free is filled; people who mute and unmute at the edge move nobody', () => {
    const { loudest, step, audible } = meeting(21);
    loudest.setMuted('p0', true);
    assert.equal(step(), true);
    assert.equal(loudest.isAudible('p0'), false);
    assert.equal(audible().length, 5);
    loudest.setMuted('p0', false);
    assert.equal(step(), false);
    for (const gone of ['p18', 'p19', 'p20']) loudest.remove(gone);
    assert.equal(step(), true, 'so small a meeting is heard whole');
    assert.equal(audible().length, 21, 'whoever went is no voice that is held back');
  });
});
