// The epochs that somebody may still open: at most the one in flight, the active one, and those within the receivers' grace.

import type { EpochId, Trigger } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { RekeyMember } from './rekeyMember.ts';
import type { Asked, Departure } from './rekeyPending.ts';

export interface LiveEpoch {
  readonly epoch: EpochId;
  readonly fingerprint: Uint8Array;
  readonly trigger: Trigger;
  readonly askedAtMs: number;
  /** Those whose first epoch it is. */
  readonly newcomers: RekeyMember[];
  /** Those who cannot derive it and could derive the one before. */
  readonly departures: readonly Departure[];
  /** It leaves an evicted one out: its senders have less time to confirm. */
  readonly evicts: boolean;
  active: boolean;
  /** Members to whom it was given. */
  holders: number;
  /** Of these, those that have not acknowledged it, or a later one. */
  missing: number;
  /** Running senders that have not confirmed it, or a later one; counted from its activation on. */
  behind: number;
  ackByMs: number;
  confirmByMs: number;
  retireAtMs: number;
}

export const mintedEpoch = (
  epoch: EpochId,
  fingerprint: Uint8Array,
  { trigger, askedAtMs, departures, evicts }: Asked,
  ackByMs: number,
): LiveEpoch => ({
  epoch,
  fingerprint: fingerprint.slice(),
  trigger,
  askedAtMs,
  newcomers: [],
  departures,
  evicts,
  active: false,
  holders: 0,
  missing: 0,
  behind: 0,
  ackByMs,
  confirmByMs: Infinity,
  retireAtMs: Infinity,
});

export class LiveEpochs {
  readonly #epochs: LiveEpoch[] = [];
  #active: LiveEpoch | null = null;
  #newest: EpochId | null = null;

  get size(): number {
    return this.#epochs.length;
  }

  /** Oldest first. */
  get all(): readonly LiveEpoch[] {
    return this.#epochs;
  }

  get active(): LiveEpoch | null {
    return this.#active;
  }

  get inFlight(): LiveEpoch | null {
    const last = this.#epochs.at(-1);
    return last === undefined || last.active ? null : last;
  }

  /** The highest that was ever minted, live or not. */
  get newest(): EpochId | null {
    return this.#newest;
  }

  find(epoch: EpochId): LiveEpoch | undefined {
    return this.#epochs.find((live) => live.epoch === epoch);
  }

  add(live: LiveEpoch): void {
    this.#epochs.push(live);
    this.#newest = live.epoch;
  }

  activate(live: LiveEpoch, behind: number, nowMs: number, timers: Timers): void {
    const { confirmGraceMs, confirmGraceEvictedMs, receiverGraceMs } = timers;
    if (this.#active !== null) this.#active.retireAtMs = nowMs + receiverGraceMs;
    this.#active = live;
    live.active = true;
    live.behind = behind;
    live.confirmByMs =
      nowMs + (live.evicts ? Math.min(confirmGraceMs, confirmGraceEvictedMs) : confirmGraceMs);
  }

  /** The oldest is gone; whoever still sent under it must have been paused before. */
  dropOldest(): void {
    if (this.#epochs.shift() === this.#active) this.#active = null;
  }

  /** Those that the member has been given and has acknowledged neither themselves nor by a later one. */
  *unacknowledgedBy({ firstEpoch, acknowledged }: RekeyMember): Iterable<LiveEpoch> {
    if (firstEpoch === null) return;
    for (const live of this.#epochs) {
      if (live.epoch >= firstEpoch && live.epoch > acknowledged) yield live;
    }
  }

  /** The member is counted no more by those that it was given. */
  release(member: RekeyMember): void {
    const { firstEpoch } = member;
    if (firstEpoch === null) return;
    for (const live of this.unacknowledgedBy(member)) live.missing--;
    for (const live of this.#epochs) if (live.epoch >= firstEpoch) live.holders--;
  }

  /** Those that count the running sender among the `behind`. */
  *unconfirmedBy({ confirmed }: RekeyMember): Iterable<LiveEpoch> {
    for (const live of this.#epochs) if (live.active && live.epoch > confirmed) yield live;
  }

  nextDeadlineMs(): number {
    let soonest = Infinity;
    for (const live of this.#epochs) {
      if (live.missing > 0) soonest = Math.min(soonest, live.ackByMs);
      if (live.behind > 0) soonest = Math.min(soonest, live.confirmByMs);
      soonest = Math.min(soonest, live.retireAtMs);
    }
    return soonest;
  }
}
