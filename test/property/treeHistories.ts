// Random histories of a meeting's key tree, run over symbols, and what must hold of each: whoever was present at an epoch can derive its
// session key, and no coalition of others can, ever, from all that was ever sent.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyTree } from '../../src/keys/tree.ts';
import { lease as toLease } from '../../src/protocol/names.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { closure, knows, SymbolicSealingKeys } from '../keys/treeSymbols.ts';
import type { Cell, Term } from '../keys/treeSymbols.ts';

/** One window's joins, departures and re-admissions. Picks are indices into who is present, modulo their number. */
export interface Window {
  readonly joins: number;
  readonly leave: readonly number[] | 'all';
  readonly anew: readonly number[];
}

export interface History {
  readonly windows: readonly Window[];
  /** Picks the epoch after which the custodian's memory is stolen. */
  readonly theft: number;
}

export const maxPresent = 200;

const few = fc.integer({ min: 0, max: 4 });
const picks = (maxLength: number): fc.Arbitrary<number[]> => fc.array(fc.nat(maxPresent * 4), { maxLength });

const window: fc.Arbitrary<Window> = fc.record({
  joins: fc.oneof({ weight: 6, arbitrary: few }, { weight: 1, arbitrary: fc.integer({ min: 5, max: 90 }) }),
  leave: fc.oneof(
    { weight: 8, arbitrary: picks(3) },
    { weight: 2, arbitrary: picks(60) },
    { weight: 1, arbitrary: fc.constant('all' as const) },
  ),
  anew: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: picks(3) }),
});

export const history: fc.Arbitrary<History> = fc.record({
  windows: fc.array(window, { minLength: 2, maxLength: 26, size: 'max' }),
  theft: fc.nat(1_000),
});

export type TreeClass = typeof KeyTree;

interface Participant {
  readonly lease: Lease;
  /** The admission key as it was given, which the participant, and so a coalition with it, may keep for ever. */
  readonly admissionKey: Term;
  readonly from: number;
  /** The first epoch without it. */
  until: number;
}

export interface Run {
  readonly keys: SymbolicSealingKeys;
  readonly participants: readonly Participant[];
  readonly epochs: number;
  /** What the custodian held after each epoch. */
  readonly held: readonly (readonly Term[])[];
  readonly mostPresent: number;
}

const incarnation = new Uint8Array(16).fill(7);

/** Drives one tree through a history; `watch` sees every rekey. */
export const run = (
  Tree: TreeClass,
  { windows }: History,
  watch: (rekeyed: ReturnType<KeyTree<Cell>['rekey']>, joined: ReadonlyMap<Lease, Term>) => void = () =>
    undefined,
): Run => {
  const keys = new SymbolicSealingKeys();
  const tree = new Tree(keys, incarnation);
  const participants: Participant[] = [];
  const held: Term[][] = [];
  let present: Participant[] = [];
  let mostPresent = 0;
  for (const { joins, leave, anew } of windows) {
    const pick = (picked: readonly number[]): Participant[] =>
      present.length === 0 ? [] : picked.flatMap((index) => present[index % present.length] ?? []);
    const again = new Set(pick(anew));
    const leaving = new Set([...(leave === 'all' ? present : pick(leave)), ...again]);
    const entering = Math.min(joins + again.size, maxPresent - present.length + leaving.size);
    if (entering + leaving.size === 0) continue;
    const epoch = held.length;
    const joined: Participant[] = [];
    const joiners = Array.from({ length: entering }, () => {
      const key = keys.mint();
      const lease = toLease(participants.length + 1);
      const admissionKey = { atom: key.atom, steps: key.steps };
      const participant = { lease, admissionKey, from: epoch, until: Infinity };
      participants.push(participant);
      joined.push(participant);
      return { lease, key };
    });
    for (const one of leaving) one.until = epoch;
    const departures = [...leaving].map(({ lease }) => lease);
    const rekeyed = tree.rekey({ trigger: 'joinAndDeparture', joins: joiners, departures });
    assert.equal(rekeyed.epoch, epoch);
    watch(rekeyed, new Map(joined.map(({ lease, admissionKey }) => [lease, admissionKey])));
    present = [...present.filter((one) => !leaving.has(one)), ...joined];
    assert.equal(tree.size, present.length);
    mostPresent = Math.max(mostPresent, present.length);
    held.push([...keys.live].map(({ atom, steps }) => ({ atom, steps })));
  }
  tree.close();
  return { keys, participants, epochs: held.length, held, mostPresent };
};

const sessionOf = ({ keys }: Run, epoch: number): Term => {
  const session = keys.sessions[epoch];
  assert.ok(session !== undefined, `epoch ${epoch} was minted`);
  return session;
};

/**
 * Laws 1 and 2 at once. Everybody who was not present at e, however early they left or late they came, works together: if they
 * cannot derive M_e, no coalition of some of them can.
 */
export const assertNobodyElseDerives = (made: Run): void => {
  for (let epoch = 0; epoch < made.epochs; epoch++) {
    const absent = made.participants.filter(({ from, until }) => epoch < from || epoch >= until);
    const known = closure(
      made.keys.wire,
      absent.map(({ admissionKey }) => admissionKey),
    );
    assert.ok(
      !knows(known, sessionOf(made, epoch)),
      `epoch ${epoch} is derived by those who were not present`,
    );
  }
};

/** Everybody derives the epochs of its presence, and alone no other: also the positive control of the law above. */
export const assertThosePresentDerive = (made: Run): void => {
  for (const { lease, admissionKey, from, until } of made.participants) {
    const known = closure(made.keys.wire, [admissionKey]);
    for (let epoch = 0; epoch < made.epochs; epoch++) {
      const derives = knows(known, sessionOf(made, epoch));
      assert.equal(derives, epoch >= from && epoch < until, `lease ${lease}, epoch ${epoch}`);
    }
  }
};

/** Seal and forget: what the custodian holds after an epoch opens neither that epoch nor one before it. */
export const assertTheftOpensNothingSealed = (made: Run, theft: number): void => {
  if (made.epochs === 0) return;
  const after = theft % made.epochs;
  const known = closure(made.keys.wire, made.held[after] ?? []);
  for (let epoch = 0; epoch <= after; epoch++) {
    assert.ok(!knows(known, sessionOf(made, epoch)), `epoch ${epoch} opens with what is held after ${after}`);
  }
};

/** Nothing is held that nobody needs: after the end, no key at all. */
export const assertNothingIsLeft = ({ keys }: Run): void => assert.equal(keys.live.size, 0);

export const assertLaws = (Tree: TreeClass, given: History): Run => {
  const made = run(Tree, given);
  assertNobodyElseDerives(made);
  assertThosePresentDerive(made);
  assertTheftOpensNothingSealed(made, given.theft);
  assertNothingIsLeft(made);
  return made;
};
