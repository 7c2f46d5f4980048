// What the custodian holds of one meeting: the incarnation's tree, the admissions that wait for their first epoch, the resume secret of
// everybody who may come back, and, for as long as the join policy wants it, the newest session key.

import { KeyTree } from '../keys/tree.ts';
import type { Joiner, TreeChange, TreeOrigin, TreeRekey } from '../keys/tree.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Welcome } from '../protocol/keyMessages.ts';
import { lease as toLease, maxUint32 } from '../protocol/names.ts';
import type { EpochId, JoinPolicy, Lease } from '../protocol/names.ts';
import type { CustodianClock } from './clock.ts';
import type { Slot } from './slab.ts';
import type { SlabKeys } from './slabKeys.ts';

export interface HeldSettings extends TreeOrigin {
  readonly incarnation: Uint8Array;
  readonly joinPolicy: JoinPolicy;
  readonly freshForMs: number;
  /** The highest that was ever given in this incarnation; 0 where none was. */
  readonly lastLease: number;
}

/** Of an admission; slots of the slab. */
export interface AdmissionSecrets {
  readonly admissionKey: Slot;
  readonly resumeSecret: Slot;
}

export class HeldMeeting {
  readonly #keys: SlabKeys;
  readonly #clock: CustodianClock;
  readonly #settings: HeldSettings;
  readonly #tree: KeyTree<Slot>;
  /** Admission keys of those who have not joined yet. */
  readonly #waiting = new Map<Lease, Slot>();
  /** Of those who wait and those who are present. */
  readonly #resumeSecrets = new Map<Lease, Slot>();
  #lastLease: number;
  /** When the session key that is kept must be gone, monotonic; infinite where it may stay until the next rekey. */
  #freshUntilMs = 0;
  #callOff: () => void = () => undefined;

  constructor(keys: SlabKeys, clock: CustodianClock, settings: HeldSettings) {
    this.#keys = keys;
    this.#clock = clock;
    this.#settings = settings;
    this.#tree = new KeyTree(keys, settings.incarnation, settings);
    this.#lastLease = settings.lastLease;
  }

  get incarnation(): Uint8Array {
    return this.#settings.incarnation;
  }

  /** The earliest epoch that whoever is admitted now can be given. */
  get firstEpoch(): EpochId {
    return this.#tree.firstEpoch;
  }

  get present(): number {
    return this.#tree.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Slots that those who wait, and `more` to come, may need when they join, beside those of their admissions. */
  reserveFor(more: number): number {
    return this.#tree.roomFor(this.#waiting.size + more);
  }

  /** The number is not given again, whatever becomes of the admission. @throws LatchkeyError `custodian_refused` */
  nextLease(): Lease {
    if (this.#lastLease >= maxUint32) refuse('no lease is left');
    return toLease(++this.#lastLease);
  }

  admit(lease: Lease, { admissionKey, resumeSecret }: AdmissionSecrets): void {
    this.#waiting.set(lease, admissionKey);
    this.#resumeSecrets.set(lease, resumeSecret);
  }

  rekey(change: Omit<TreeChange<Slot>, 'joins' | 'keep'>, joins: readonly Lease[]): TreeRekey {
    const keep = this.#freshForMs > 0;
    const mintedMs = this.#clock.nowMs();
    const made = this.#tree.rekey({ ...change, joins: this.#joiners(joins), keep });
    this.#joined(joins);
    for (const lease of change.departures) this.#forgetResume(lease);
    this.#keepUntil(mintedMs + this.#freshForMs);
    return made;
  }

  /** Null where the join policy, the time since the mint or the tree does not allow it: nothing has changed then. */
  share(joins: readonly Lease[]): readonly Welcome[] | null {
    if (joins.length === 0) return null;
    if (this.#clock.nowMs() > this.#freshUntilMs) this.forget();
    const welcomes = this.#tree.share(this.#joiners(joins));
    if (welcomes !== null) this.#joined(joins);
    return welcomes;
  }

  /** Ends the time in which the newest epoch can be shared. */
  forget(): void {
    this.#callOff();
    this.#tree.forget();
  }

  /** What does not wait is ignored. */
  withdraw(lease: Lease): void {
    const key = this.#waiting.get(lease);
    if (key === undefined) return;
    this.#waiting.delete(lease);
    this.#keys.wipe(key);
    this.#forgetResume(lease);
  }

  /** False too for a lease that is not here. */
  verifyResume(lease: Lease, input: Uint8Array, proof: Uint8Array): boolean {
    const secret = this.#resumeSecrets.get(lease);
    return secret !== undefined && this.#keys.verify(secret, input, proof);
  }

  /** Wipes everything. */
  close(): void {
    this.#callOff();
    this.#tree.close();
    for (const slot of [...this.#waiting.values(), ...this.#resumeSecrets.values()]) this.#keys.wipe(slot);
    this.#waiting.clear();
    this.#resumeSecrets.clear();
  }

  /** 0 where the session key is wiped as soon as it is sealed. */
  get #freshForMs(): number {
    const { joinPolicy, freshForMs } = this.#settings;
    return { every: 0, first: freshForMs, never: Infinity }[joinPolicy];
  }

  #keepUntil(freshUntilMs: number): void {
    this.#callOff();
    this.#freshUntilMs = freshUntilMs;
    if (!this.#tree.keeps || freshUntilMs === Infinity) return;
    // Rounded up, or it would come before its time and be no end.
    const ms = Math.ceil(freshUntilMs - this.#clock.nowMs());
    this.#callOff = this.#clock.after(Math.max(0, ms), () => this.#tree.forget());
  }

  #joiners(joins: readonly Lease[]): Joiner<Slot>[] {
    return joins.map((lease) => ({
      lease,
      key: this.#waiting.get(lease) ?? refuse(`lease ${lease} is not here`),
    }));
  }

  #joined(joins: readonly Lease[]): void {
    for (const lease of joins) this.#waiting.delete(lease);
  }

  #forgetResume(lease: Lease): void {
    const secret = this.#resumeSecrets.get(lease);
    if (secret === undefined) return;
    this.#resumeSecrets.delete(lease);
    this.#keys.wipe(secret);
  }
}

const refuse = (why: string): never => {
  throw new LatchkeyError('custodian_refused', why);
};
