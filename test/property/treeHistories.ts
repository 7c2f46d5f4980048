// Random histories of a meeting's key tree, run over symbols, and what must hold of each: whoever was present at an epoch can derive its
// session key, and no coalition of others can, ever, from all that was ever sent; and a renewal takes from a thief of the custodian's
// memory what that opened.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyTree } from '../../src/keys/tree.ts';
import type { Rekey, Welcome } from '../../src/protocol/keyMessages.ts';
import { lease as toLease } from '../../src/protocol/names.ts';
import type { EpochId, Lease } from '../../src/protocol/names.ts';
import { changeOf, closure, knows, SymbolicSealingKeys } from '../keys/treeSymbols.ts';
import type { Cell, Term } from '../keys/treeSymbols.ts';

/** One window's joins, departures and re-admissions; none of them is an epoch too. Picks are indices into who is present, modulo their number. */
export interface Window {
  readonly joins: number;
  readonly leave: readonly number[] | 'all';
  readonly anew: readonly number[];
  /** The session key is kept for those who come after. */
  readonly keep: boolean;
  /** Groups of newcomers after the rekey, who share its epoch or else wait for the next. */
  readonly shares: readonly number[];
  /** Then the session key is forgotten before the next rekey. */
  readonly forget: boolean;
}

/** Everybody is admitted anew: memory is stolen as it begins, windows pass, one rekey moves them. */
export interface Renewal {
  /** Picks the window before which it begins. */
  readonly begins: number;
  /** Windows until the move. */
  readonly collects: number;
  /** Picks those who do not answer in time: left behind, and admitted after it. */
  readonly late: readonly number[];
  /** Whether those who joined since it began are moved as well. */
  readonly movesNew: boolean;
  /** Old leases that the move leaves in place: none, but to show that one is too many. */
  readonly stays: number;
}

export interface History {
  readonly windows: readonly Window[];
  /** Picks the epoch after which the custodian's memory is stolen. */
  readonly theft: number;
  readonly renewal: Renewal | null;
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
  keep: fc.boolean(),
  shares: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 2 }),
  forget: fc.boolean(),
});

const renewal: fc.Arbitrary<Renewal> = fc.record({
  begins: fc.nat(1_000),
  collects: fc.nat(4),
  late: picks(20),
  movesNew: fc.boolean(),
  stays: fc.constant(0),
});

export const history: fc.Arbitrary<History> = fc.record({
  windows: fc.array(window, { minLength: 2, maxLength: 26, size: 'max' }),
  theft: fc.nat(1_000),
  renewal: fc.option(renewal),
});

export type TreeClass = typeof KeyTree;

interface Participant {
  readonly lease: Lease;
  /** The admission key as it was given, which the participant, and so a coalition with it, may keep for ever. */
  readonly admissionKey: Term;
  from: number;
  /** The first epoch without it. */
  until: number;
}

interface Waiting {
  readonly participant: Participant;
  readonly key: Cell;
}

/** What the custodian held at some moment after an epoch was sealed. */
interface Held {
  readonly epoch: number;
  readonly terms: readonly Term[];
  /** The epoch's session key among them, for those who may share it. */
  readonly keeps: boolean;
}

/** What the wire saw of an epoch, once it was minted and each time that it was shared. */
export interface Told {
  readonly epoch: EpochId;
  readonly minted: boolean;
  readonly rekey: Rekey | null;
  readonly welcomes: readonly Welcome[];
  /** The admission keys of those who are welcomed. */
  readonly joined: ReadonlyMap<Lease, Term>;
}

const incarnation = new Uint8Array(16).fill(7);

const termOf = ({ atom, steps }: Term): Term => ({ atom, steps });

/** Drives one tree through a history; `watch` sees all that is told. */
export class Run {
  readonly keys = new SymbolicSealingKeys();
  readonly participants: Participant[] = [];
  readonly held: Held[] = [];
  mostPresent = 0;
  shared = 0;
  epochs = 0;
  /** What the custodian held when the renewal began, and the epoch that moved everybody; null where the history ended before. */
  stolen: readonly Term[] | null = null;
  moved: number | null = null;
  /** What was given to newcomers, path keys alone, that the custodian did not hold just then: they could not go on together. */
  readonly strays: Term[] = [];
  /** Shares that were made, or refused, against what the tree's size says. */
  readonly wrongShares: string[] = [];
  readonly #tree: KeyTree<Cell>;
  readonly #watch: (told: Told) => void;
  #present: Participant[] = [];
  #waiting: Waiting[] = [];
  /** The newest session key should be held: it was asked for, and nothing since should have ended it. */
  #keeps = false;

