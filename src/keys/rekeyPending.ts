// What the next mint will carry, and when it is due: each cause fixes a time on arrival, and later ones can only bring it forward.

import type { DepartureCause, EpochId, Lease, Trigger } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { RekeyMember } from './rekeyMember.ts';
import type { ReadmissionRound } from './rekeyRound.ts';

export interface Departure {
  /** When it departed: by which its exposure is told. */
  readonly lease: Lease;
  /** What the custodian's tree still has of it; null for nothing. */
  treeLease: Lease | null;
  readonly cause: DepartureCause;
  readonly cutAtMs: number;
  /** The first epoch that it cannot derive, once that is minted. */
  epoch: EpochId | null;
  /** Its exposure has been told. */
  exposed: boolean;
}

/** Somebody on the way from one lease to another. */
export interface Moving {
  readonly member: RekeyMember;
  readonly from: Lease;
  readonly to: Lease;
}

/** The mint that the custodian is asked for. */
export interface Asked {
  readonly newcomers: readonly Lease[];
  readonly moving: readonly Moving[];
  /** Waited at the custodian, and no mint will name them: who moves comes with its new lease, whom a renewal leaves behind with none. */
  readonly withdrawn: readonly Lease[];
  readonly departures: readonly Departure[];
  /** Of a renewal: without a key from this mint on. */
  readonly leftBehind: readonly RekeyMember[];
  readonly round: ReadmissionRound | null;
  readonly demanded: boolean;
  readonly evicts: boolean;
  readonly share: boolean;
  readonly trigger: Trigger;
  readonly askedAtMs: number;
  /** When its answer is overdue, next. */
  stalledAtMs: number;
}

/** How long others are gathered for who may share the departure's rekey. `stage`: the departed could produce. */
export const departureWindowMs = (timers: Timers, stage: boolean, cause: DepartureCause): number => {
  if (cause === 'evicted') return timers.departureWindowEvictedMs;
  return stage ? timers.departureWindowStageMs : timers.departureWindowViewerMs;
};

export class PendingRekey {
  readonly #joins = new Set<Lease>();
  readonly #departures = new Map<Lease, Departure>();
  /** Admitted anew, each for itself. */
  readonly #moves = new Set<RekeyMember>();
  /** Admitted anew, and held for the rekey of the round to which they belong. */
  readonly #held = new Set<RekeyMember>();
  /** The operator asked. */
  #demanded = false;
  #dueAtMs = Infinity;
  #evicts = false;

  get empty(): boolean {
    return (
      this.#joins.size === 0 && this.#departures.size === 0 && !this.#demanded && this.#dueAtMs === Infinity
    );
  }

  /** When the last of its windows that may still be shortened ends; Infinity while nothing waits. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  get evicts(): boolean {
    return this.#evicts;
  }

  /** Nobody's key has to change. */
  get onlyJoins(): boolean {
    return this.#joins.size > 0 && this.#departures.size === 0 && this.#moves.size === 0 && !this.#demanded;
  }

  departures(): IterableIterator<Departure> {
    return this.#departures.values();
  }

