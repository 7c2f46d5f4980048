// The key tree of one meeting's incarnation, the custodian's half (DESIGN §3, "The key tree"; logical key hierarchy, RFC 2627
// §5.4; Wong, Gouda, Lam 1998). It decides which keys exist and what is sealed under what; the keys themselves are handles of
// whoever implements SealingKeys, and a participant here is its lease.
//
// One rekey, one epoch, one message for everybody who was there. Its order matters:
//   check and plan · mint · (from here nothing may fail) wipe the session key that was kept, and what departed · replace · seal ·
//   step every key but the newcomers' leaves · seal their welcomes, with path keys as they are now · step those leaves too · wipe
//   the session key, or keep it for those who may share the epoch.
//
// Sharing an epoch that was minted before changes no key that anybody has: newcomers sit down below what is there, and are given the
// path as it is now, which opens nothing earlier, and the session key that was kept for them.

import { LatchkeyError } from '../protocol/errors.ts';
import { chainInput, maxTreeHeight, treeDegree, welcomeAad } from '../protocol/keyMessages.ts';
import type { EpochHead, Rekey, SealedNode, Welcome } from '../protocol/keyMessages.ts';
import { epochId, lengths, maxUint32 } from '../protocol/names.ts';
import type { EpochId, Lease, Trigger } from '../protocol/names.ts';
import type { SealingKeys, SealUse } from './keyStore.ts';
import { TreeNodes } from './treeNodes.ts';
import type { Leaf } from './treeNodes.ts';
import { freshNodesAtMost, heightFor, planNodes } from './treePlan.ts';
import type { NodeChange } from './treePlan.ts';

/** Its key is the tree's to wipe once `rekey` or `share` returned, and the caller's still when that threw or shared nothing. */
export type Joiner<H> = Leaf<H>;

export interface TreeChange<H> {
  readonly trigger: Trigger;
  /** SHA-256 of the ledger's last line, 32 bytes. */
  readonly ledger: Uint8Array;
  readonly joins: readonly Joiner<H>[];
  readonly departures: readonly Lease[];
  /** Keeps the session key for `share`, until the next rekey, `forget` or `close`; else it is wiped as soon as it is sealed. */
  readonly keep: boolean;
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

/** Where the epochs of an incarnation go on whose tree was lost: nobody is in this one. */
export interface TreeOrigin {
  readonly nextEpoch: number;
  /** Of the epoch before that, 32 bytes; zeros before epoch 0. */
  readonly chain: Uint8Array;
}

interface Placed<H> extends Leaf<H> {
  readonly leaf: number;
}

interface Plan<H> {
  readonly height: number;
  /** Places of the departures. */
  readonly freed: ReadonlySet<number>;
  readonly placed: readonly Placed<H>[];
  readonly nodes: readonly NodeChange[];
}

type Head = EpochHead & { readonly height: number };

/** The newest epoch, while newcomers may still share it. */
interface Kept<H> {
  readonly head: Head;
  readonly session: H;
}

/** The rekey message counts its nodes in two bytes. */
const maxNodes = 0xffff;
const noAad = new Uint8Array(0);
const nobody: ReadonlySet<number> = new Set();

export class KeyTree<H> {
  readonly #keys: SealingKeys<H>;
  readonly #incarnation: Uint8Array;
  readonly #nodes: TreeNodes<H>;
  #nextEpoch: number;
  /** Of the newest epoch. */
  #chain: Uint8Array;
  #kept: Kept<H> | null = null;
  #closed = false;

  constructor(
    keys: SealingKeys<H>,
    incarnation: Uint8Array,
    origin: TreeOrigin = { nextEpoch: 0, chain: new Uint8Array(lengths.hash) },
  ) {
    this.#keys = keys;
    this.#incarnation = incarnation;
    this.#nodes = new TreeNodes(keys);
    this.#nextEpoch = origin.nextEpoch;
    this.#chain = origin.chain;
  }

  /** How many are present. */
  get size(): number {
    return this.#nodes.size;
  }

  /** Levels above the leaves. */
  get height(): number {
    return this.#nodes.height;
  }