  constructor(Tree: TreeClass, { windows, renewal }: History, watch: (told: Told) => void = () => undefined) {
    this.#tree = new Tree(this.keys, incarnation);
    this.#watch = watch;
    const begins = renewal === null ? -1 : renewal.begins % windows.length;
    let old = new Set<Participant>();
    for (const [index, window] of windows.entries()) {
      if (index === begins) {
        this.stolen = this.#live();
        old = new Set([...this.#present, ...this.#waiting.map(({ participant }) => participant)]);
      }
      if (renewal !== null && index === begins + renewal.collects) this.#move(renewal, old, window.keep);
      else this.#pass(window);
    }
    for (const { key } of this.#waiting) this.keys.wipe(key);
    this.#tree.close();
  }

  #pass({ joins, leave, anew, keep, shares, forget }: Window): void {
    const again = new Set(this.#pick(anew));
    const leaving = new Set([...(leave === 'all' ? this.#present : this.#pick(leave)), ...again]);
    const room = maxPresent - this.#present.length + leaving.size - this.#waiting.length;
    this.#admit(Math.min(joins + again.size, Math.max(0, room)));
    this.#rekey(this.#waiting.splice(0), leaving, keep);
    for (const count of shares) this.#share(count);
    if (forget) {
      this.#tree.forget();
      this.#keeps = false;
    }
    this.#record();
  }

  /** Whoever was there, or waited, when the renewal began loses that lease; those who waited and those who are late join afterwards. */
  #move({ late, movesNew, stays }: Renewal, old: ReadonlySet<Participant>, keep: boolean): void {
    const behind = new Set(this.#pick(late));
    const leaving = new Set(this.#present.filter((one) => old.has(one) || movesNew).slice(stays));
    const withdrawn = this.#waiting.filter(({ participant }) => old.has(participant));
    const joining = this.#waiting.filter(({ participant }) => !old.has(participant));
    for (const { key } of withdrawn) this.keys.wipe(key);
    this.#waiting = joining;
    this.#admit([...leaving].filter((one) => !behind.has(one)).length);
    this.moved = this.epochs;
    this.#rekey(this.#waiting.splice(0), leaving, keep);
    this.#admit(withdrawn.length);
    this.#record();
  }

  #pick(picked: readonly number[]): Participant[] {
    const size = this.#present.length;
    return size === 0 ? [] : picked.flatMap((index) => this.#present[index % size] ?? []);
  }

  #admit(count: number): void {
    for (let admitted = 0; admitted < count; admitted++) {
      const key = this.keys.mint();
      const lease = toLease(this.participants.length + 1);
      const participant = { lease, admissionKey: termOf(key), from: Infinity, until: Infinity };
      this.participants.push(participant);
      this.#waiting.push({ participant, key });
    }
  }

  #rekey(joining: readonly Waiting[], leaving: ReadonlySet<Participant>, keep: boolean): void {
    const epoch = this.epochs++;
    for (const one of leaving) one.until = epoch;
    const told = this.#tree.rekey(
      changeOf({ joins: joinersOf(joining), departures: [...leaving].map(({ lease }) => lease), keep }),
    );
    assert.equal(told.epoch, epoch);
    this.#keeps = keep;
    this.#present = this.#present.filter((one) => !leaving.has(one));
    this.#welcomed(joining, { ...told, minted: true });
    this.#record();
  }

  #share(count: number): void {
    this.#admit(Math.min(count, maxPresent - this.#present.length - this.#waiting.length));
    if (this.epochs === 0 || this.#waiting.length === 0) return;
    const { size, height } = this.#tree;
    const expected = this.#keeps && size > 0 && size + this.#waiting.length <= 4 ** height;
    const welcomes = this.#tree.share(joinersOf(this.#waiting));
    if ((welcomes !== null) !== expected) this.wrongShares.push(`${size} present, height ${height}`);
    if (welcomes === null) return;
    this.shared++;
    const epoch = (this.epochs - 1) as EpochId;
    this.#welcomed(this.#waiting.splice(0), { epoch, minted: false, rekey: null, welcomes });
  }

  #welcomed(joining: readonly Waiting[], told: Omit<Told, 'joined'>): void {
    for (const { participant } of joining) participant.from = told.epoch;
    this.#present.push(...joining.map(({ participant }) => participant));
    assert.equal(this.#tree.size, this.#present.length);
    this.mostPresent = Math.max(this.mostPresent, this.#present.length);
    const held = new Set(this.#live().map(({ atom, steps }) => `${atom}.${steps}`));
    for (const { sealed } of told.welcomes) {
      const path = this.keys.wire.at(sealed)?.secrets.slice(0, -1) ?? [];
      this.strays.push(...path.filter(({ atom, steps }) => !held.has(`${atom}.${steps}`)));
    }
    const joined = new Map(joining.map(({ participant }) => [participant.lease, participant.admissionKey]));
    this.#watch({ ...told, joined });
  }

  #record(): void {
    this.held.push({ epoch: this.epochs - 1, terms: this.#live(), keeps: this.#keeps });
  }

  #live(): Term[] {
    return [...this.keys.live].map(termOf);
  }
}

const joinersOf = (waiting: readonly Waiting[]) =>
  waiting.map(({ participant: { lease }, key }) => ({ lease, key }));

const sessionOf = ({ keys }: Run, epoch: number): Term => {
  const session = keys.sessions[epoch];
  assert.ok(session !== undefined, `epoch ${epoch} was minted`);
  return session;
};

const absentFrom = ({ participants }: Run, epoch: number): Term[] =>
  participants
    .filter(({ from, until }) => epoch < from || epoch >= until)
    .map(({ admissionKey }) => admissionKey);

/**
 * Laws 1 and 2 at once. Everybody who was not present at e, however early they left or late they came, works together: if they
 * cannot derive M_e, no coalition of some of them can.
 */
export const assertNobodyElseDerives = (made: Run): void => {
  for (let epoch = 0; epoch < made.epochs; epoch++) {
    const known = closure(made.keys.wire, absentFrom(made, epoch));
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

/** Seal and forget: what the custodian holds after an epoch opens none before it, and itself only while it is kept to be shared. */
export const assertTheftOpensNothingSealed = (made: Run, theft: number): void => {
  const stolen = made.held[theft % made.held.length];
  assert.ok(stolen !== undefined);
  const known = closure(made.keys.wire, stolen.terms);
  for (let epoch = 0; epoch <= stolen.epoch; epoch++) {
    assert.equal(
      knows(known, sessionOf(made, epoch)),
      stolen.keeps && epoch === stolen.epoch,
      `epoch ${epoch}, with what is held after ${stolen.epoch}`,
    );
  }
};

/** All that was stolen when the renewal began, together with all that anybody else has, opens nothing from the move on. */
export const assertRenewalHeals = (made: Run): void => {
  const { stolen, moved } = made;
  if (stolen === null || moved === null) return;
  for (let epoch = moved; epoch < made.epochs; epoch++) {
    const known = closure(made.keys.wire, [...stolen, ...absentFrom(made, epoch)]);
    assert.ok(
      !knows(known, sessionOf(made, epoch)),
      `epoch ${epoch} opens although ${moved} renewed the tree`,
    );
  }
};

/** Nothing is held that nobody needs: after the end, no key at all. */
export const assertNothingIsLeft = ({ keys }: Run): void => assert.equal(keys.live.size, 0);

export const assertLaws = (Tree: TreeClass, given: History): Run => {
  const made = new Run(Tree, given);
  assertNobodyElseDerives(made);
  assertThosePresentDerive(made);
  assertTheftOpensNothingSealed(made, given.theft);
  assertRenewalHeals(made);
  assertNothingIsLeft(made);
  assert.deepEqual(made.strays, [], 'a newcomer is given the keys that the others have');
  assert.deepEqual(made.wrongShares, [], 'an epoch is shared where it may be, and nowhere else');
  return made;
};
