// The rekey machine of one meeting: when an epoch is minted, activated and retired, who is waited for, who is paused.
//
//            trigger (below)                          custodian answers            quorum, or deadline
//   steady(e) ────────────▶ gathering ──window ends──▶ minting ──▶ distributing(e+1) ──▶ steady(e+1)
//       ▲                       ▲                       │  │    outputs: activate; pause senders that do not confirm
//       │                       └── failed: asked again ┘  │             within the grace; retire e after its own
//       └── a trigger while minting or distributing sets "again": e+1 activates on its own deadline,
//           then e+2 is minted as soon as its window has ended ──┘
//
// Triggers: join · departure · interval (`intervalMs` since the last that was answered was asked for) · operator · readmission (somebody
// lagged for `lagLimitMs` and was admitted anew) · renewal, compromise, restart (everybody was: rekeyRound.ts). A join shares the newest
// epoch instead of making one, where the policy allows it and nobody's key has to change; the custodian has the last word on that.
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
// Being admitted anew moves a participant from one lease to another in one rekey: it stays the same member, with what it
// acknowledged and sends. A round (renewal, compromise, restart) asks everybody and moves all who answered at once; whoever did not is left
// behind: out of the tree, without a key from that epoch on, not waited for, paused by its grace, and asked again until it answers. A
// compromise discards what a round before it has collected, also where that is being minted and fails.
//
// When the custodian is lost nobody is in any tree, media go on under the epochs that are alive, and nothing is minted until another
// custodian is there and everybody was asked to be admitted anew, or `readmitDeadlineMs` passed.
//
// Bounds, held by test/property/rekeyLaws.test.ts and reached in test/keys/rekeySenders.test.ts. With A how long the custodian
// takes to answer (≤ `custodianAnswerMs`, else it has failed), D the ack deadline, W the cause's window, S the spacing of mints,
// G the confirm grace, R `readmitDeadlineMs`:
//   - a join, departure, operator's demand or interval at t is in an activated epoch by t + max(W, S, A + D) + A + D; the inner A + D is what
//     is left of a rekey in flight, and after an eviction S = 0;
//   - G later no unpaused sender uses an epoch that the departed can derive: with the defaults and the slowest custodian that is not
//     replaced 8 s, after an eviction 3.5 s. A participant that falls silent has departed 2 · `pingMs` + `resumeWindowMs` later: 28 s in all;
//   - on suspected compromise all who answer are moved by a mint asked for within A + R + A + D + S, by a renewal `renewalSpreadMs` later, and
//     no epoch from that mint on opens with what was stolen before;
//   - whoever lags is asked to be admitted anew within `lagLimitMs` + A, and moved as a join is once it answered.
// Each mint that fails adds the time it took and `custodianAnswerMs`, after which it is asked for again; a custodian that is lost adds the time
// until the next one is there and max(R, D).
//
// Whoever acknowledged an epoch opens what was sent under it until it is retired: `receiverGraceMs` after its successor's activation.
// Sooner only where its life ends, or if `heldEpochs` are alive already when another is minted, which takes a storm of evictions (15 in 3 s):
// then the oldest goes, whoever still sends under it is paused first, and frames in flight under it are lost.
//
// Every rule above is left out once in test/property/rekeyMutants.test.ts, and some law notices.
//
// A class that owns its state, and not `step(state, input) → state`: a state copied for each of a thousand acknowledgements would
// cost O(n) each. It stays what such a function is: no clock, no timer, no randomness; equal inputs at equal times give equal outputs. An
// acknowledgement costs O(live epochs) ≤ 16; what walks over all members does so once per epoch.
//
// More than 400 lines, sixty of them this header: one state and its one loop. What stands by itself is apart: rekeyEpochs.ts,
// rekeyMember.ts, rekeyMints.ts, rekeyPending.ts, rekeyReadmissions.ts, rekeyRound.ts, rekeySenders.ts.

