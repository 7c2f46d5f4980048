// The custodian of a world: a real key tree over the suite's keys, admissions, the join policy, and what the vault would refuse, which is a
// broken law here. Another process takes its place when it is lost, with the incarnation and nothing else.

import assert from 'node:assert/strict';
import { KeyTree } from '../../src/keys/tree.ts';
import { encodeRekey, encodeRekeyBody, encodeWelcome } from '../../src/protocol/keyMessages.ts';
import type { Rekey, Welcome } from '../../src/protocol/keyMessages.ts';
import { epochId, lease as toLease, lengths } from '../../src/protocol/names.ts';
import type { EpochId, JoinPolicy, Lease, Trigger } from '../../src/protocol/names.ts';
import type { CustodianKeys, Suite } from './rekeySuites.ts';

export const incarnation = new Uint8Array(lengths.incarnation).fill(7);

export interface Ask {
  readonly joins: readonly Lease[];
  readonly departures: readonly Lease[];
  readonly trigger: Trigger;
  readonly share: boolean;
}

/** As src/custodian/custodian.ts answers, less the signatures. */
export interface CustodianReply {
  readonly minted: boolean;
  readonly epoch: EpochId;
  readonly fingerprint: Uint8Array;
  readonly rekey: Uint8Array | null;
  readonly welcomes: readonly { readonly lease: Lease; readonly message: Uint8Array }[];
}

const signature = new Uint8Array(lengths.signature);
const seal = { digest: new Uint8Array(lengths.hash), signature };
const ledger = new Uint8Array(lengths.hash).fill(9);

/** What every key message says, told to participants by its bytes: decoding them for each would take half of a history's time. */
export const messageOf = new WeakMap<Uint8Array, { readonly rekey: Rekey } | { readonly welcome: Welcome }>();

interface Settings {
  readonly joinPolicy: JoinPolicy;
  readonly freshForMs: number;
}

export class ModelCustodian<H> {
  readonly #keys: CustodianKeys<H>;
  readonly #settings: Settings;
  readonly #tree: KeyTree<H>;
  readonly #waiting = new Map<Lease, H>();
  #newest: Omit<CustodianReply, 'rekey' | 'welcomes'> | null = null;
  #freshUntilMs = -Infinity;
  lastLease: number;
  chain: Uint8Array;

  constructor(
    suite: Pick<Suite<H, unknown, unknown>, 'newCustodian'>,
    settings: Settings,
    before: ModelCustodian<H> | null,
  ) {
    this.#keys = suite.newCustodian();
    this.#settings = settings;
    this.lastLease = before?.lastLease ?? 0;
    this.chain = before?.chain ?? new Uint8Array(lengths.hash);
    this.#tree = new KeyTree(this.#keys.sealing, incarnation, {
      nextEpoch: before?.nextEpoch ?? 0,
      chain: this.chain,
    });
  }

  get nextEpoch(): number {
    return this.#tree.nextEpoch;
  }

  get held(): number {
    return this.#keys.held();
  }

  get stolen(): ReturnType<CustodianKeys<H>['stolen']> {
    return this.#keys.stolen();
  }

  /** Who holds the resume secret of this lease is known to it. */
  knows(lease: Lease): boolean {
    return this.#tree.has(lease) || this.#waiting.has(lease);
  }

  inTree(lease: Lease): boolean {
    return this.#tree.has(lease);
  }

  admit(): { readonly lease: Lease; readonly key: H } {
    const lease = toLease(++this.lastLease);
    const key = this.#keys.sealing.mint();
    this.#waiting.set(lease, key);
    return { lease, key };
  }

  withdraw(lease: Lease): void {
    const key = this.#waiting.get(lease);
    assert.ok(key !== undefined, `${lease} is withdrawn and does not wait`);
    this.#waiting.delete(lease);
    this.#keys.sealing.wipe(key);
  }

  /** What the vault would refuse. */
  assertPossible({ joins, departures, share }: Ask): void {
    assert.equal(new Set(joins).size, joins.length, 'nobody joins twice');
    assert.equal(new Set(departures).size, departures.length, 'nobody departs twice');
    for (const lease of joins) assert.ok(this.#waiting.has(lease), `${lease} joins and does not wait`);
    for (const lease of departures)
      assert.ok(this.#tree.has(lease), `${lease} departs and is not in the tree`);
    if (share) assert.equal(departures.length, 0, 'who departs needs an epoch of its own');
  }

  rekey(ask: Ask, nowMs: number): CustodianReply {
    this.assertPossible(ask);
    if (nowMs > this.#freshUntilMs) this.#tree.forget();
    return (ask.share ? this.#share(ask) : null) ?? this.#mint(ask, nowMs);
  }

  /** The session key that is kept to be shared, if any. */
  forgetIfStale(nowMs: number): void {
    if (nowMs > this.#freshUntilMs) this.#tree.forget();
  }

  close(): void {
    this.#tree.close();
    for (const key of this.#waiting.values()) this.#keys.sealing.wipe(key);
    this.#waiting.clear();
  }

  #share({ joins }: Ask): CustodianReply | null {
    const welcomes = joins.length === 0 ? null : this.#tree.share(this.#joiners(joins));
    if (welcomes === null || this.#newest === null) return null;
    this.#joined(joins);
    return { ...this.#newest, minted: false, rekey: null, welcomes: encodeAll(welcomes) };
  }

  #mint({ joins, departures, trigger }: Ask, nowMs: number): CustodianReply {
    const { joinPolicy, freshForMs } = this.#settings;
    const keepMs = { every: 0, first: freshForMs, never: Infinity }[joinPolicy];
    const made = this.#tree.rekey({
      trigger,
      ledger,
      joins: this.#joiners(joins),
      departures,
      keep: keepMs > 0,
    });
    this.#joined(joins);
    this.#freshUntilMs = nowMs + keepMs;
    this.chain = made.chain;
    const { epoch, fingerprint } = made;
    this.#newest = { minted: true, epoch: epochId(epoch), fingerprint };
    const rekey = made.rekey === null ? null : encodeRekey(encodeRekeyBody(made.rekey), signature);
    if (rekey !== null && made.rekey !== null) messageOf.set(rekey, { rekey: made.rekey });
    return { ...this.#newest, rekey, welcomes: encodeAll(made.welcomes) };
  }

  #joiners(joins: readonly Lease[]): { lease: Lease; key: H }[] {
    return joins.map((lease) => {
      const key = this.#waiting.get(lease);
      assert.ok(key !== undefined);
      return { lease, key };
    });
  }

  #joined(joins: readonly Lease[]): void {
    for (const lease of joins) this.#waiting.delete(lease);
  }
}

const encodeAll = (welcomes: readonly Welcome[]): CustodianReply['welcomes'] =>
  welcomes.map((welcome) => {
    const message = encodeWelcome(welcome, seal);
    messageOf.set(message, { welcome });
    return { lease: welcome.lease, message };
  });