  /** The epoch that the next rekey makes. */
  get nextEpoch(): EpochId {
    return epochId(this.#nextEpoch);
  }

  /** Whether the session key of the newest epoch is held. */
  get keeps(): boolean {
    return this.#kept !== null;
  }

  /** The earliest epoch that whoever comes now can be given. */
  get firstEpoch(): EpochId {
    return this.#kept?.head.epoch ?? this.nextEpoch;
  }

  has(lease: Lease): boolean {
    return this.#nodes.placeOf(lease) !== undefined;
  }

  /** Keys that the joins of so many need room for at most, beside their leaves': whatever departs before them or with them. */
  roomFor(joining: number): number {
    return freshNodesAtMost(this.#nodes, joining);
  }

  /**
   * Departures first, then joins. Whoever is admitted anew is a departure of the old lease and a join of the new one. Neither is needed.
   * @throws LatchkeyError `custodian_refused` or `meeting_full`, and whatever `mint` throws: nothing has changed then.
   */
  rekey(change: TreeChange<H>): TreeRekey {
    const plan = this.#plan(change.joins, change.departures);
    if (this.#nextEpoch > maxUint32) refuse('no epoch is left');
    const minted = this.#mint(1 + freshIn(plan)).values();
    const session = nextOf(minted);
    const fresh = [...minted];
    return this.#orEnd(plan, session, () => this.#carryOut(plan, change, session, fresh));
  }

  /**
   * Welcomes newcomers to the newest epoch. Null, and nothing has changed, where that cannot be: its session key is not kept, nobody is
   * there to share it with, or the tree would have to grow, for which everybody needs a message.
   * @throws as `rekey` does.
   */
  share(joins: readonly Joiner<H>[]): readonly Welcome[] | null {
    const plan = this.#plan(joins, []);
    const kept = this.#kept;
    if (kept === null || this.size === 0 || plan.height > this.height) return null;
    const fresh = this.#mint(freshIn(plan));
    return this.#orEnd(plan, null, () => {
      this.#replace(plan, fresh);
      return plan.placed.map((newcomer) => this.#welcome(kept.head, newcomer, kept.session));
    });
  }

  /** Wipes the session key that was kept. Idempotent. */
  forget(): void {
    if (this.#kept === null) return;
    this.#keys.wipe(this.#kept.session);
    this.#kept = null;
  }

  /** Wipes every key. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.forget();
    this.#nodes.wipeAll();
  }

  #plan(joins: readonly Joiner<H>[], departures: readonly Lease[]): Plan<H> {
    if (this.#closed) refuse('the tree is closed');
    const freed = this.#freedBy(departures);
    this.#checkJoins(joins);
    const nextFree = this.#nodes.freePlaces(freed);
    const placed = joins.map(({ lease, key }) => ({ lease, key, leaf: nextFree() }));
    const highest = placed.reduce((most, { leaf }) => Math.max(most, leaf), 0);
    const height = Math.max(this.height, heightFor(highest + 1));
    if (height > maxTreeHeight) throw new LatchkeyError('meeting_full', 'no place is left in the key tree');
    const nodes = planNodes(this.#nodes, freed, new Set(placed.map(({ leaf }) => leaf)), height);
    if (nodes.length > maxNodes) refuse('too many departures for one message');
    return { height, freed, placed, nodes };
  }

  #freedBy(departures: readonly Lease[]): ReadonlySet<number> {
    if (departures.length === 0) return nobody;
    const freed = new Set<number>();
    for (const lease of departures) {
      const place = this.#nodes.placeOf(lease) ?? refuse(`lease ${lease} is not present`);
      if (freed.has(place)) refuse(`lease ${lease} departs twice`);
      freed.add(place);
    }
    return freed;
  }

  #checkJoins(joins: readonly Joiner<H>[]): void {
    const seen = new Set<Lease>();
    for (const { lease } of joins) {
      // Departing in this rekey does not help: a lease is never given twice.
      if (this.has(lease) || seen.has(lease)) refuse(`lease ${lease} joins twice`);
      seen.add(lease);
    }
  }

  /** Everything that needs room, before anything changes. */
  #mint(count: number): H[] {
    const minted: H[] = [];
    try {
      while (minted.length < count) minted.push(this.#keys.mint());
      return minted;
    } catch (thrown) {
      for (const key of minted) this.#keys.wipe(key);
      throw thrown;
    }
  }

  /** What fails here is our bug, or randomness that ended halfway: half an epoch must not be gone on from. */
  #orEnd<T>({ placed }: Plan<H>, session: H | null, carryOut: () => T): T {
    try {
      return carryOut();
    } catch (thrown) {
      // The newcomers' keys are still the caller's.
      for (const { leaf, lease } of placed) if (this.#nodes.placeOf(lease) === leaf) this.#nodes.unseat(leaf);
      this.close();
      throw thrown;
    } finally {
      if (session !== null && this.#kept?.session !== session) this.#keys.wipe(session);
    }
  }

  #carryOut(plan: Plan<H>, change: TreeChange<H>, session: H, fresh: readonly H[]): TreeRekey {
    const { trigger, ledger, keep } = change;
    const epoch = this.nextEpoch;
    this.#nextEpoch++;
    this.forget();
    for (const place of plan.freed) this.#nodes.vacate(place);
    this.#replace(plan, fresh);
    const nodes = this.#sealNodes(epoch, plan.nodes);
    const told = { incarnation: this.#incarnation, epoch, trigger, previous: this.#chain, ledger };
    const chain = this.#keys.hash(chainInput(told));
    const fingerprint = this.#keys.fingerprint(session, chain, this.#incarnation, epoch);
    const head: Head = { ...told, height: this.height, fingerprint };
    this.#chain = chain;
    // Before the newcomers have their places: all who are present were there before.
    const rekey = this.size === 0 ? null : { ...head, nodes, session: this.#sealSession(head, session) };
    this.#nodes.stepAll();
    const welcomes = plan.placed.map((newcomer) => this.#welcome(head, newcomer, session));
    if (keep) this.#kept = { head, session };
    return { epoch, fingerprint, chain, rekey, welcomes };
  }

  #replace({ height, nodes }: Plan<H>, fresh: readonly H[]): void {
    this.#nodes.grow(height);
    const unused = fresh.values();
    for (const { level, index, change } of nodes) {
      if (change === 'fresh') this.#nodes.put(level, index, nextOf(unused));
      else if (change === 'renewed') this.#keys.renew(this.#nodes.keyAt(level, index));
      else this.#nodes.remove(level, index);
    }
  }

  #sealNodes(epoch: EpochId, nodes: readonly NodeChange[]): SealedNode[] {
    const sealed: SealedNode[] = [];
    for (const { level, index, sealedUnder } of nodes) {
      if (sealedUnder.length === 0) continue;
      const use: SealUse = { incarnation: this.#incarnation, epoch, level, index, purpose: 'node' };
      const key = this.#nodes.keyAt(level, index);
      const seals = sealedUnder.map((child) => {
        const under = this.#nodes.keyAt(level - 1, index * treeDegree + child);
        return { child, sealed: this.#keys.seal(under, use, noAad, [key]) };
      });
      sealed.push({ level, index, seals });
    }
    return sealed;
  }

  #sealSession({ incarnation, epoch, height }: Head, session: H): Uint8Array {
    const use: SealUse = { incarnation, epoch, level: height, index: 0, purpose: 'session' };
    return this.#keys.seal(this.#nodes.keyAt(height, 0), use, noAad, [session]);
  }

  #welcome(head: Head, { lease, key, leaf }: Placed<H>, session: H): Welcome {
    const { incarnation, epoch } = head;
    const unsealed = { ...head, lease, leaf };
    const use: SealUse = { incarnation, epoch, level: 0, index: leaf, purpose: 'welcome' };
    const secrets = [...this.#nodes.pathOf(leaf), session];
    const sealed = this.#keys.seal(key, use, welcomeAad(unsealed), secrets);
    this.#keys.step(key);
    this.#nodes.seat(leaf, { lease, key });
    return { ...unsealed, sealed };
  }
}

const freshIn = ({ nodes }: { readonly nodes: readonly NodeChange[] }): number =>
  nodes.reduce((sum, { change }) => (change === 'fresh' ? sum + 1 : sum), 0);

const nextOf = <H>(keys: Iterator<H>): H => {
  const { done, value } = keys.next();
  if (done === true) throw new Error('fewer keys were minted than the plan has places for');
  return value;
};

const refuse = (why: string): never => {
  throw new LatchkeyError('custodian_refused', why);
};
