// Who sits on which page of tiles. Pure; the order outlives changes, so that tiles do not jump: whoever speaks or raises a hand takes, on
// the first page, the seat of who has been silent for longest, and that one takes the seat that became free. Nobody else moves.
// Invariants (test/web/seats.test.ts): everybody on the stage has one seat; a change moves only whom it must.

import { mayProduce } from '../../protocol/names.ts';
import type { Person } from './state.ts';

/** The most tiles of a page. */
export const mostTiles = 9;
/** How many that spoke lately are remembered: more than a page has seats. */
const keptSpoke = 16;

export interface Seats {
  /** The others on the stage. */
  readonly order: readonly string[];
  /** This person is on the stage too: on the first page, last. */
  readonly self: boolean;
  /** The latest first. */
  readonly spoke: readonly string[];
  readonly perPage: number;
  /** From 0; may be one that is not there any more: `pageOf` takes the last then. */
  readonly page: number;
}

export const noSeats: Seats = { order: [], self: false, spoke: [], perPage: mostTiles, page: 0 };

interface Present {
  readonly people: readonly Person[];
  readonly selfId: string | null;
  readonly speakers: readonly string[];
}

/** Where there is one seat only, others have it. */
const selfSits = ({ order, self, perPage }: Seats): boolean => self && (perPage > 1 || order.length === 0);

/** How many others the first page has seats for. */
const firstPage = (seats: Seats): number => Math.max(1, seats.perPage - (selfSits(seats) ? 1 : 0));

export const pageCount = (seats: Seats): number =>
  1 + Math.ceil(Math.max(0, seats.order.length - firstPage(seats)) / Math.max(1, seats.perPage));

/** Who is to be seen before others: whoever speaks, then whose hand was raised first. */
const urgentOf = (others: ReadonlyMap<string, Person>, speakers: readonly string[]): Set<string> => {
  const raised = [...others.values()]
    .filter(({ hand }) => hand !== null)
    .sort((a, b) => (a.hand ?? 0) - (b.hand ?? 0));
  return new Set([...speakers.filter((id) => others.has(id)), ...raised.map(({ id }) => id)]);
};

/** Seats of the first page that became free go to the first of the others; pages behind it move up. */
const withoutGaps = (before: Seats, others: ReadonlyMap<string, Person>, room: number): string[] => {
  const known = new Set(before.order);
  const behind = before.order.slice(room).filter((id) => others.has(id));
  for (const id of others.keys()) if (!known.has(id)) behind.push(id);
  let next = 0;
  const first = before.order.slice(0, room).flatMap((id) => {
    const taken = others.has(id) ? id : behind[next++];
    return taken === undefined ? [] : [taken];
  });
  return [...first, ...behind.slice(next)];
};

/** The seat of the first page that is given up: of who neither speaks nor asks to, and has been silent for longest; else none. */
const givenUp = (first: readonly string[], urgent: ReadonlySet<string>, spoke: readonly string[]): number => {
  const silence = (id: string): number => (spoke.includes(id) ? spoke.indexOf(id) : keptSpoke);
  let found = -1;
  for (const [index, id] of first.entries()) {
    if (urgent.has(id)) continue;
    if (found < 0 || silence(id) >= silence(first[found] ?? '')) found = index;
  }
  return found;
};

const bringForward = (order: string[], room: number, urgent: Set<string>, spoke: readonly string[]): void => {
  const chosen = new Set([...urgent].slice(0, room));
  for (const id of chosen) {
    const from = order.indexOf(id);
    if (from < room) continue;
    const to = givenUp(order.slice(0, room), chosen, spoke);
    const silent = order[to];
    if (silent === undefined) return;
    order[to] = id;
    order[from] = silent;
  }
};

/** The seats after a change of who is present, who speaks, whose hand is raised, or of `perPage`. */
export const seat = (before: Seats, { people, selfId, speakers }: Present): Seats => {
  const others = new Map<string, Person>();
  let self = false;
  for (const person of people) {
    if (!mayProduce(person.role)) continue;
    if (person.id === selfId) self = true;
    else others.set(person.id, person);
  }
  const speaking = new Set(speakers);
  const spoke = [...speakers, ...before.spoke.filter((id) => !speaking.has(id))].slice(0, keptSpoke);
  const now = { ...before, self, spoke };
  const room = firstPage(now);
  const order = withoutGaps(before, others, room);
  bringForward(order, room, urgentOf(others, speakers), spoke);
  return { ...now, order };
};

export interface SeatedPage {
  readonly others: readonly string[];
  readonly self: boolean;
  /** From 0. */
  readonly page: number;
  readonly pages: number;
}

export const pageOf = (seats: Seats): SeatedPage => {
  const pages = pageCount(seats);
  const page = Math.min(seats.page, pages - 1);
  const first = firstPage(seats);
  const from = page === 0 ? 0 : first + (page - 1) * seats.perPage;
  const to = page === 0 ? first : from + seats.perPage;
  return { others: seats.order.slice(from, to), self: page === 0 && selfSits(seats), page, pages };
};
