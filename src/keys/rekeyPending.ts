// What the next mint will carry, and when it is due: each cause fixes a time on arrival, and later ones can only bring it forward.

import type { DepartureCause, Lease, Trigger } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';

export interface Departure {
  readonly lease: Lease;
  readonly cause: DepartureCause;
  readonly cutAtMs: number;
  /** Its exposure has been told. */
  exposed: boolean;
}

/** The mint that the custodian is asked for. */
export interface Asked {
  readonly joins: readonly Lease[];
  readonly departures: readonly Departure[];
  readonly evicts: boolean;
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
  #dueAtMs = Infinity;
  #evicts = false;

  get empty(): boolean {
    return this.#joins.size === 0 && this.#departures.size === 0;
  }

  /** When the last of its windows that may still be shortened ends; Infinity while nothing waits. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  get evicts(): boolean {
    return this.#evicts;
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

  /** True if the lease was waiting for a mint that never came. */
  withdraw(lease: Lease): boolean {
    const waited = this.#joins.delete(lease);
    if (this.empty) this.calm();
    return waited;
  }

  /** Nobody is left to rekey for: what departed is kept for the next mint, which only a join can bring about. */
  calm(): void {
    this.#dueAtMs = Infinity;
    this.#evicts = false;
  }

  take(nowMs: number, stalledAtMs: number): Asked {
    const joins = [...this.#joins];
    const departures = [...this.#departures.values()];
    const trigger = departures.length === 0 ? 'join' : joins.length === 0 ? 'departure' : 'joinAndDeparture';
    const evicts = this.#evicts;
    this.#joins.clear();
    this.#departures.clear();
    this.calm();
    return { joins, departures, evicts, trigger, askedAtMs: nowMs, stalledAtMs };
  }

  /**
   * A mint failed and nothing of it was handed out. Who joined and left meanwhile never had a key, and so is no departure.
   * @returns those leases.
   */
  restore(asked: Asked, dueAtMs: number): Lease[] {
    const gone: Lease[] = [];
    for (const lease of asked.joins) {
      if (this.#departures.delete(lease)) gone.push(lease);
      else this.#joins.add(lease);
    }
    for (const departure of asked.departures) this.#departures.set(departure.lease, departure);
    this.#dueAtMs = this.empty ? Infinity : Math.min(this.#dueAtMs, dueAtMs);
    // Anew: the evicted may have been one who never had a key, or all may have left meanwhile.
    this.#evicts = [...this.#departures.values()].some(
      ({ cause, exposed }) => cause === 'evicted' && !exposed,
    );
    return gone;
  }
}
