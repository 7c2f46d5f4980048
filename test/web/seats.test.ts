import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mostTiles, noSeats, pageCount, pageOf, seat } from '../../src/web/state/seats.ts';
import type { Seats } from '../../src/web/state/seats.ts';
import type { Person } from '../../src/web/state/state.ts';

const person = (id: string, hand: number | null = null, role: Person['role'] = 'presenter'): Person => ({
  id,
  name: id,
  role,
  hand,
  sending: [],
});
const named = (count: number, from = 0): Person[] =>
  Array.from({ length: count }, (_, index) => person(`p${from + index}`));
const me = person('me');

const seatAll = (
  people: readonly Person[],
  speakers: readonly string[] = [],
  before: Seats = noSeats,
): Seats => seat(before, { people: [me, ...people], selfId: 'me', speakers });

const firstOf = (seats: Seats): readonly string[] => pageOf({ ...seats, page: 0 }).others;

/** How many of the first page sit elsewhere than before. */
const moved = (before: Seats, after: Seats): number => {
  const then = firstOf(before);
  return firstOf(after).filter((id, index) => then[index] !== id).length;
};

describe('seats', () => {
  it('are taken in order of coming', () => {
    const seats = seatAll(named(3));
    assert.deepEqual(seats.order, ['p0', 'p1', 'p2']);
    assert.deepEqual(seatAll([...named(3), person('q')], [], seats).order, ['p0', 'p1', 'p2', 'q']);
  });

  it('are given to whoever may send, each one, and none twice', () => {
    const someone = fc.record({
      id: fc.integer({ min: 0, max: 40 }).map((number) => `p${number}`),
      role: fc.constantFrom('host' as const, 'presenter' as const, 'viewer' as const),
      hand: fc.option(fc.integer({ min: 1, max: 99 })),
    });
    const moment = fc.record({
      people: fc.uniqueArray(someone, { selector: ({ id }) => id, maxLength: 40 }),
      speakers: fc.uniqueArray(fc.integer({ min: 0, max: 45 }), { maxLength: 12 }),
      perPage: fc.integer({ min: 1, max: mostTiles }),
      here: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 12 }), (moments) => {
        let seats = noSeats;
        for (const { people, speakers, perPage, here } of moments) {
          const all = people.map(({ id, role, hand }) => person(id, hand, role));
          seats = seat(
            { ...seats, perPage },
            {
              people: here ? [me, ...all] : all,
              selfId: 'me',
              speakers: speakers.map((number) => `p${number}`),
            },
          );
          const onStage = all.filter(({ role }) => role !== 'viewer').map(({ id }) => id);
          assert.deepEqual([...seats.order].sort(), onStage.sort());
          const pages = Array.from({ length: pageCount(seats) }, (_, page) => pageOf({ ...seats, page }));
          assert.deepEqual(
            pages.flatMap(({ others }) => others),
            seats.order,
            'the pages hold everybody once',
          );
          for (const { others, self } of pages) {
            assert.ok(others.length + (self ? 1 : 0) <= Math.max(1, perPage));
          }
          assert.equal(
            pages.filter(({ self }) => self).length,
            here && (perPage > 1 || !onStage.length) ? 1 : 0,
          );
        }
      }),
    );
  });

  it('do not change while who speaks sits on the first page', () => {
    const seats = seatAll(named(30));
    for (const speaker of firstOf(seats)) {
      assert.deepEqual(seatAll(named(30), [speaker], seats).order, seats.order);
    }
  });

  it('of the first page are given to who speaks behind it, moving one of the silent and nobody else', () => {
    const seats = seatAll(named(30));
    const spoken = seatAll(named(30), ['p20'], seats);
    assert.ok(firstOf(spoken).includes('p20'));
    assert.equal(moved(seats, spoken), 1);
    assert.equal(spoken.order.length, 30);
    assert.deepEqual(seatAll(named(30), [], spoken).order, spoken.order, 'silence moves nobody back');
  });

  it('are given up by who has been silent for longest', () => {
    let seats = seatAll(named(30));
    const first = [...firstOf(seats)];
    // All but p3 speak, one after the other.
    for (const speaker of first.filter((id) => id !== 'p3')) seats = seatAll(named(30), [speaker], seats);
    seats = seatAll(named(30), ['p20'], seats);
    assert.equal(firstOf(seats)[3], 'p20');
    assert.ok(!firstOf(seats).includes('p3'));
  });

  it('are kept by those who speak, however many do', () => {
    const all = named(40);
    const speakers = all.slice(20, 36).map(({ id }) => id);
    const seats = seatAll(all, speakers, seatAll(all));
    assert.deepEqual([...firstOf(seats)].sort(), speakers.slice(0, mostTiles - 1).sort());
  });

  it('of the first page are given to raised hands in their order, after who speaks', () => {
    const all = named(40);
    const hands = [30, 31, 32, 33, 34, 35, 36, 37, 38];
    const raised = all.map((each, index) => (hands.includes(index) ? { ...each, hand: 100 - index } : each));
    const seats = seatAll(raised, ['p20'], seatAll(all));
    const expected = ['p20', ...hands.toReversed().map((index) => `p${index}`)].slice(0, mostTiles - 1);
    assert.deepEqual(new Set(firstOf(seats)), new Set(expected));
  });

  it('that become free on the first page are filled from behind, and nobody else moves there', () => {
    const seats = seatAll(named(30));
    const left = named(30).filter(({ id }) => id !== 'p2');
    const after = seatAll(left, [], seats);
    assert.equal(moved(seats, after), 1);
    assert.equal(firstOf(after)[2], 'p8');
  });

  it('are found quickly for thousands', () => {
    const all = named(5_000);
    const ids = all.map(({ id }) => id);
    let seats = seatAll(all);
    for (let times = 0; times < 100; times++) seats = seatAll(all, [ids[times * 40] ?? ''], seats);
    assert.equal(new Set(seats.order).size, 5_000);
  });
});
