// The rekey machine of one meeting: when an epoch is minted, activated and retired, who is waited for, who is paused.
//
//            trigger (join · departure)               custodian answers            quorum, or deadline
//   steady(e) ────────────▶ gathering ──window ends──▶ minting ──▶ distributing(e+1) ──▶ steady(e+1)
//       ▲                       ▲                       │  │    outputs: activate; pause senders that do not confirm
//       │                       └── failed: asked again ┘  │             within the grace; retire e after its own
//       └── a trigger while minting or distributing sets "again": e+1 activates on its own deadline,
//           then e+2 is minted as soon as its window has ended ──┘
//
// One rekey in flight and one "again" bit (`PendingRekey` is not empty); no rekey is ever cancelled, so no pattern of churn can
// starve one. "Again" keeps its own windows: it is minted when e+1 is active and its window has ended, so that those who come or
// go within one window share a rekey also while another is in flight.
//
// Minting waits for `custodianAnswerMs`, and then says `custodianStalled` as often as that passes until it is answered or refused.
// Distributing waits for the quorum, or the deadline. An activated epoch waits for its senders to confirm it, or its grace:
// whoever has not is paused. Each of these deadlines is fixed when its cause arrives and only ever shortens:
//   - an eviction shortens the ack deadline of the rekey in flight, which stands before its own. It leaves the confirm grace of
//     older epochs alone: confirming those would keep nothing from the evicted, and pausing for it would only mute the slow;
//   - a grace belongs to its epoch, not to the sender, so that the next activation renews none.
//
// Bounds, held by test/property/rekeyLaws.test.ts and reached in test/keys/rekeySenders.test.ts. With A how long the custodian
// takes to answer (≤ `custodianAnswerMs`, else it has failed), D the ack deadline, W the cause's window, S the spacing of mints,
// G the confirm grace, a join or departure at t is in an activated epoch by
//      t + max(W, S, A + D) + A + D        (the inner A + D: what is left of a rekey in flight; after an eviction S = 0)
// and G later no unpaused sender uses an epoch that the departed can derive: with the defaults and the slowest custodian that is not
// replaced 8 s, after an eviction 3.5 s. Each mint that fails adds the time it took and `custodianAnswerMs`, after which it is asked for again.
// Whoever acknowledged an epoch opens what was sent under it until it is retired: `receiverGraceMs` after its successor's activation.
// Sooner only if `heldEpochs` are alive already when another is minted, which takes a storm of evictions (15 in 3 s): then the
// oldest goes, whoever still sends under it is paused first, and frames in flight under it are lost.
//
// A class that owns its state, and not `step(state, input) → state`: a state copied for each of a thousand acknowledgements would
// cost O(n) each. It stays what such a function is: no clock, no timer, no randomness; equal inputs at equal times give equal outputs. An
// acknowledgement costs O(live epochs) ≤ 16; what walks over all members does so once per epoch.
//
// Interval, renewal, resume and the operator's triggers are other causes to gather for: inputs of their own beside join and depart.
//
// More than 400 lines, forty of them this header: one state and its one loop. What stands by itself is apart: rekeyEpochs.ts,
// rekeyMember.ts, rekeyPending.ts, rekeySenders.ts.

import { equalBytes } from '../protocol/bytes.ts';
import { lengths } from '../protocol/names.ts';
import type { DepartureCause, EpochId, Lease } from '../protocol/names.ts';
import { limits } from '../protocol/timers.ts';
import type { Timers } from '../protocol/timers.ts';
import { LiveEpochs, mintedEpoch } from './rekeyEpochs.ts';
import type { LiveEpoch } from './rekeyEpochs.ts';
import type { RekeyInput, RekeyOutput, RekeyPhase } from './rekeyEvents.ts';
import { newMember, Quorum } from './rekeyMember.ts';
import type { RekeyMember } from './rekeyMember.ts';
import { departureWindowMs, PendingRekey } from './rekeyPending.ts';
import type { Asked, Departure } from './rekeyPending.ts';
import { RekeySenders } from './rekeySenders.ts';

export type { Exposure, RekeyInput, RekeyOutput, RekeyPhase } from './rekeyEvents.ts';