import { equalBytes } from '../protocol/bytes.ts';
import { lengths } from '../protocol/names.ts';
import type { DepartureCause, EpochId, JoinPolicy, Lease } from '../protocol/names.ts';
import { limits } from '../protocol/timers.ts';
import type { Timers } from '../protocol/timers.ts';
import { LiveEpochs, mintedEpoch } from './rekeyEpochs.ts';
import type { LiveEpoch } from './rekeyEpochs.ts';
import type { RekeyInput, RekeyOutput, RekeyPhase } from './rekeyEvents.ts';
import { newMember, Quorum } from './rekeyMember.ts';
import type { RekeyMember } from './rekeyMember.ts';
import { Mints } from './rekeyMints.ts';
import { departureWindowMs, PendingRekey } from './rekeyPending.ts';
import type { Asked, Departure, Moving } from './rekeyPending.ts';
import { Readmissions } from './rekeyReadmissions.ts';
import { RekeySenders } from './rekeySenders.ts';

export type { Exposure, Move, RekeyInput, RekeyOutput, RekeyPhase } from './rekeyEvents.ts';

export class RekeyMachine {
  readonly #timers: Timers;
  readonly #members = new Map<Lease, RekeyMember>();
  readonly #pending = new PendingRekey();
  readonly #epochs = new LiveEpochs();
  readonly #senders = new RekeySenders({
    epochs: this.#epochs,
    tell: (output) => this.#tell(output),
    onAllConfirmed: (live) => this.#settled(live),
  });
  readonly #mints: Mints;
  readonly #readmissions: Readmissions;
  #quorum: Quorum | null = null;
  #nowMs = -Infinity;
  /** A deadline to acknowledge passed in this step. */
  #missedNow = false;
  #ended = false;
  #outputs: RekeyOutput[] = [];

  constructor(timers: Timers, joinPolicy: JoinPolicy = 'every') {
    this.#timers = timers;
    const tell = (output: RekeyOutput): void => this.#tell(output);
    const common = { timers, members: this.#members, pending: this.#pending, tell };
    this.#mints = new Mints({
      ...common,
      joinPolicy,
      epochs: this.#epochs,
      readmissions: () => this.#readmissions,
    });
    this.#readmissions = new Readmissions({
      ...common,
      isMoving: (member) => this.#mints.moveOf(member) !== undefined,
    });
  }

  get phase(): RekeyPhase {
    if (this.#mints.asked !== null) return 'minting';
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
    const { asked, custodian } = this.#mints;
    const soonest = Math.min(
      this.#epochs.nextDeadlineMs(),
      asked?.stalledAtMs ?? Math.min(this.#mints.dueMs(this.#nowMs), this.#askDueMs()),
      custodian === 'up' ? this.#readmissions.renewalDueMs : Infinity,
    );
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
    this.#missedNow = false;
    if (this.#ended) {
      // The custodian's answer crossed the end: what was minted is told to be over, too.
      if (input.kind === 'minted')
        this.#tell({ kind: 'retire', epoch: input.epoch, acknowledged: 0, missed: 0 });
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
    if (
      input.kind === 'shared' &&
      (this.#mints.asked?.share !== true || input.epoch !== this.#epochs.newest)
    ) {
      throw new RangeError(`epoch ${input.epoch} was shared and nobody had asked`);
    }
    if (input.kind !== 'minted') return;
    const { epoch, fingerprint } = input;
    if (this.#mints.asked === null) throw new RangeError(`epoch ${epoch} was minted and nobody had asked`);
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
      case 'stage':
        return this.#stage(input.lease, input.stage);
      case 'minted':
        return this.#minted(input.epoch, input.fingerprint);
      case 'shared':
        return this.#shared(input.epoch);
      case 'mintFailed':
        return this.#mintFailed();
      case 'rekey':
        return this.#demanded(input.reason);
      case 'readmitted':
        if (this.#mints.custodian === 'lost') return;
        return this.#readmissions.readmitted(input.lease, input.newLease, this.#nowMs);
      case 'custodianLost':
        return this.#custodianLost();
      case 'custodianBack':
        return this.#custodianBack();
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
    // Admitted by a custodian that is gone: asked anew with everybody.
    if (this.#mints.custodian === 'lost') return;
    this.#pending.join(lease, this.#nowMs + this.#timers.joinWindowMs);
  }

  #stage(lease: Lease, stage: boolean): void {
    const member = this.#members.get(lease);
    if (member !== undefined) member.stage = stage;
  }

  #depart(lease: Lease, cause: DepartureCause): void {
    const member = this.#members.get(lease);
    if (member === undefined) return;
    this.#members.delete(lease);
    this.#readmissions.gone(member);
    const { asked } = this.#mints;
    const askedFor = asked?.newcomers.includes(lease) === true || this.#mints.moveOf(member) !== undefined;
    if (!member.given && !askedFor) {
      // Of one whose custodian was lost nothing waits any more.
      if (this.#pending.withdraw(lease)) this.#tell({ kind: 'withdrawn', lease });
    } else {
      this.#epochs.release(member);
      this.#quorum?.release(member);
      this.#senders.drop(member);
      const treeLease = member.inTree || askedFor ? lease : null;
      const departure = { lease, treeLease, cause, cutAtMs: this.#nowMs, epoch: null, exposed: false };
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
    this.#readmissions.clear();
    this.#mints.emptied();
    this.#tellExposed([
      ...(this.#epochs.inFlight?.departures ?? []),
      ...(this.#mints.asked?.departures ?? []),
      ...this.#pending.departures(),
    ]);
  }

  // Minting

  #minted(epoch: EpochId, fingerprint: Uint8Array): void {
    const asked = this.#mints.answered('minted');
    if (asked === null) return;
    this.#readmissions.minted(asked, this.#nowMs);
    this.#leaveBehind(asked.leftBehind, epoch);
    this.#move(asked.moving, epoch);
    for (const departure of asked.departures) departure.epoch = epoch;
    const { ackDeadlineMs, ackDeadlineEvictedMs } = this.#timers;
    const hasty = asked.evicts || this.#pending.evicts;
    const ackMs = hasty ? Math.min(ackDeadlineMs, ackDeadlineEvictedMs) : ackDeadlineMs;
    const live = mintedEpoch(epoch, fingerprint, asked, this.#nowMs + ackMs);
    this.#epochs.add(live);
    this.#give(live, [...asked.newcomers, ...asked.moving.map(({ to }) => to)]);
    this.#awaitMembers(live);
    if (this.#epochs.size > limits.heldEpochs) this.#retireOldest();
    this.#askAgain(asked);
  }

  /** Whom a round left behind, but for those who answered while that was minted, and those whom another round asks by now. */
  #askAgain({ leftBehind, round }: Asked): void {
    if (round === null) return;
    const leases: Lease[] = [];
    for (const member of leftBehind) {
      if (this.#members.get(member.lease) !== member || this.#readmissions.round?.has(member) === true)
        continue;
      this.#readmissions.askLater(member, this.#nowMs);
      if (member.next === null) leases.push(member.lease);
    }
    if (leases.length > 0) this.#tell({ kind: 'readmit', leases, reason: round.reason });
  }

  /** Those who are still here: the joins have a leaf, and begin with this epoch. */
  #give(live: LiveEpoch, joins: readonly Lease[]): void {
    for (const lease of joins) {
      const member = this.#members.get(lease);
      if (member === undefined) continue;
      member.inTree = true;
      member.given = true;
      if (member.firstEpoch !== null) continue;
      member.firstEpoch = live.epoch;
      live.newcomers.push(member);
    }
  }

  #awaitMembers(live: LiveEpoch): void {
    const quorum = new Quorum(live.epoch);
    for (const member of this.#members.values()) {
      member.awaitedAs = null;
      if (member.firstEpoch === null) continue;
      live.holders++;
      live.missing++;
      if (!member.lagging) quorum.await(member);
    }
    this.#quorum = quorum;
  }

  /** Newcomers of an epoch that was there before: nobody waits for them, they start when they have acknowledged it. */
  #shared(epoch: EpochId): void {
    const asked = this.#mints.answered('shared');
    const live = this.#epochs.find(epoch);
    if (asked === null || live === undefined) return;
    const before = live.newcomers.length;
    this.#give(live, asked.newcomers);
    const ackByMs = this.#nowMs + this.#timers.ackDeadlineMs;
    const newcomers = live.newcomers.slice(before);
    for (const newcomer of newcomers) newcomer.acknowledgesByMs = ackByMs;
    // Where everybody had acknowledged it, its deadline has meant nothing since.
    live.ackByMs = live.missing > 0 ? Math.min(live.ackByMs, ackByMs) : ackByMs;
    live.holders += newcomers.length;
    live.missing += newcomers.length;
  }

  #mintFailed(): void {
    const asked = this.#mints.failed(this.#nowMs);
    if (asked === null) return;
    for (const lease of this.#restore(asked)) this.#tell({ kind: 'withdrawn', lease });
    this.#readmissions.restore(asked, this.#nowMs);
  }

  /** What was asked for waits again, if anybody is here to wait for it. @returns those who joined and left meanwhile. */
  #restore(asked: Asked): Lease[] {
    return this.#pending.restore(asked, this.#members.size === 0 ? Infinity : this.#nowMs);
  }

  #demanded(reason: 'operator' | 'compromise'): void {
    if (this.#members.size === 0) return;
    if (reason === 'operator') this.#pending.demand(this.#nowMs);
    else if (this.#mints.custodian !== 'lost') this.#readmissions.start('compromise', this.#nowMs);
  }

  /** Before anybody is given the new epoch. */
  #move(moving: readonly Moving[], epoch: EpochId): void {
    for (const { member, from, to } of moving) {
      if (this.#members.get(from) !== member) {
        // Gone meanwhile: it is the new lease that has to leave the tree.
        this.#pending.departedAs(from, to);
        continue;
      }
      this.#members.delete(from);
      member.lease = to;
      member.movedIn = epoch;
      this.#members.set(to, member);
      if (!member.lagging) this.#readmissions.askNoMore(member);
    }
  }

  /** No key of theirs opens this epoch: they acknowledge nothing more until they are admitted anew. */
  #leaveBehind(members: readonly RekeyMember[], epoch: EpochId): void {
    for (const member of members) {
      if (this.#members.get(member.lease) !== member) {
        // Gone meanwhile, and out of the tree with this mint.
        this.#pending.departedWithoutLeaf(member.lease, true);
        continue;
      }
      this.#epochs.release(member);
      member.firstEpoch = null;
      member.inTree = false;
      if (member.lagging || !member.given) continue;
      member.lagging = true;
      this.#tell({ kind: 'lagging', lease: member.lease, epoch });
    }
  }

  // Losing the custodian

  #custodianLost(): void {
    const asked = this.#mints.custodianLost();
    if (asked !== null) {
      this.#restore(asked);
      for (const { member, from } of asked.moving)
        if (!member.given) this.#pending.departedWithoutLeaf(from, false);
    }
    this.#pending.forgetAdmissions();
    this.#readmissions.custodianLost();
    for (const member of this.#members.values()) member.inTree = false;
  }

  #custodianBack(): void {
    if (this.#mints.custodian !== 'lost') return;
    this.#mints.custodianBack();
    if (this.#members.size > 0) this.#readmissions.start('restart', this.#nowMs);
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
    if (live === undefined || member.firstEpoch === null || epoch < member.firstEpoch) return;
    if (epoch <= member.acknowledged) return;
    for (const older of this.#epochs.unacknowledgedBy(member)) if (older.epoch <= epoch) older.missing--;
    if (!live.active) this.#quorum?.acknowledge(member);
    member.acknowledged = epoch;
    const { active } = this.#epochs;
    if (active === null) return;
    if (member.lagging && epoch >= active.epoch) {
      member.lagging = false;
      this.#readmissions.askNoMore(member);
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
      if (member.firstEpoch === live.epoch && member.acknowledgesByMs > this.#nowMs) {
        live.ackByMs = Math.min(live.ackByMs, member.acknowledgesByMs);
        continue;
      }
      member.lagging = true;
      this.#missedNow = true;
      this.#readmissions.askLater(member, this.#nowMs);
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
    this.#activate(inFlight, this.#missedNow ? 'deadline' : 'quorum');
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
      acknowledged: live.holders - live.missing,
      missed: live.missing,
    });
    for (const newcomer of live.newcomers) {
      const here = this.#members.get(newcomer.lease) === newcomer;
      if (here && newcomer.acknowledged >= epoch) this.#start(newcomer);
    }
    if (live.behind === 0) this.#settled(live);
  }

  #settled({ epoch, departures }: LiveEpoch): void {
    this.#tell({ kind: 'settled', epoch });
    this.#tellExposed(departures);
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
    const exposures = ended.map((departure) => {
      departure.exposed = true;
      const { lease, cause, cutAtMs, epoch } = departure;
      const live = epoch === null ? undefined : this.#epochs.find(epoch);
      return {
        lease,
        cause,
        exposureMs: this.#nowMs - cutAtMs,
        epoch,
        acknowledged: live === undefined ? 0 : live.holders - live.missing,
        missed: live?.missing ?? 0,
        paused: this.#senders.paused,
      };
    });
    this.#tell({ kind: 'exposed', departures: exposures });
  }

  // Time

  /** When somebody is to be asked to be admitted anew: there must be a custodian that does. */
  #askDueMs(): number {
    return this.#mints.custodian === 'lost' ? Infinity : this.#readmissions.askDueMs;
  }

  #expire(): void {
    for (const live of this.#epochs.all) {
      if (live.missing > 0 && live.ackByMs <= this.#nowMs) this.#markLagging(live);
    }
    this.#activateIfMet();
    for (const live of this.#epochs.all) {
      if (live.behind > 0 && live.confirmByMs <= this.#nowMs) this.#senders.pauseBehind(live);
    }
    while ((this.#epochs.all[0]?.retireAtMs ?? Infinity) <= this.#nowMs) this.#retireOldest();
    const { asked, custodian } = this.#mints;
    if (custodian === 'up') this.#readmissions.renewIfDue(this.#nowMs);
    if (asked !== null && asked.stalledAtMs <= this.#nowMs) {
      asked.stalledAtMs = this.#nowMs + this.#timers.custodianAnswerMs;
      this.#tell({ kind: 'custodianStalled', waitedMs: this.#nowMs - asked.askedAtMs });
    }
  }

  #proceed(): void {
    if (this.#ended) return;
    this.#activateIfMet();
    if (this.#mints.asked === null && this.#askDueMs() <= this.#nowMs) this.#readmissions.ask(this.#nowMs);
    if (this.#mints.dueMs(this.#nowMs) <= this.#nowMs) this.#mints.ask(this.#nowMs);
  }

  /** Nobody can open its frames any more, so nobody may go on sending them, whatever the grace. */
  #retireOldest(): void {
    const [oldest, next] = this.#epochs.all;
    if (oldest === undefined) return;
    if (next !== undefined && next.behind > 0) this.#senders.pauseBehind(next);
    this.#epochs.dropOldest();
    const { epoch, holders, missing } = oldest;
    this.#tell({ kind: 'retire', epoch, acknowledged: holders - missing, missed: missing });
  }

  #end(): void {
    this.#ended = true;
    this.#tellExposed([
      ...this.#epochs.all.flatMap(({ departures }) => departures),
      ...(this.#mints.asked?.departures ?? []),
      ...this.#pending.departures(),
    ]);
    this.#senders.clear();
    this.#members.clear();
    this.#readmissions.clear();
    this.#mints.end();
    while (this.#epochs.size > 0) this.#retireOldest();
  }
}
