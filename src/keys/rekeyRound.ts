// One renewal: everybody who was here when it began is asked to be admitted anew, spread over a time, and then one rekey moves all
// who were. Whoever did not answer is left behind by that rekey. The round knows who is asked when; the machine does the rest.

import type { Lease, ReadmissionReason } from '../protocol/names.ts';
import type { RekeyMember } from './rekeyMember.ts';

export type RoundReason = Exclude<ReadmissionReason, 'lagging'>;

export class ReadmissionRound {
  readonly reason: RoundReason;
  readonly #members: Set<RekeyMember>;
  readonly #startedAtMs: number;
  readonly #gapMs: number;
  readonly #deadlineMs: number;
  readonly #queue: RekeyMember[];
  #asked = 0;
  /** Of those who are here and have not been admitted anew. */
  readonly #missing: Set<RekeyMember>;
  #endsAtMs = Infinity;

  /** `deadlineMs`: how long the last to be asked may take. */
  constructor(
    reason: RoundReason,
    members: Iterable<RekeyMember>,
    times: { readonly nowMs: number; readonly spreadMs: number; readonly deadlineMs: number },
  ) {
    this.reason = reason;
    this.#members = new Set(members);
    this.#queue = [...this.#members];
    this.#missing = new Set(this.#queue);
    this.#startedAtMs = times.nowMs;
    this.#gapMs = this.#queue.length === 0 ? 0 : times.spreadMs / this.#queue.length;
    this.#deadlineMs = times.deadlineMs;
  }

  has(member: RekeyMember): boolean {
    return this.#members.has(member);
  }

  /** When somebody's turn comes; Infinity once everybody was asked. */
  get nextAskAtMs(): number {
    return this.#asked < this.#queue.length ? this.#startedAtMs + this.#asked * this.#gapMs : Infinity;
  }

  /** When the rekey that moves all is due. */
  get dueAtMs(): number {
    return this.#missing.size === 0 ? -Infinity : this.#endsAtMs;
  }

  /** Those whose turn has come. */
  ask(nowMs: number): Lease[] {
    const leases: Lease[] = [];
    while (this.nextAskAtMs <= nowMs) {
      const member = this.#queue[this.#asked++];
      if (member !== undefined && this.#missing.has(member)) leases.push(member.lease);
    }
    if (this.#asked === this.#queue.length && this.#endsAtMs === Infinity)
      this.#endsAtMs = nowMs + this.#deadlineMs;
    return leases;
  }

  /** Admitted anew. */
  settle(member: RekeyMember): void {
    this.#missing.delete(member);
  }

  /** Gone, or moved by a rekey of its own. */
  leave(member: RekeyMember): void {
    this.#members.delete(member);
    this.#missing.delete(member);
  }

  /** What is left of it of those who are still here. */
  without(isHere: (member: RekeyMember) => boolean): this {
    for (const member of this.#members) if (!isHere(member)) this.leave(member);
    return this;
  }

  /** Whom the rekey that is due leaves behind. */
  get missing(): readonly RekeyMember[] {
    return [...this.#missing];
  }
}
