// Who is to be admitted anew, and when: everybody, in a round (rekeyRound.ts) every `renewalIntervalMs`, on suspected compromise and
// after the custodian was lost; and whoever has lagged for `lagLimitMs`, alone. What they answer waits in `PendingRekey`.

import type { Lease } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { RekeyOutput } from './rekeyEvents.ts';
import type { RekeyMember } from './rekeyMember.ts';
import type { Asked, Moving, PendingRekey } from './rekeyPending.ts';
import { ReadmissionRound } from './rekeyRound.ts';
import type { RoundReason } from './rekeyRound.ts';

interface Surroundings {
  readonly timers: Timers;
  readonly members: ReadonlyMap<Lease, RekeyMember>;
  readonly pending: PendingRekey;
  readonly tell: (output: RekeyOutput) => void;
  /** In the mint that is in flight. */
  readonly moveOf: (member: RekeyMember) => Moving | undefined;
}

export class Readmissions {
  readonly #at: Surroundings;
  #round: ReadmissionRound | null = null;
  #renewalAtMs = Infinity;
  /** Those who lag and have not been asked, the longest first, with when they will be. */
  readonly #laggingUntilMs = new Map<RekeyMember, number>();

  constructor(at: Surroundings) {
    this.#at = at;
  }

  get round(): ReadmissionRound | null {
    return this.#round;
  }

  /** When the rekey that moves a round's members is due. */
  get moveDueMs(): number {
    return this.#round?.dueAtMs ?? Infinity;
  }

  get askDueMs(): number {
    return this.#round?.nextAskAtMs ?? Infinity;
  }

  /** When a renewal begins, or somebody has lagged for too long. */
  get beginDueMs(): number {
    return Math.min(this.#renewalAtMs, this.#laggingUntilMs.values().next().value ?? Infinity);
  }

  /** What was collected before counts for nothing: who stole then may have it. */
  start(reason: RoundReason, nowMs: number): void {
    const { members, timers } = this.#at;
    for (const member of members.values()) this.withdrawNext(member);
    this.#laggingUntilMs.clear();
    this.#round = new ReadmissionRound(reason, members.values(), {
      nowMs,
      spreadMs: reason === 'renewal' ? timers.renewalSpreadMs : 0,
      deadlineMs: timers.readmitDeadlineMs,
    });
  }

  /** Those of the round whose turn has come. */
  ask(nowMs: number): void {
    if (this.#round === null || this.#round.nextAskAtMs > nowMs) return;
    const leases = this.#round.ask(nowMs);
    if (leases.length > 0) this.#at.tell({ kind: 'readmit', leases, reason: this.#round.reason });
  }

  readmitted(lease: Lease, newLease: Lease, nowMs: number): void {
    const { members, moveOf, pending, tell, timers } = this.#at;
    const member = members.get(lease);
    if (member === undefined || moveOf(member) !== undefined) {
      tell({ kind: 'withdrawn', lease: newLease });
      return;
    }
    this.withdrawNext(member);
    member.next = newLease;
    const inRound = this.#round?.has(member) === true;
    this.#round?.settle(member);
    pending.move(member, inRound ? Infinity : nowMs + timers.joinWindowMs);
  }

  /** Of a move that no mint names. */
  withdrawNext(member: RekeyMember): void {
    const { moveOf, pending, tell } = this.#at;
    if (member.next === null || moveOf(member) !== undefined) return;
    pending.dropMove(member);
    tell({ kind: 'withdrawn', lease: member.next });
    member.next = null;
  }

  gone(member: RekeyMember): void {
    this.#laggingUntilMs.delete(member);
    this.#round?.settle(member);
    this.withdrawNext(member);
  }

  lags(member: RekeyMember, nowMs: number): void {
    this.#laggingUntilMs.set(member, nowMs + this.#at.timers.lagLimitMs);
  }

  lagsNoMore(member: RekeyMember): void {
    this.#laggingUntilMs.delete(member);
  }

  begin(nowMs: number): void {
    if (this.#renewalAtMs <= nowMs) {
      this.#renewalAtMs = nowMs + this.#at.timers.renewalIntervalMs;
      if (this.#round === null) this.start('renewal', nowMs);
    }
    const leases: Lease[] = [];
    for (const [member, untilMs] of this.#laggingUntilMs) {
      if (untilMs > nowMs) break;
      this.#laggingUntilMs.delete(member);
      leases.push(member.lease);
    }
    if (leases.length > 0) this.#at.tell({ kind: 'readmit', leases, reason: 'lagging' });
  }

  /** The round whose rekey is due, which is over with it. */
  takeDue(nowMs: number): ReadmissionRound | null {
    const round = this.#round;
    if (round === null || round.dueAtMs > nowMs) return null;
    this.#round = null;
    return round;
  }

  minted({ round }: Asked, nowMs: number): void {
    if (round !== null || this.#renewalAtMs === Infinity) {
      this.#renewalAtMs = nowMs + this.#at.timers.renewalIntervalMs;
    }
  }

  /** The mint failed: its moves wait again, but for those of whoever went, and of a round that another has overtaken. */
  restore({ round, moving }: Asked, nowMs: number): void {
    const { members, pending, tell } = this.#at;
    const overtaken = this.#round !== null && round !== null;
    for (const { member, from, to } of moving) {
      const here = members.get(from) === member;
      if (here && !overtaken) {
        pending.move(member, round === null ? nowMs : Infinity);
        continue;
      }
      tell({ kind: 'withdrawn', lease: to });
      member.next = null;
      if (!here && !member.inTree) pending.departedWithoutLeaf(from, member.given);
    }
    if (members.size > 0) this.#round ??= round;
  }

  /** What was collected went with the custodian; who moves in a mint that failed with it, too. */
  custodianLost(): void {
    this.#round = null;
    for (const member of this.#at.members.values()) member.next = null;
  }

  /** Nobody is here. */
  clear(): void {
    this.#round = null;
    this.#renewalAtMs = Infinity;
    this.#laggingUntilMs.clear();
  }
}
