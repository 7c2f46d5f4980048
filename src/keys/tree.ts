// The key tree of one meeting's incarnation, the custodian's half (DESIGN §3, "The key tree"; logical key hierarchy, RFC 2627
// §5.4; Wong, Gouda, Lam 1998). It decides which keys exist and what is sealed under what; the keys themselves are handles of
// whoever implements SealingKeys, and a participant here is its lease.
//
// One rekey, one epoch, one message for everybody who was there. Its order matters:
//   check and plan · mint · (from here nothing may fail) wipe what departed · replace · seal · step every key but the newcomers'
//   leaves · seal their welcomes, with path keys as they are now · step those leaves too · wipe the session key.

import { LatchkeyError } from '../protocol/errors.ts';
import { chainInput, maxTreeHeight, treeDegree, welcomeAad } from '../protocol/keyMessages.ts';
import type { EpochHead, Rekey, SealedNode, Welcome } from '../protocol/keyMessages.ts';
import { epochId, lengths, maxUint32 } from '../protocol/names.ts';
import type { EpochId, Lease, Trigger } from '../protocol/names.ts';
import type { SealingKeys, SealUse } from './keyStore.ts';
import { heightFor, planNodes } from './treePlan.ts';
import type { NodeChange, TreeShape } from './treePlan.ts';

export interface Joiner<H> {
  readonly lease: Lease;
  /** Its leaf's key, which the tree owns once `rekey` returned, and the caller still when it threw. */
  readonly key: H;
}

export interface TreeChange<H> {
  readonly trigger: Trigger;
  /** SHA-256 of the ledger's last line, 32 bytes. */
  readonly ledger: Uint8Array;
  readonly joins: readonly Joiner<H>[];
  readonly departures: readonly Lease[];
}

export interface TreeRekey {
  readonly epoch: EpochId;
  readonly fingerprint: Uint8Array;
  /** 32 bytes: `chainInput`. */
  readonly chain: Uint8Array;
  /** Null where nobody was there before and still is. */
  readonly rekey: Rekey | null;
  /** One for each of `joins`, in their order. */
  readonly welcomes: readonly Welcome[];
}

interface Leaf<H> {
  readonly lease: Lease;
  readonly key: H;
}

interface Placed<H> extends Leaf<H> {
  readonly leaf: number;
}

interface Plan<H> {
  readonly epoch: EpochId;
  readonly height: number;
  /** Places of the departures. */
  readonly freed: ReadonlySet<number>;
  readonly placed: readonly Placed<H>[];
  readonly nodes: readonly NodeChange[];
}

/** The rekey message counts its nodes in two bytes. */
const maxNodes = 0xffff;
const noAad = new Uint8Array(0);

export class KeyTree<H> {
  readonly #keys: SealingKeys<H>;
  readonly #incarnation: Uint8Array;
  readonly #leaves = new Map<number, Leaf<H>>();
  readonly #places = new Map<Lease, number>();
  /** [level] → index → key; level 0 stays empty, its keys are the leaves'. */
  readonly #inner: Map<number, H>[] = [new Map(), new Map()];
  /** No place below this one is free. */
  #lowestFree = 0;
  #nextEpoch = 0;
  /** Of the newest epoch. */
  #chain: Uint8Array = new Uint8Array(lengths.hash);
  #closed = false;

  constructor(keys: SealingKeys<H>, incarnation: Uint8Array) {
    this.#keys = keys;
    this.#incarnation = incarnation;
  }

  /** How many are present. */
  get size(): number {
    return this.#leaves.size;
  }

  /** Levels above the leaves. */
  get height(): number {
    return this.#inner.length - 1;
  }

