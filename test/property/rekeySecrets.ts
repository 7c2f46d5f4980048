// DESIGN's laws 1, 2, 4 and 5 and what a renewal heals, held against what participants and the custodian really have: whose lease was in
// the tree at which epoch, what the closure over everything on the wire derives (where keys are symbols), which keys sealed which frames.

import assert from 'node:assert/strict';
import type { EpochId, JoinPolicy, Lease } from '../../src/protocol/names.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import { parseHeader } from '../../src/sframe/header.ts';
import { Cell, closure, knows } from '../keys/treeSymbols.ts';
import type { Term } from '../keys/treeSymbols.ts';
import type { Ask, CustodianReply } from './rekeyCustodian.ts';
import type { SealedFrame } from './rekeyFrames.ts';
import type { Counts } from './rekeyLedger.ts';
import type { Suite } from './rekeySuites.ts';

interface Admission {
  readonly key: Term | null;
  /** The first epoch that it was given. */
  from: number;
  /** The first that it was not. */
  until: number;
}

interface Theft {
  readonly terms: readonly Term[];
  /** No epoch of this number and beyond opens with what was stolen; null until a renewal that began after it was minted. */
  healedFrom: number | null;
}

/** A closure costs about a millisecond: so many epochs and thefts of a history are looked at. */
const mostLooks = 4;

export class Secrets {
  readonly #symbols: Suite<unknown, unknown, unknown>['symbols'];
  readonly #joinPolicy: JoinPolicy;
  readonly #timers: Timers;
  readonly #counts: Counts;
  readonly #admissions = new Map<Lease, Admission>();
  readonly #mintedAtMs: number[] = [];
  /** In the tree of the custodian that is there, or was last. */
  readonly #present = new Set<Lease>();
  readonly #gone = new Set<Lease>();
  readonly #sealed = new Set<string>();
  readonly #thefts: Theft[] = [];
  /** Thefts that the next renewal whose mint is asked for heals. */
  #open: Theft[] = [];
  #asked: Theft[] = [];

  constructor(
    suite: Pick<Suite<unknown, unknown, unknown>, 'symbols'>,
    { joinPolicy, timers }: { readonly joinPolicy: JoinPolicy; readonly timers: Timers },
    counts: Counts,
  ) {
    this.#symbols = suite.symbols;
    this.#joinPolicy = joinPolicy;
    this.#timers = timers;
    this.#counts = counts;
  }

  /** `key`: as the participant has it, which it may keep for ever. */
  admitted(lease: Lease, key: unknown): void {
    this.#admissions.set(lease, { key: termOf(key), from: Infinity, until: Infinity });
  }

  asked({ trigger }: Ask): void {
    if (trigger !== 'compromise' && trigger !== 'restart') return;
    this.#asked.push(...this.#open);
    this.#open = [];
  }