export class RekeyMachine {
  readonly #timers: Timers;
  readonly #members = new Map<Lease, RekeyMember>();
  readonly #pending = new PendingRekey();
  readonly #epochs = new LiveEpochs();
  readonly #senders = new RekeySenders({
    epochs: this.#epochs,
    tell: (output) => this.#tell(output),
    onAllConfirmed: ({ departures }) => this.#tellExposed(departures),
  });
  #asked: Asked | null = null;
  #quorum: Quorum | null = null;
  #nowMs = -Infinity;
  /** Before this no mint is asked for, evictions excepted. */
  #spacedUntilMs = -Infinity;
  /** Before this none at all: the last one failed. */
  #retryAtMs = -Infinity;
  #ended = false;
  #outputs: RekeyOutput[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get phase(): RekeyPhase {
    if (this.#asked !== null) return 'minting';
    if (this.#epochs.inFlight !== null) return 'distributing';
    return this.#pending.empty || this.#members.size === 0 ? 'steady' : 'gathering';
  }

  /** Another rekey follows the one in flight. */
  get again(): boolean {
    return (this.phase === 'minting' || this.phase === 'distributing') && !this.#pending.empty;
  }

  get activeEpoch(): EpochId | null {
    return this.#epochs.active?.epoch ?? null;
  }

  /** When the next `tick` is due, or null while nothing waits for time. */
  nextDeadline(): number | null {
    if (this.#ended) return null;
    const soonest = Math.min(this.#epochs.nextDeadlineMs(), this.#asked?.stalledAtMs ?? this.#mintDueMs());
    return soonest === Infinity ? null : soonest;
  }

  /**
   * What it returns is to be done in order.
   * @throws RangeError where the caller errs: a clock that falls, a lease that is here already, a `minted` that nobody asked for. Nothing that a peer
   * says throws: what cannot be is ignored, or a `mismatch`.
   */
  step(input: RekeyInput, nowMs: number): RekeyOutput[] {
    this.#assertPossible(input, nowMs);
    this.#nowMs = nowMs;
    this.#outputs = [];
    if (this.#ended) {
      // The custodian's answer crossed the end: what was minted is told to be over, too.
      if (input.kind === 'minted') this.#tell({ kind: 'retire', epoch: input.epoch });
    } else {
      // What is due happens before what arrives: a deadline is not moved by whoever comes late. But nothing is told to who departs.
      if (input.kind === 'depart') this.#depart(input.lease, input.cause);
      this.#expire();
      this.#take(input);
      this.#proceed();
    }
    return this.#outputs;
  }

  /** Before anything is changed, so that no output is lost with the error. */
  #assertPossible(input: RekeyInput, nowMs: number): void {
    if (!(nowMs >= this.#nowMs)) throw new RangeError(`"nowMs" expected >= ${this.#nowMs}, got ${nowMs}`);
    if (this.#ended) return;
    if (input.kind === 'join' && this.#members.has(input.lease)) {
      throw new RangeError(`lease ${input.lease} is here already`);
    }
    if (input.kind !== 'minted') return;
    const { epoch, fingerprint } = input;
    if (this.#asked === null) throw new RangeError(`epoch ${epoch} was minted and nobody had asked`);
    if (epoch <= (this.#epochs.newest ?? -1)) throw new RangeError(`epoch ${epoch} was minted before`);
    if (fingerprint.length !== lengths.fingerprint) {
      throw new RangeError(`"fingerprint" expected length ${lengths.fingerprint}, got ${fingerprint.length}`);
    }
  }

  #tell(output: RekeyOutput): void {
    this.#outputs.push(output);
  }

  #take(input: RekeyInput): void {
    switch (input.kind) {
      case 'join':
        return this.#join(input.lease, input.stage);
      case 'minted':
        return this.#minted(input.epoch, input.fingerprint);
      case 'mintFailed':
        return this.#mintFailed();
      case 'acknowledged':
        return this.#acknowledged(input.lease, input.epoch, input.fingerprint);
      case 'confirmed':
        return this.#confirmed(input.lease, input.epoch);
      case 'sends':
        return this.#sends(input.lease, input.sends);
      case 'depart':
      case 'tick':
        return;
      case 'end':
        return this.#end();
      default:
        input satisfies never;
    }
  }

  // Who comes and goes

  #join(lease: Lease, stage: boolean): void {
    this.#members.set(lease, newMember(lease, stage));
    this.#pending.join(lease, this.#nowMs + this.#timers.joinWindowMs);
  }

  #depart(lease: Lease, cause: DepartureCause): void {
    const member = this.#members.get(lease);
    if (member === undefined) return;
    this.#members.delete(lease);
    if (member.firstEpoch === null && this.#pending.withdraw(lease)) {
      this.#tell({ kind: 'withdrawn', lease });
    } else {
      for (const live of this.#epochs.unacknowledgedBy(member)) live.missing--;
      this.#quorum?.release(member);
      this.#senders.drop(member);
      const departure = { lease, cause, cutAtMs: this.#nowMs, exposed: false };
      this.#pending.depart(departure, this.#nowMs + departureWindowMs(this.#timers, member.stage, cause));
      if (cause === 'evicted') this.#hasten();
    }
    if (this.#members.size === 0) this.#emptied();
  }

  /** The rekey in flight stands before that of an eviction. */
  #hasten(): void {
    const { inFlight } = this.#epochs;
    if (inFlight === null) return;
    inFlight.ackByMs = Math.min(inFlight.ackByMs, this.#nowMs + this.#timers.ackDeadlineEvictedMs);
  }

  /** Nobody can send before a join brings the next mint, which leaves all these out: their exposure is over. */
  #emptied(): void {
    this.#pending.calm();
    this.#tellExposed([
      ...(this.#epochs.inFlight?.departures ?? []),
      ...(this.#asked?.departures ?? []),
      ...this.#pending.departures(),
    ]);
  }

  // Minting

  #mintDueMs(): number {
    if (this.#epochs.inFlight !== null) return Infinity;
    const spacedUntilMs = this.#pending.evicts ? -Infinity : this.#spacedUntilMs;
    return Math.max(this.#pending.dueAtMs, spacedUntilMs, this.#retryAtMs);
  }

  #mint(): void {
    const asked = this.#pending.take(this.#nowMs, this.#nowMs + this.#timers.custodianAnswerMs);
    this.#asked = asked;
    this.#spacedUntilMs = this.#nowMs + this.#timers.mintSpacingMs;
    const departures = asked.departures.map(({ lease }) => lease);
    this.#tell({ kind: 'mint', joins: asked.joins, departures, trigger: asked.trigger });
  }

  #minted(epoch: EpochId, fingerprint: Uint8Array): void {
    const asked = this.#asked;
    if (asked === null) return;
    this.#asked = null;
    const { ackDeadlineMs, ackDeadlineEvictedMs } = this.#timers;
    const hasty = asked.evicts || this.#pending.evicts;
    const ackMs = hasty ? Math.min(ackDeadlineMs, ackDeadlineEvictedMs) : ackDeadlineMs;
    const live = mintedEpoch(epoch, fingerprint, asked, this.#nowMs + ackMs);
    this.#awaitMembers(live);
    this.#epochs.add(live);
    if (this.#epochs.size > limits.heldEpochs) this.#retireOldest();
  }

  #awaitMembers(live: LiveEpoch): void {
    for (const lease of live.joins) {
      const newcomer = this.#members.get(lease);
      if (newcomer !== undefined) newcomer.firstEpoch = live.epoch;
    }
    const quorum = new Quorum(live.epoch);
    for (const member of this.#members.values()) {
      member.awaitedAs = null;
      if (member.firstEpoch === null) continue;
      live.missing++;
      if (!member.lagging) quorum.await(member);
    }
    this.#quorum = quorum;
  }

  #mintFailed(): void {
    const asked = this.#asked;
    if (asked === null) return;
    this.#asked = null;
    this.#retryAtMs = this.#nowMs + this.#timers.custodianAnswerMs;
    const dueAtMs = this.#members.size === 0 ? Infinity : this.#nowMs;
    for (const lease of this.#pending.restore(asked, dueAtMs)) this.#tell({ kind: 'withdrawn', lease });
  }

  // Acknowledging

  #acknowledged(lease: Lease, epoch: EpochId, fingerprint: Uint8Array): void {
    const member = this.#members.get(lease);
    if (member === undefined) return;
    const live = this.#epochs.find(epoch);
    const unheardOf = epoch > (this.#epochs.newest ?? -1);
    if (unheardOf || (live !== undefined && !equalBytes(live.fingerprint, fingerprint))) {
      this.#tell({ kind: 'mismatch', lease, epoch });
      return;
    }
    if (live === undefined || member.firstEpoch === null || epoch <= member.acknowledged) return;
    for (const older of this.#epochs.unacknowledgedBy(member)) if (older.epoch <= epoch) older.missing--;
    if (!live.active) this.#quorum?.acknowledge(member);
    member.acknowledged = epoch;
    const { active } = this.#epochs;
    if (active === null) return;
    if (member.lagging && epoch >= active.epoch) {
      member.lagging = false;
      this.#tell({ kind: 'caughtUp', lease, epoch });
    }
    if (member.firstEpoch <= active.epoch) this.#start(member);
  }

  #start(member: RekeyMember): void {
    if (member.started) return;
    member.started = true;
    this.#tell({ kind: 'start', lease: member.lease });
  }

  /** The epoch's deadline passed: whoever has not acknowledged it is not waited for. */
  #markLagging(live: LiveEpoch): void {
    live.ackByMs = Infinity;
    for (const member of this.#members.values()) {
      const given = member.firstEpoch !== null && member.firstEpoch <= live.epoch;
      if (!given || member.acknowledged >= live.epoch || member.lagging) continue;
      member.lagging = true;
      this.#quorum?.release(member);
      this.#tell({ kind: 'lagging', lease: member.lease, epoch: live.epoch });
    }
  }

  // Activating

  /** Once the deadline has passed, nobody for whom it waits is missing. */
  #activateIfMet(): void {
    const { inFlight } = this.#epochs;
    if (inFlight === null || this.#quorum?.met !== true) return;
    this.#quorum = null;
    this.#activate(inFlight, this.#outputs.some(({ kind }) => kind === 'lagging') ? 'deadline' : 'quorum');
  }

  #activate(live: LiveEpoch, by: 'quorum' | 'deadline'): void {
    this.#epochs.activate(live, this.#senders.running, this.#nowMs, this.#timers);
    const { epoch, fingerprint, trigger } = live;
    this.#tell({
      kind: 'activate',
      epoch,
      fingerprint,
      trigger,
      by,
      tookMs: this.#nowMs - live.askedAtMs,
    });
    for (const lease of live.joins) {
      const newcomer = this.#members.get(lease);
      if (newcomer !== undefined && newcomer.acknowledged >= epoch) this.#start(newcomer);
    }
    if (live.behind === 0) this.#tellExposed(live.departures);
  }

  #confirmed(lease: Lease, epoch: EpochId): void {
    const member = this.#members.get(lease);
    if (member !== undefined) this.#senders.confirm(member, epoch);
  }

  #sends(lease: Lease, sends: boolean): void {
    const member = this.#members.get(lease);
    if (member === undefined || member.sends === sends) return;
    member.sends = sends;
    if (sends) {
      this.#senders.open(member);
      return;
    }
    this.#quorum?.stopSending(member);
    this.#senders.idle(member);
  }

  #tellExposed(departures: readonly Departure[]): void {
    const ended = departures.filter(({ exposed }) => !exposed);
    if (ended.length === 0) return;
    for (const departure of ended) departure.exposed = true;
    const exposures = ended.map(({ lease, cause, cutAtMs }) => ({
      lease,
      cause,
      exposureMs: this.#nowMs - cutAtMs,
    }));
    this.#tell({ kind: 'exposed', departures: exposures });
  }

  // Time

  #expire(): void {
    for (const live of this.#epochs.all) {
      if (live.missing > 0 && live.ackByMs <= this.#nowMs) this.#markLagging(live);
    }
    this.#activateIfMet();
    for (const live of this.#epochs.all) {
      if (live.behind > 0 && live.confirmByMs <= this.#nowMs) this.#senders.pauseBehind(live);
    }
    while ((this.#epochs.all[0]?.retireAtMs ?? Infinity) <= this.#nowMs) this.#retireOldest();
    if (this.#asked !== null && this.#asked.stalledAtMs <= this.#nowMs) {
      this.#asked.stalledAtMs = this.#nowMs + this.#timers.custodianAnswerMs;
      this.#tell({ kind: 'custodianStalled', waitedMs: this.#nowMs - this.#asked.askedAtMs });
    }
  }

  #proceed(): void {
    if (this.#ended) return;
    this.#activateIfMet();
    if (this.#asked === null && this.#mintDueMs() <= this.#nowMs) this.#mint();
  }

  /** Nobody can open its frames any more, so nobody may go on sending them, whatever the grace. */
  #retireOldest(): void {
    const [oldest, next] = this.#epochs.all;
    if (oldest === undefined) return;
    if (next !== undefined && next.behind > 0) this.#senders.pauseBehind(next);
    this.#epochs.dropOldest();
    this.#tell({ kind: 'retire', epoch: oldest.epoch });
  }

  #end(): void {
    this.#ended = true;
    this.#tellExposed([
      ...this.#epochs.all.flatMap(({ departures }) => departures),
      ...(this.#asked?.departures ?? []),
      ...this.#pending.departures(),
    ]);
    this.#senders.clear();
    this.#members.clear();
    this.#asked = null;
    while (this.#epochs.size > 0) this.#retireOldest();
  }
}