  /** The epoch that the next rekey makes. */
  get nextEpoch(): EpochId {
    return epochId(this.#nextEpoch);
  }

  has(lease: Lease): boolean {
    return this.#places.has(lease);
  }

  /**
   * Departures first, then joins. Whoever is admitted anew is a departure of the old lease and a join of the new one.
   * @throws LatchkeyError `custodian_refused` or `meeting_full`, and whatever `mint` throws: nothing has changed then.
   */
  rekey(change: TreeChange<H>): TreeRekey {
    const plan = this.#plan(change);
    const minted = this.#mint(plan.nodes);
    try {
      return this.#carryOut(plan, change, minted);
    } catch (thrown) {
      // Our bug, or no memory left: half an epoch must not be gone on from. The newcomers' keys are still the caller's.
      for (const { leaf } of plan.placed) this.#leaves.delete(leaf);
      this.close();
      throw thrown;
    } finally {
      this.#keys.wipe(minted.session);
    }
  }

  /** Wipes every key. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { key } of this.#leaves.values()) this.#keys.wipe(key);
    for (const level of this.#inner) for (const key of level.values()) this.#keys.wipe(key);
    this.#leaves.clear();
    this.#places.clear();
    for (const level of this.#inner) level.clear();
  }

  #plan({ joins, departures }: TreeChange<H>): Plan<H> {
    if (this.#closed) refuse('the tree is closed');
    if (joins.length + departures.length === 0) refuse('a rekey without cause');
    if (this.#nextEpoch > maxUint32) refuse('no epoch is left');
    const freed = this.#freedBy(departures);
    this.#checkJoins(joins);
    const placed = this.#place(joins, freed);
    const highest = placed.reduce((most, { leaf }) => Math.max(most, leaf), 0);
    const height = Math.max(this.height, heightFor(highest + 1));
    if (height > maxTreeHeight) throw new LatchkeyError('meeting_full', 'no place is left in the key tree');
    const nodes = planNodes(this.#shape, freed, new Set(placed.map(({ leaf }) => leaf)), height);
    if (nodes.length > maxNodes) refuse('too many departures for one message');
    return { epoch: epochId(this.#nextEpoch), height, freed, placed, nodes };
  }

  #freedBy(departures: readonly Lease[]): Set<number> {
    const freed = new Set<number>();
    for (const lease of departures) {
      const place = this.#places.get(lease) ?? refuse(`lease ${lease} is not present`);
      if (freed.has(place)) refuse(`lease ${lease} departs twice`);
      freed.add(place);
    }
    return freed;
  }

  #checkJoins(joins: readonly Joiner<H>[]): void {
    const seen = new Set<Lease>();
    for (const { lease } of joins) {
      // Departing in this rekey does not help: a lease is never given twice.
      if (this.#places.has(lease) || seen.has(lease)) refuse(`lease ${lease} joins twice`);
      seen.add(lease);
    }
  }

  /** The lowest free places, those that are freed just now among them: the tree stays as low and as full as it can. */
  #place(joins: readonly Joiner<H>[], freed: ReadonlySet<number>): Placed<H>[] {
    let leaf = [...freed].reduce((least, place) => Math.min(least, place), this.#lowestFree);
    return joins.map(({ lease, key }) => {
      while (this.#leaves.has(leaf) && !freed.has(leaf)) leaf++;
      return { lease, key, leaf: leaf++ };
    });
  }

  get #shape(): TreeShape {
    return {
      height: this.height,
      has: (level, index) =>
        level === 0 ? this.#leaves.has(index) : this.#inner[level]?.has(index) === true,
    };
  }

  /** Everything that needs room, before anything changes. */
  #mint(nodes: readonly NodeChange[]): { session: H; fresh: H[] } {
    const minted: H[] = [];
    try {
      const session = this.#keys.mint();
      minted.push(session);
      const fresh: H[] = [];
      for (const { change } of nodes) {
        if (change !== 'fresh') continue;
        const key = this.#keys.mint();
        minted.push(key);
        fresh.push(key);
      }
      return { session, fresh };
    } catch (thrown) {
      for (const key of minted) this.#keys.wipe(key);
      throw thrown;
    }
  }

