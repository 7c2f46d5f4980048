// Keys as symbols: an atom that was drawn at random, and how often it has been stepped. Whoever knows (atom, n) knows (atom, m) for
// every m ≥ n, opens what is sealed under those, and nothing else: the closure below is all that anybody can ever derive.

import { createHash } from 'node:crypto';
import type { OpeningKeys, SealingKeys, SealUse } from '../../src/keys/keyStore.ts';
import type { TreeChange } from '../../src/keys/tree.ts';
import { ByteWriter, toHex } from '../../src/protocol/bytes.ts';
import { lengths } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';

/** A rekey with nothing in it but what is given. */
export const changeOf = <H>(change: Partial<TreeChange<H>>): TreeChange<H> => ({
  trigger: 'joinAndDeparture',
  ledger: new Uint8Array(lengths.hash),
  joins: [],
  departures: [],
  keep: false,
  ...change,
});

export interface Term {
  readonly atom: number;
  readonly steps: number;
}

/** A key in somebody's hands; the custodian's are stepped and renewed in place. */
export class Cell implements Term {
  atom: number;
  steps: number;
  alive = true;

  constructor(atom: number, steps = 0) {
    this.atom = atom;
    this.steps = steps;
  }
}

interface Sealed {
  readonly under: Term;
  readonly use: string;
  readonly aad: Uint8Array;
  readonly secrets: readonly Term[];
}

export const useOf = ({ incarnation, epoch, level, index, purpose }: SealUse): string =>
  `${toHex(incarnation)}/${epoch}/${level}/${index}/${purpose}`;

const termOf = ({ atom, steps }: Term): Term => ({ atom, steps });

/** Every seal that was ever made: what the network, and so everybody, has. */
export class Wire {
  readonly seals: Sealed[] = [];
  readonly byAtom = new Map<number, number[]>();
  atoms = 0;

  add(sealed: Sealed): Uint8Array {
    const id = this.seals.push(sealed) - 1;
    const ids = this.byAtom.get(sealed.under.atom);
    if (ids === undefined) this.byAtom.set(sealed.under.atom, [id]);
    else ids.push(id);
    const bytes = new Uint8Array(sealed.secrets.length * lengths.key + lengths.tag);
    bytes.set(new ByteWriter(4).u32(id).finish());
    return bytes;
  }

  at(bytes: Uint8Array): Sealed | undefined {
    return this.seals[new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)];
  }
}

/** The custodian's half. Misuse of a handle, and a second seal for one (key, use), is a broken law at once. */
export class SymbolicSealingKeys implements SealingKeys<Cell> {
  readonly wire: Wire;
  /** Keys that exist now. */
  readonly live = new Set<Cell>();
  readonly #used = new Set<string>();
  /** The cell that each session key was, by epoch. */
  readonly sessions: Term[] = [];
  room = Infinity;

  constructor(wire = new Wire()) {
    this.wire = wire;
  }

  mint(): Cell {
    if (this.live.size >= this.room) throw new RangeError('no room');
    const cell = new Cell(this.wire.atoms++);
    this.live.add(cell);
    return cell;
  }

  renew(key: Cell): void {
    this.#assertAlive(key);
    key.atom = this.wire.atoms++;
    key.steps = 0;
  }

  step(key: Cell): void {
    this.#assertAlive(key);
    key.steps++;
  }

  wipe(key: Cell): void {
    this.#assertAlive(key);
    key.alive = false;
    this.live.delete(key);
  }

  seal(under: Cell, use: SealUse, aad: Uint8Array, secrets: readonly Cell[]): Uint8Array {
    for (const key of [under, ...secrets]) this.#assertAlive(key);
    const once = `${under.atom}.${under.steps} ${useOf(use)}`;
    if (this.#used.has(once)) throw new Error(`two seals under ${once}`);
    this.#used.add(once);
    return this.wire.add({ under: termOf(under), use: useOf(use), aad, secrets: secrets.map(termOf) });
  }

  fingerprint(session: Cell, chain: Uint8Array, _incarnation: Uint8Array, epoch: EpochId): Uint8Array {
    this.sessions[epoch] = termOf(session);
    return new ByteWriter(lengths.fingerprint).u32(session.atom).fixed(chain.subarray(0, 12), 12).finish();
  }

  hash(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(createHash('sha256').update(bytes).digest());
  }

  #assertAlive(key: Cell): void {
    if (!key.alive) throw new Error('a wiped key was used');
  }
}

/** A participant's half, over the same wire. */
export class SymbolicOpeningKeys implements OpeningKeys<Cell> {
  readonly #wire: Wire;
  readonly live = new Set<Cell>();

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  take({ atom, steps }: Term): Cell {
    const cell = new Cell(atom, steps);
    this.live.add(cell);
    return cell;
  }

  step(key: Cell): Promise<Cell> {
    if (!key.alive) throw new Error('a wiped key was stepped');
    this.wipe(key);
    return Promise.resolve(this.take({ atom: key.atom, steps: key.steps + 1 }));
  }

  /** What the chain adds to a session key is public: it changes nothing of who knows it. */
  bind(session: Cell): Promise<Cell> {
    this.wipe(session);
    return Promise.resolve(this.take(session));
  }

  wipe(key: Cell): void {
    key.alive = false;
    this.live.delete(key);
  }

  open(under: Cell, use: SealUse, aad: Uint8Array, sealed: Uint8Array): Promise<Cell[] | null> {
    if (!under.alive) throw new Error('a wiped key was used');
    const found = this.#wire.at(sealed);
    const opens =
      found !== undefined &&
      found.under.atom === under.atom &&
      found.under.steps === under.steps &&
      found.use === useOf(use) &&
      toHex(found.aad) === toHex(aad);
    return Promise.resolve(opens ? found.secrets.map((secret) => this.take(secret)) : null);
  }
}

/** atom → the least number of steps at which it is known. */
export type Knowledge = ReadonlyMap<number, number>;

/** All that can be derived from these keys and everything on the wire. */
export const closure = (wire: Wire, known: Iterable<Term>): Knowledge => {
  const least = new Map<number, number>();
  const changed: number[] = [];
  const learn = ({ atom, steps }: Term): void => {
    if ((least.get(atom) ?? Infinity) <= steps) return;
    least.set(atom, steps);
    changed.push(atom);
  };
  for (const term of known) learn(term);
  for (let atom = changed.pop(); atom !== undefined; atom = changed.pop()) {
    const from = least.get(atom) ?? Infinity;
    for (const id of wire.byAtom.get(atom) ?? []) {
      const sealed = wire.seals[id];
      if (sealed !== undefined && sealed.under.steps >= from) sealed.secrets.forEach(learn);
    }
  }
  return least;
};

export const knows = (knowledge: Knowledge, { atom, steps }: Term): boolean =>
  (knowledge.get(atom) ?? Infinity) <= steps;
