import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { actionsFor, countPeople, rosterOf } from '../../src/web/state/roster.ts';
import type { Person } from '../../src/web/state/state.ts';

const person = (name: string, role: Person['role'], change: Partial<Person> = {}): Person => ({
  id: name,
  name,
  role,
  hand: null,
  sending: [],
  ...change,
});
const names = (people: readonly Person[]): string[] => people.map(({ name }) => name);

describe('the list of people', () => {
  const people = [
    person('Zoë', 'viewer'),
    person('Ada', 'host'),
    person('Bob', 'viewer', { hand: 7 }),
    person('Cleo', 'presenter', { hand: 2 }),
    person('Łucja', 'presenter'),
  ];

  it('has raised hands first in their order, then hosts, the stage and the audience', () => {
    const { raised, hosts, stage, audience } = rosterOf(people, '');
    assert.deepEqual([raised, hosts, stage, audience].map(names), [
      ['Cleo', 'Bob'],
      ['Ada'],
      ['Łucja'],
      ['Zoë'],
    ]);
  });

  it('finds names whatever their case and accents', () => {
    assert.deepEqual(names(rosterOf(people, ' zoe ').audience), ['Zoë']);
    assert.deepEqual(names(rosterOf(people, 'OB').raised), ['Bob']);
    const found = rosterOf(people, 'nobody');
    assert.deepEqual([found.raised, found.hosts, found.stage, found.audience], [[], [], [], []]);
  });

  it('counts who is on the stage and who watches', () => {
    assert.deepEqual(countPeople(people), { onStage: 3, watching: 2 });
    assert.deepEqual(countPeople([]), { onStage: 0, watching: 0 });
  });
});

describe('what a host may do', () => {
  it('fits the role', () => {
    assert.deepEqual(actionsFor(person('v', 'viewer')), ['toStage', 'makeHost', 'remove']);
    assert.deepEqual(actionsFor(person('p', 'presenter')), ['toAudience', 'makeHost', 'remove']);
    assert.deepEqual(actionsFor(person('h', 'host')), ['toAudience', 'remove']);
  });

  it('fits what is sent', () => {
    const speaks = person('p', 'presenter', { sending: [{ source: 'microphone', muted: false }] });
    assert.ok(actionsFor(speaks).includes('mute'));
    const silent = person('p', 'presenter', { sending: [{ source: 'microphone', muted: true }] });
    assert.ok(!actionsFor(silent).includes('mute'));
    const shows = person('p', 'presenter', { sending: [{ source: 'screen', muted: false }] });
    assert.ok(actionsFor(shows).includes('stopShare'));
  });
});