  /** `joinedAtMs`: when these leases' participants joined. */
  answered(
    { joins, departures }: Ask,
    { minted, epoch }: CustodianReply,
    nowMs: number,
    joinedAtMs: (lease: Lease) => number,
  ): void {
    if (minted) {
      this.#mintedAtMs[epoch] = nowMs;
      for (const lease of departures) this.#leaves(lease, epoch);
      for (const lease of this.#gone) this.#leaves(lease, epoch);
      this.#gone.clear();
      for (const theft of this.#asked) theft.healedFrom = epoch;
      this.#asked = [];
    } else this.#counts.shares++;
    for (const lease of joins) {
      const admission = this.#admissions.get(lease);
      assert.ok(admission);
      admission.from = epoch;
      this.#present.add(lease);
      const readBackMs = { every: 0, first: this.#timers.freshForMs, never: Infinity }[this.#joinPolicy];
      const mintedAtMs = this.#mintedAtMs[epoch] ?? -Infinity;
      assert.ok(mintedAtMs >= joinedAtMs(lease) - readBackMs, 'law 1: nobody is given an epoch from before');
    }
  }

  failed(): void {
    this.#open.push(...this.#asked);
    this.#asked = [];
  }

  #leaves(lease: Lease, epoch: EpochId): void {
    const admission = this.#admissions.get(lease);
    if (admission !== undefined) admission.until = Math.min(admission.until, epoch);
    this.#present.delete(lease);
  }

  /** Its tree is gone: the next epoch is sealed to nobody who was in it. What was stolen from it is of no use with another. */
  custodianLost(): void {
    for (const lease of this.#present) this.#gone.add(lease);
    this.failed();
  }

  /** The newest epoch that one of these leases can derive; −1 for none. */
  derivableThrough(leases: Iterable<Lease>): number {
    let through = -1;
    for (const lease of leases) {
      const { from = Infinity, until = Infinity } = this.#admissions.get(lease) ?? {};
      if (from < Infinity) through = Math.max(through, until - 1);
    }
    return through;
  }

  /** Law 5, by the header as it is on the wire. */
  sealed({ bytes, key }: SealedFrame): void {
    const header = parseHeader(bytes, 0, bytes.length);
    assert.ok(header.ok);
    const once = `${key} ${header.kid} ${header.ctr}`;
    assert.ok(!this.#sealed.has(once), 'law 5: no key and counter seal two frames');
    this.#sealed.add(once);
  }

  /** Law 4: what the custodian holds now opens nothing that was sealed, but what may still be shared. */
  looksAtCustodian(stolen: readonly Term[], nowMs: number): void {
    if (this.#symbols === null) return;
    this.#counts.looksAtCustodian++;
    const known = closure(this.#symbols.wire, stolen);
    const newest = this.#mintedAtMs.length - 1;
    const sharableMs = { every: -1, first: this.#timers.freshForMs, never: Infinity }[this.#joinPolicy];
    const shared = nowMs <= (this.#mintedAtMs[newest] ?? -Infinity) + sharableMs ? newest : Infinity;
    for (let epoch = newest; epoch >= Math.max(0, newest - mostLooks); epoch--) {
      const session: Term | undefined = this.#symbols.sessionOf(epoch);
      if (epoch === shared || session === undefined) continue;
      assert.ok(!knows(known, session), `law 4: epoch ${epoch} opens with what is held after ${newest}`);
    }
  }

  /** `renewing`: everybody is asked to be admitted anew from now on. */
  stolen(terms: readonly Term[]): { readonly renewing: () => void } {
    const theft: Theft = { terms, healedFrom: null };
    this.#thefts.push(theft);
    return { renewing: () => void this.#open.push(theft) };
  }

  /** Nobody is here: the renewal that was asked for is not needed any more, and not made. */
  emptied(): void {
    this.#open = [];
  }

  /** Laws 1 and 2 over the whole history, at some epochs: all who were not present, whenever they came or left, work together. */
  looksBack(looks: number): void {
    if (this.#symbols === null) return;
    const { sessionOf, wire } = this.#symbols;
    const epochs = this.#mintedAtMs.length;
    for (let look = 0; look < Math.min(mostLooks, epochs); look++) {
      const epoch = (looks + Math.floor((look * epochs) / mostLooks)) % epochs;
      const session: Term | undefined = sessionOf(epoch);
      assert.ok(session !== undefined);
      const absent: Term[] = [];
      for (const { key, from, until } of this.#admissions.values()) {
        if (key !== null && (epoch < from || epoch >= until)) absent.push(key);
      }
      assert.ok(
        !knows(closure(wire, absent), session),
        `laws 1 and 2: ${epoch} is derived by who was not there`,
      );
      const present = [...this.#admissions.values()].find(
        ({ from, until }) => epoch >= from && epoch < until,
      );
      if (present?.key != null) assert.ok(knows(closure(wire, [present.key]), session), 'and by who was');
    }
    for (const { terms, healedFrom } of this.#thefts.slice(0, mostLooks)) {
      if (healedFrom === null) continue;
      this.#counts.healed++;
      const known = closure(wire, terms);
      for (let epoch = healedFrom; epoch < epochs; epoch++) {
        const session = sessionOf(epoch);
        assert.ok(
          session !== undefined && !knows(known, session),
          `a renewal heals: a thief derives ${epoch}`,
        );
      }
    }
  }
}

/** Null where keys are bytes. */
const termOf = (key: unknown): Term | null =>
  key instanceof Cell ? { atom: key.atom, steps: key.steps } : null;
