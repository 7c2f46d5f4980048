// Who is to be admitted anew, and when: everybody, in a round (rekeyRound.ts) every `renewalIntervalMs`, on suspected compromise and
// after the custodian was lost; and whoever has lagged for `lagLimitMs`, or been left behind by a round for so long, alone and again
// and again. What they answer waits in `PendingRekey`.
//
// In a round, moves are held for the one rekey that makes every inner key fresh. Whoever lags needs a key sooner: its new admission is
// from after the round's beginning, so it may move at once, like those who join meanwhile. All that they are given of what the tree held
// before is replaced when the last of the round beside them moves.

import type { Lease } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { RekeyOutput } from './rekeyEvents.ts';
import type { RekeyMember } from './rekeyMember.ts';
import type { Asked, PendingRekey } from './rekeyPending.ts';
import { ReadmissionRound } from './rekeyRound.ts';
import type { RoundReason } from './rekeyRound.ts';

interface Surroundings {
  readonly timers: Timers;
  readonly members: ReadonlyMap<Lease, RekeyMember>;
  readonly pending: PendingRekey;
  readonly tell: (output: RekeyOutput) => void;
  /** By the mint that is in flight. */
  readonly isMoving: (member: RekeyMember) => boolean;
}

export class Readmissions {
  readonly #at: Surroundings;
  #round: ReadmissionRound | null = null;
  /** Its rekey is being minted, and somebody has been here since that was asked for. */
  #taken: ReadmissionRound | null = null;
  #renewalAtMs = Infinity;
  /** Those who lag or were left behind, the soonest first, with when they will be asked. */
  readonly #askAtMs = new Map<RekeyMember, number>();

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
    const alone = this.#askAtMs.values().next().value ?? Infinity;
    return Math.min(this.#round?.nextAskAtMs ?? Infinity, alone);
  }

  /** When a renewal begins. */
  get renewalDueMs(): number {
    return this.#renewalAtMs;
  }

  /** What was collected before counts for nothing: who stole then may have it. */
  start(reason: RoundReason, nowMs: number): void {
    const { members, timers } = this.#at;
    for (const member of members.values()) this.withdrawNext(member);
    if (reason !== 'renewal') this.#askAtMs.clear();
    this.#round = new ReadmissionRound(reason, members.values(), {
      nowMs,
      spreadMs: reason === 'renewal' ? timers.renewalSpreadMs : 0,
      deadlineMs: timers.readmitDeadlineMs,
    });
  }

  /** Those whose turn has come. While a mint is in flight it is nobody's: whom it moves would be admitted twice. */
  ask(nowMs: number): void {
    const { tell } = this.#at;
    if (this.#round !== null && this.#round.nextAskAtMs <= nowMs) {
      const leases = this.#round.ask(nowMs);
      if (leases.length > 0) tell({ kind: 'readmit', leases, reason: this.#round.reason });
    }
    const lagging: RekeyMember[] = [];
    for (const [member, atMs] of this.#askAtMs) {
      if (atMs > nowMs) break;
      lagging.push(member);
    }
    if (lagging.length === 0) return;
    tell({ kind: 'readmit', leases: lagging.map(({ lease }) => lease), reason: 'lagging' });
    for (const member of lagging) this.askLater(member, nowMs);
  }

  /** It lags, or was left behind. */
  askLater(member: RekeyMember, nowMs: number): void {
    // To the end: the limit is the same for all.
    this.#askAtMs.delete(member);
    this.#askAtMs.set(member, nowMs + this.#at.timers.lagLimitMs);
  }

  askNoMore(member: RekeyMember): void {
    this.#askAtMs.delete(member);
  }

  /** Also of one whom the mint in flight moves: the client has forgotten the admission that that names, and the next one takes this. */
  readmitted(lease: Lease, newLease: Lease, nowMs: number): void {
    const { isMoving, members, pending, tell, timers } = this.#at;
    const member = members.get(lease);
    if (member === undefined) {
      tell({ kind: 'withdrawn', lease: newLease });
      return;
    }
    // What waits already is brought forward, not put off.
    if (member.next !== null) tell({ kind: 'withdrawn', lease: member.next });
    member.next = newLease;
    const round = this.#round?.has(member) === true ? this.#round : null;
    if (round !== null && member.firstEpoch !== null && !member.lagging && !isMoving(member)) {
      round.settle(member);
      pending.hold(member);
      return;
    }
    round?.leave(member);
    pending.move(member, nowMs + timers.joinWindowMs);
    if (member.lagging) this.askLater(member, nowMs);
  }

  /** Of a move that no mint names. */
  withdrawNext(member: RekeyMember): void {
    if (member.next === null) return;
    this.#at.pending.dropMove(member);
    this.#at.tell({ kind: 'withdrawn', lease: member.next });
    member.next = null;
  }

  gone(member: RekeyMember): void {
    this.#askAtMs.delete(member);
    this.#round?.leave(member);
    this.withdrawNext(member);
  }

  renewIfDue(nowMs: number): void {
    if (this.#renewalAtMs > nowMs) return;
    this.#renewalAtMs = nowMs + this.#at.timers.renewalIntervalMs;
    // Not in the place of one that may have to be minted for again, and is more urgent.
    if (this.#round === null && this.#taken === null) this.start('renewal', nowMs);
  }

  /** The round whose rekey is due, which is over with it. */
  takeDue(nowMs: number): ReadmissionRound | null {
    const round = this.#round;
    if (round === null || round.dueAtMs > nowMs) return null;
    this.#round = null;
    this.#taken = round;
    return round;
  }

  minted({ round }: Asked, nowMs: number): void {
    this.#taken = null;
    if (this.#at.members.size === 0) return;
    if (round !== null || this.#renewalAtMs === Infinity) {
      this.#renewalAtMs = nowMs + this.#at.timers.renewalIntervalMs;
    }
  }

  /** The mint failed: its moves wait again, but for those of whoever went, was admitted once more, or is asked by a round that began meanwhile. */
  restore({ round, moving }: Asked, nowMs: number): void {
    const { members, pending, tell } = this.#at;
    const isHere = (member: RekeyMember): boolean => members.get(member.lease) === member;
    for (const { member, from, to } of moving) {
      const here = isHere(member);
      if (!here || member.next !== null || this.#round?.has(member) === true) {
        tell({ kind: 'withdrawn', lease: to });
        if (!here && !member.inTree) pending.departedWithoutLeaf(from, member.given);
        continue;
      }
      member.next = to;
      if (round?.has(member) === true) pending.hold(member);
      else pending.move(member, nowMs);
    }
    if (this.#round === null && round !== null && round === this.#taken) {
      this.#round = round.without(isHere);
      // Who was to be left behind and answered meanwhile is not.
      for (const member of round.missing) if (member.next !== null) round.settle(member);
    }
    this.#taken = null;
  }

  /** What was collected went with the custodian. */
  custodianLost(): void {
    this.#round = null;
    this.#taken = null;
    for (const member of this.#at.members.values()) member.next = null;
  }

  /** Nobody is here. */
  clear(): void {
    this.#round = null;
    this.#taken = null;
    this.#renewalAtMs = Infinity;
    this.#askAtMs.clear();
  }
}