  join(lease: Lease, dueAtMs: number): void {
    this.#joins.add(lease);
    this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);
  }

  depart(departure: Departure, dueAtMs: number): void {
    this.#departures.set(departure.lease, departure);
    this.#evicts ||= departure.cause === 'evicted';
    this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);
  }

  move(member: RekeyMember, dueAtMs: number): void {
    this.#held.delete(member);
    this.#moves.add(member);
    this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);
  }

  /** The round has a time of its own. */
  hold(member: RekeyMember): void {
    this.#held.add(member);
  }

  demand(nowMs: number): void {
    this.#demanded = true;
    this.#dueAtMs = Math.min(this.#dueAtMs, nowMs);
  }

  dropMove(member: RekeyMember): void {
    this.#moves.delete(member);
    this.#held.delete(member);
    this.#calmIfEmpty();
  }

  /** True if the lease was waiting for a mint that never came. */
  withdraw(lease: Lease): boolean {
    const waited = this.#joins.delete(lease);
    this.#calmIfEmpty();
    return waited;
  }

  /** Nobody is left to rekey for: what departed is kept for the next mint, which only a join can bring about. */
  calm(): void {
    this.#dueAtMs = Infinity;
    this.#evicts = false;
    this.#demanded = false;
  }

  /** What waited at a custodian that is gone waits no more; what departed is in no tree. */
  forgetAdmissions(): void {
    this.#joins.clear();
    this.#moves.clear();
    this.#held.clear();
    for (const departure of this.#departures.values()) departure.treeLease = null;
    this.#calmIfEmpty();
  }

  /** While a mint was in flight that gave it this lease. */
  departedAs(lease: Lease, treeLease: Lease): void {
    const departure = this.#departures.get(lease);
    if (departure !== undefined) departure.treeLease = treeLease;
  }

  /** Nothing of it is in the tree. Where it was never given a key, either, it is no departure. */
  departedWithoutLeaf(lease: Lease, given: boolean): void {
    const departure = this.#departures.get(lease);
    if (departure !== undefined) departure.treeLease = null;
    if (!given) this.#departures.delete(lease);
    this.#countEvicted();
    this.#calmIfEmpty();
  }

  /** Anew: the evicted may have been one who never had a key, or all may have left meanwhile. */
  #countEvicted(): void {
    this.#evicts = [...this.#departures.values()].some(
      ({ cause, exposed }) => cause === 'evicted' && !exposed,
    );
  }

  #calmIfEmpty(): void {
    const something = this.#joins.size + this.#departures.size + this.#moves.size > 0 || this.#demanded;
    if (!something) this.calm();
  }

  /** `round`: one that is due. Its members move with this mint; those of one that is not due are held. */
  take(
    nowMs: number,
    {
      round,
      share,
      stalledAtMs,
    }: { readonly round: ReadmissionRound | null; readonly share: boolean; readonly stalledAtMs: number },
  ): Asked {
    const leftBehind = round?.missing ?? [];
    const moving = this.#takeMoves(round !== null);
    // Whoever moves before it ever joined comes with its new lease alone. Whoever was to be admitted anew and was not gets no key by
    // an admission from before the round.
    const withdrawn = [...moving.map(({ from }) => from), ...leftBehind.map(({ lease }) => lease)].filter(
      (lease) => this.#joins.delete(lease),
    );
    const newcomers = [...this.#joins];
    const departures = [...this.#departures.values()];
    const asked: Asked = {
      newcomers,
      moving,
      withdrawn,
      departures,
      leftBehind,
      round,
      demanded: this.#demanded,
      evicts: this.#evicts,
      share,
      trigger: round?.reason ?? triggerOf(newcomers.length, departures.length, moving.length, this.#demanded),
      askedAtMs: nowMs,
      stalledAtMs,
    };
    this.#joins.clear();
    this.#departures.clear();
    this.calm();
    return asked;
  }

  #takeMoves(ofRoundToo: boolean): Moving[] {
    const moving: Moving[] = [];
    for (const members of ofRoundToo ? [this.#moves, this.#held] : [this.#moves]) {
      for (const member of members) {
        if (member.next !== null) moving.push({ member, from: member.lease, to: member.next });
        member.next = null;
      }
      members.clear();
    }
    return moving;
  }

  /**
   * A mint failed and nothing of it was handed out. Who joined and left meanwhile never had a key, and so is no departure. `dueAtMs`: Infinity
   * where nobody is left.
   * @returns those leases.
   */
  restore(asked: Asked, dueAtMs: number): Lease[] {
    const gone: Lease[] = [];
    for (const lease of asked.newcomers) {
      if (this.#departures.delete(lease)) gone.push(lease);
      else this.#joins.add(lease);
    }
    for (const departure of asked.departures) this.#departures.set(departure.lease, departure);
    this.#demanded ||= asked.demanded && dueAtMs < Infinity;
    this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);
    this.#calmIfEmpty();
    this.#countEvicted();
    return gone;
  }
}

const triggerOf = (newcomers: number, departures: number, moves: number, demanded: boolean): Trigger => {
  if (newcomers > 0) return departures > 0 ? 'joinAndDeparture' : 'join';
  if (departures > 0) return 'departure';
  if (demanded) return 'operator';
  return moves > 0 ? 'readmission' : 'interval';
};
