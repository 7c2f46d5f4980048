import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mostVoices, Voices } from '../../src/client/browser/voices.ts';
import type { Voice } from '../../src/client/browser/voices.ts';

const people = (count: number): Voice[] =>
  Array.from({ length: count }, (_, at) => ({ producerId: `mic ${at}`, participantId: `p ${at}` }));

const chosen = (voices: Voices, of: readonly Voice[]): string[] => [...voices.choose(of)].toSorted();

const first = (count: number): string[] =>
  people(count)
    .map(({ producerId }) => producerId)
    .toSorted();

describe('the voices that are received', () => {
  it('are all of a meeting of few', () => {
    const voices = new Voices();
    assert.deepEqual(chosen(voices, people(mostVoices)), first(mostVoices));
    assert.deepEqual(chosen(voices, []), []);
  });

  it('stay where more come: of those who are silent, nobody’s place is taken', () => {
    const voices = new Voices();
    voices.choose(people(mostVoices));
    assert.deepEqual(chosen(voices, people(50).toReversed()), first(mostVoices));
  });

  it('are joined by whoever becomes loud, in the place of who was loud least recently', () => {
    const voices = new Voices();
    const all = people(30);
    for (let at = 0; at < mostVoices; at++) voices.speak([`p ${at}`]);
    voices.choose(all);
    voices.speak(['p 25', 'p 0']);
    const now = voices.choose(all);
    assert.equal(now.size, mostVoices);
    assert.ok(now.has('mic 25') && now.has('mic 0'));
    assert.ok(!now.has('mic 1'), 'p 1 was loud before all others');
  });

  it('are the loudest where more are loud at once than can be heard', () => {
    const voices = new Voices();
    const all = people(40);
    voices.speak(all.map(({ participantId }) => participantId));
    assert.deepEqual(chosen(voices, all.toReversed()), first(mostVoices));
  });

  it('leave their place to others when they go', () => {
    const voices = new Voices();
    const all = people(mostVoices + 1);
    voices.choose(all);
    assert.ok(voices.choose(all.slice(1)).has(`mic ${mostVoices}`));
  });

  it('are all that somebody sends: a screen’s sound with its sharer’s voice', () => {
    const voices = new Voices();
    const all = [...people(30), { producerId: 'film', participantId: 'p 28' }];
    voices.choose(all);
    voices.speak(['p 28']);
    const now = voices.choose(all);
    assert.ok(now.has('film') && now.has('mic 28'));
  });
});