  #carryOut(
    plan: Plan<H>,
    { trigger, ledger }: TreeChange<H>,
    { session, fresh }: { session: H; fresh: H[] },
  ): TreeRekey {
    const { epoch, height } = plan;
    this.#nextEpoch = epoch + 1;
    this.#free(plan.freed);
    this.#replace(plan, fresh);
    const nodes = this.#sealNodes(plan);
    const told = { incarnation: this.#incarnation, epoch, trigger, previous: this.#chain, ledger };
    const chain = this.#keys.hash(chainInput(told));
    const head = {
      ...told,
      height,
      fingerprint: this.#keys.fingerprint(session, chain, this.#incarnation, epoch),
    };
    this.#chain = chain;
    // Before the newcomers have their places: all who are present were there before.
    const rekey =
      this.#leaves.size === 0 ? null : { ...head, nodes, session: this.#sealSession(head, session) };
    this.#stepAll();
    const welcomes = plan.placed.map((newcomer) => this.#welcome(head, newcomer, session));
    return { epoch, fingerprint: head.fingerprint, chain, rekey, welcomes };
  }

  #free(places: ReadonlySet<number>): void {
    for (const place of places) {
      const leaf = this.#leaves.get(place);
      if (leaf === undefined) continue;
      this.#keys.wipe(leaf.key);
      this.#leaves.delete(place);
      this.#places.delete(leaf.lease);
      this.#lowestFree = Math.min(this.#lowestFree, place);
    }
  }

  #replace({ height, nodes }: Plan<H>, fresh: H[]): void {
    while (this.height < height) this.#inner.push(new Map());
    let used = 0;
    for (const { level, index, change } of nodes) {
      const keys = this.#levelAt(level);
      if (change === 'fresh') {
        keys.set(index, fresh[used++] ?? missing(level, index));
        continue;
      }
      const key = keys.get(index) ?? missing(level, index);
      if (change === 'renewed') {
        this.#keys.renew(key);
        continue;
      }
      this.#keys.wipe(key);
      keys.delete(index);
    }
  }

  #sealNodes({ epoch, nodes }: Plan<H>): SealedNode[] {
    const sealed: SealedNode[] = [];
    for (const { level, index, sealedUnder } of nodes) {
      if (sealedUnder.length === 0) continue;
      const use: SealUse = { incarnation: this.#incarnation, epoch, level, index, purpose: 'node' };
      const key = this.#keyAt(level, index);
      const seals = sealedUnder.map((child) => {
        const under = this.#keyAt(level - 1, index * treeDegree + child);
        return { child, sealed: this.#keys.seal(under, use, noAad, [key]) };
      });
      sealed.push({ level, index, seals });
    }
    return sealed;
  }

  #sealSession({ epoch, height }: { epoch: EpochId; height: number }, session: H): Uint8Array {
    const use: SealUse = {
      incarnation: this.#incarnation,
      epoch,
      level: height,
      index: 0,
      purpose: 'session',
    };
    return this.#keys.seal(this.#keyAt(height, 0), use, noAad, [session]);
  }

  #stepAll(): void {
    for (const { key } of this.#leaves.values()) this.#keys.step(key);
    for (const level of this.#inner) for (const key of level.values()) this.#keys.step(key);
  }

  #welcome(
    head: EpochHead & { readonly height: number },
    { lease, key, leaf }: Placed<H>,
    session: H,
  ): Welcome {
    const unsealed = { ...head, lease, leaf };
    const use: SealUse = {
      incarnation: head.incarnation,
      epoch: head.epoch,
      level: 0,
      index: leaf,
      purpose: 'welcome',
    };
    const sealed = this.#keys.seal(key, use, welcomeAad(unsealed), [...this.#pathOf(leaf), session]);
    this.#keys.step(key);
    this.#leaves.set(leaf, { lease, key });
    this.#places.set(lease, leaf);
    while (this.#leaves.has(this.#lowestFree)) this.#lowestFree++;
    return { ...unsealed, sealed };
  }

  /** From the leaf's parent to the root. */
  #pathOf(leaf: number): H[] {
    const path: H[] = [];
    let index = leaf;
    for (let level = 1; level <= this.height; level++) {
      index = Math.floor(index / treeDegree);
      path.push(this.#keyAt(level, index));
    }
    return path;
  }

  #levelAt(level: number): Map<number, H> {
    return this.#inner[level] ?? missing(level, 0);
  }

  #keyAt(level: number, index: number): H {
    const key = level === 0 ? this.#leaves.get(index)?.key : this.#levelAt(level).get(index);
    return key ?? missing(level, index);
  }
}

const refuse = (why: string): never => {
  throw new LatchkeyError('custodian_refused', why);
};

const missing = (level: number, index: number): never => {
  throw new Error(`the key tree has no node (${level}, ${index})`);
};
