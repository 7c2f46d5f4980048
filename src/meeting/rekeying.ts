// Does what a meeting's rekey machine says: asks the custodian, hands its messages to the sockets, tells participants, opens and
// closes the gates before their media, writes the ledger. It decides nothing by itself and holds one timer, at the machine's next deadline.

import type { Logger } from 'pino';
import type { Custodian, RekeyAnswer } from '../custodian/custodian.ts';
import { RekeyMachine } from '../keys/rekey.ts';
import type { Move, RekeyInput, RekeyOutput } from '../keys/rekey.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode, LatchkeyError } from '../protocol/errors.ts';
import { lengths, mayProduce } from '../protocol/names.ts';
import type { DepartureCause, EpochId, Lease, Trigger } from '../protocol/names.ts';
import { Deadline } from './deadline.ts';
import { Exposures } from './exposures.ts';
import { Gates } from './gates.ts';
import { KeyDelivery } from './keyDelivery.ts';
import { encodeNotice, moveMember } from './member.ts';
import type { Member } from './member.ts';
import type { Told } from './happenings.ts';
import type { MeetingContext, MeetingDescription } from './meetingContext.ts';
import type { LedgerHead, MeetingLedger } from './meetingLedger.ts';
import { Receipts } from './receipts.ts';
import type { EvictionReceipt, RekeyReceipt } from './receipts.ts';
import type { RosterFeed } from './rosterFeed.ts';

export interface RekeyCounts {
  readonly epochsHeld: number;
  readonly lagging: number;
  readonly paused: number;
}

interface Surroundings {
  readonly meeting: MeetingDescription;
  readonly custodian: () => Custodian;
  readonly context: MeetingContext;
  readonly log: Logger;
  readonly ledger: MeetingLedger;
  readonly roster: Pick<RosterFeed, 'flush' | 'leasesChanged'>;
  readonly tell: (told: Told) => void;
  /** Admitted, and nobody is here to use it. */
  readonly withdraw: (lease: Lease) => void;
  /** Its first epoch is in use, and it holds the key. */
  readonly onStarted: (member: Member) => void;
  /** The meeting's keys can no longer be rotated: it must end. */
  readonly onFailed: (code: ErrorCode) => void;
  /** Nobody opens frames of this epoch any more. */
  readonly onRetired: (epoch: EpochId) => void;
}

type Mint = Extract<RekeyOutput, { kind: 'mint' }>;
type Doing = { readonly [K in RekeyOutput['kind']]: (output: Extract<RekeyOutput, { kind: K }>) => void };

interface Live {
  readonly epoch: EpochId;
  readonly fingerprint: Uint8Array;
  readonly deliveredAtMs: number;
}

/** Mints that fail in a row before the meeting is ended. */
const maxMintFailures = 3;

export class Rekeying {
  readonly #at: Surroundings;
  readonly #machine: RekeyMachine;
  /** In the machine: those whose join it was told and whose departure it was not. */
  readonly #byLease = new Map<Lease, Member>();
  readonly #delivery = new KeyDelivery(this.#byLease);
  readonly #receipts = new Receipts();
  readonly #lagging = new Set<Member>();
  readonly #gates: Gates;
  readonly #exposures: Exposures;
  /** Minted and not retired, the oldest first. */
  readonly #live: Live[] = [];
  #activatedAtMs = 0;
  /** From which another custodian goes on. */
  #continuation = { nextEpoch: 0, chain: new Uint8Array(lengths.hash) as Uint8Array };
  /** In a row. */
  #mintFailures = 0;
  /** When the custodian was lost, until an epoch of the next one is in use. */
  #lostAtMs: number | null = null;
  readonly #deadline: Deadline;
  #closed = false;

  constructor(at: Surroundings) {
    this.#at = at;
    const { ledger, log, tell } = at;
    this.#gates = new Gates(ledger, log);
    this.#exposures = new Exposures({ ledger, events: at.context.events, log, tell });
    this.#deadline = new Deadline(at.context.nowMs, () => this.#step({ kind: 'tick' }));
    this.#machine = new RekeyMachine(at.meeting.timers, at.meeting.joinPolicy);
  }

  /** The active epoch, and since when it is, in milliseconds; null before the first. */
  get epochInUse(): { readonly number: number; readonly ageMs: number } | null {
    const { activeEpoch } = this.#machine;
    if (activeEpoch === null) return null;
    return { number: activeEpoch, ageMs: this.#at.context.nowMs() - this.#activatedAtMs };
  }

  /** Of which frames may be on their way. */
  get liveEpochs(): readonly EpochId[] {
    return this.#live.map(({ epoch }) => epoch);
  }

  /** What another custodian needs to go on from here. */
  get continuation(): { readonly nextEpoch: number; readonly chain: Uint8Array } {
    return this.#continuation;
  }

  get counts(): RekeyCounts {
    return { epochsHeld: this.#live.length, lagging: this.#lagging.size, paused: this.#gates.paused };
  }

  join(member: Member): void {
    this.#byLease.set(member.lease, member);
    const { participantId: participant, lease, role } = member;
    this.#at.ledger.append({ type: 'joined', participant, lease, role });
    this.#step({ kind: 'join', lease: member.lease, stage: mayProduce(member.role) });
  }

  /** Resolves when the departed can open nothing more. */
  depart(member: Member, cause: DepartureCause): Promise<EvictionReceipt> {
    const { lease, participantId } = member;
    this.#lagging.delete(member);
    this.#gates.gone(member);
    if (!this.#byLease.delete(lease)) {
      this.withdraw(lease);
      return this.#receipts.eviction(lease, false);
    }
    const given = member.givenThrough !== null;
    const receipt = this.#receipts.eviction(lease, given);
    if (given) this.#exposures.begin(lease, participantId);
    this.#at.ledger.append({ type: 'left', participant: participantId, lease, cause });
    this.#step({ kind: 'depart', lease, cause });
    return receipt;
  }

  sends(member: Member, sends: boolean): void {
    if (sends) this.#delivery.sends(member);
    this.#step({ kind: 'sends', lease: member.lease, sends });
  }

  /** A host raised it to the stage, or lowered it to the audience. */
  stage({ lease }: Member, stage: boolean): void {
    this.#step({ kind: 'stage', lease, stage });
  }

  acknowledged(member: Member, epoch: EpochId, fingerprint: Uint8Array): void {
    const live = this.#live.find((one) => one.epoch === epoch);
    if (live !== undefined && equalBytes(live.fingerprint, fingerprint)) {
      if (member.acknowledged < epoch && member.away === null)
        this.#at.context.events.acknowledged(this.#at.context.nowMs() - live.deliveredAtMs);
      this.#delivery.acknowledged(member, epoch);
    }
    this.#step({ kind: 'acknowledged', lease: member.lease, epoch, fingerprint });
  }

  confirmed({ lease }: Member, epoch: EpochId): void {
    this.#step({ kind: 'confirmed', lease, epoch });
  }

  /** The admission of this lease never reached its participant, which is asked again. */
  lost(lease: Lease): void {
    this.#delivery.lost(lease);
  }

  /** Its new lease waits at the custodian. */
  readmitted(member: Member, newLease: Lease): void {
    member.readmit = null;
    member.nextLease = newLease;
    this.#step({ kind: 'readmitted', lease: member.lease, newLease });
  }

  /** Over its new socket: what it lacks, and what it was asked. */
  resumed(member: Member): void {
    if (this.#closed) return;
    if (!this.#delivery.replay(member)) {
      member.readmit ??= 'lagging';
      this.#at.log.info(
        { event: 'participant.too_far_behind', participant: member.participantId },
        'what it missed is kept no more: it is admitted anew',
      );
    }
    if (member.readmit !== null) member.outlet.sendText(encodeNotice('readmit', { reason: member.readmit }));
  }

  /** Resolves when the epoch is in use; null where the meeting ended first. */
  rekey(reason: 'operator' | 'compromise'): Promise<RekeyReceipt | null> {
    if (this.#closed) return Promise.resolve(null);
    const receipt = this.#receipts.rekey(reason);
    this.#step({ kind: 'rekey', reason });
    return receipt;
  }

  custodianLost(): void {
    this.#lostAtMs ??= this.#at.context.nowMs();
    this.#receipts.failed();
    for (const member of this.#byLease.values()) {
      member.readmit = null;
      member.nextLease = null;
    }
    this.#step({ kind: 'custodianLost' });
  }

  custodianBack(): void {
    this.#at.ledger.append({ type: 'restarted' });
    this.#step({ kind: 'custodianBack' });
  }

  close(): void {
    if (this.#closed) return;
    for (const { participantId: participant, lease } of this.#byLease.values()) {
      this.#at.ledger.append({ type: 'left', participant, lease, cause: 'ended' });
    }
    this.#step({ kind: 'end' });
    this.#closed = true;
    this.#receipts.close();
    this.#deadline.set(null);
  }

  #step(input: RekeyInput): void {
    if (this.#closed) return;
    for (const output of this.#machine.step(input, this.#at.context.nowMs())) this.#do(output);
    this.#deadline.set(this.#closed ? null : this.#machine.nextDeadline());
  }

  #do<K extends RekeyOutput['kind']>(output: Extract<RekeyOutput, { kind: K }>): void {
    const act = this.#doing[output.kind] as (output: Extract<RekeyOutput, { kind: K }>) => void;
    act(output);
  }

  readonly #doing: Doing = {
    mint: (output) => void this.#mint(output),
    withdrawn: ({ lease }) => this.withdraw(lease),
    readmit: ({ leases, reason }) => {
      const text = encodeNotice('readmit', { reason });
      for (const lease of leases) {
        const member = this.#byLease.get(lease);
        if (member === undefined) continue;
        member.readmit = reason;
        member.outlet.sendText(text);
      }
      this.#at.log.info(
        { event: 'participants.readmitting', count: leases.length, reason },
        'admitting anew',
      );
    },
    custodianStalled: ({ waitedMs }) => {
      // Its client ends it for that, and then it is lost.
      this.#at.log.error({ event: 'custodian.stalled', waitedMs }, 'the custodian does not answer');
    },
    activate: (output) => this.#activate(output),
    settled: ({ epoch }) => this.#at.ledger.append({ type: 'settled', epoch }),
    start: ({ lease }) =>
      this.#with(lease, (member) => {
        this.#gates.start(member);
        this.#at.onStarted(member);
      }),
    pause: ({ lease, epoch, why }) => this.#with(lease, (member) => this.#gates.pause(member, epoch, why)),
    resume: ({ lease, epoch }) => this.#with(lease, (member) => this.#gates.resume(member, epoch)),
    lagging: ({ lease, epoch }) => this.#lags(lease, epoch),
    caughtUp: ({ lease }) => this.#with(lease, (member) => void this.#lagging.delete(member)),
    mismatch: ({ lease, epoch }) => {
      this.#at.log.error({ event: 'epoch.mismatch', lease, epoch }, 'another fingerprint was acknowledged');
    },
    exposed: ({ departures }) => {
      this.#receipts.exposed(departures);
      this.#exposures.over(departures);
    },
    retire: ({ epoch, acknowledged, missed }) => {
      const index = this.#live.findIndex((live) => live.epoch === epoch);
      if (index === -1) return;
      this.#live.splice(index, 1);
      this.#at.onRetired(epoch);
      this.#at.ledger.append({ type: 'retired', epoch, acknowledged, missed });
    },
  };

  async #mint(mint: Mint): Promise<void> {
    const { trigger, joins, departures, share } = mint;
    const { head } = this.#at.ledger;
    this.#receipts.asked(mint);
    try {
      const answer = await this.#at.custodian().rekey({
        meeting: this.#at.meeting.id,
        trigger,
        joins,
        departures,
        ledger: head.hash,
        share,
      });
      if (this.#closed) return;
      this.#mintFailures = 0;
      if (answer.minted) this.#minted(answer, mint, head);
      else this.#shared(answer);
    } catch (thrown) {
      if (this.#closed) return;
      this.#mintFailed(trigger, toLatchkeyError(thrown));
    }
  }

  #minted(answer: RekeyAnswer, { moves, departures }: Mint, asked: LedgerHead): void {
    const { epoch, trigger, fingerprint, chain } = answer;
    if (moves.length > 0) this.#moveAll(moves, epoch);
    this.#live.push({ epoch, fingerprint, deliveredAtMs: this.#at.context.nowMs() });
    this.#continuation = { nextEpoch: epoch + 1, chain };
    this.#receipts.minted(epoch);
    this.#at.context.events.minted(trigger);
    const delivered = this.#delivery.minted(answer, moves, departures);
    this.#at.ledger.minted(answer, asked, delivered);
    this.#step({ kind: 'minted', epoch, fingerprint });
  }

  #shared(answer: RekeyAnswer): void {
    const { epoch, welcomes } = answer;
    this.#delivery.shared(answer);
    this.#at.ledger.append({ type: 'shared', epoch, leases: welcomes.length });
    this.#step({ kind: 'shared', epoch });
  }

  /** What is sent now is told with the leases of now: those that it is moved to are told of with the epoch that they begin with. */
  #moveAll(moves: readonly Move[], epoch: EpochId): void {
    const { roster } = this.#at;
    roster.flush();
    for (const move of moves) this.#move(move, epoch);
    roster.leasesChanged();
  }

  /** Who went meanwhile is not here any more. */
  #move({ from, to }: Move, epoch: EpochId): void {
    const member = this.#byLease.get(from);
    if (member === undefined) return;
    this.#byLease.delete(from);
    moveMember(member, to, epoch);
    this.#byLease.set(to, member);
    this.#at.ledger.append({ type: 'moved', participant: member.participantId, from, to });
  }

  /** Want of room may pass, and the machine asks again; what lasts must not leave the departed with a live key. */
  #mintFailed(trigger: Trigger, error: LatchkeyError): void {
    const { code } = error;
    this.#at.log.error({ event: 'epoch.mint_failed', trigger, code, err: error }, 'no epoch was minted');
    this.#receipts.failed();
    // Lost: told apart, and another one comes.
    if (code === 'custodian_lost' || code === 'custodian_timeout') return;
    this.#mintFailures++;
    this.#step({ kind: 'mintFailed' });
    if (code !== 'slab_full' || this.#mintFailures >= maxMintFailures) this.#at.onFailed(code);
  }

  #activate(output: Extract<RekeyOutput, { kind: 'activate' }>): void {
    const { epoch, fingerprint, trigger, by, tookMs, acknowledged, missed } = output;
    const { context, ledger, log } = this.#at;
    this.#delivery.activated(epoch, fingerprint, trigger);
    context.events.activated(trigger, tookMs);
    this.#activatedAtMs = context.nowMs();
    ledger.append({ type: 'activated', epoch, by, tookMs, acknowledged, missed });
    log.info(
      { event: 'epoch.activated', epoch, trigger, by, tookMs, acknowledged, missed },
      'epoch activated',
    );
    this.#receipts.activated({ epoch, trigger, fingerprint, tookMs, acknowledged, missed });
    this.#at.tell({ type: 'epochRotated', epoch, trigger, by, tookMs, acknowledged, missed });
    if (trigger !== 'restart' || this.#lostAtMs === null) return;
    const recoveredMs = context.nowMs() - this.#lostAtMs;
    this.#lostAtMs = null;
    context.events.recovered(recoveredMs);
    log.info(
      { event: 'custodian.recovered', epoch, recoveredMs },
      'everybody has a key of the new custodian',
    );
  }

  /** Helped once, when nothing waits in its socket any more: it may not have been told, or its answer may be lost. */
  #lags(lease: Lease, epoch: EpochId): void {
    this.#at.log.warn({ event: 'participant.lagging', lease, epoch }, 'no acknowledgement in time');
    const member = this.#byLease.get(lease);
    if (member === undefined) return;
    this.#lagging.add(member);
    this.#at.tell({ type: 'lagging', participant: member.participantId, epoch });
    const { outlet } = member;
    outlet.whenDrained(() => {
      const still = this.#lagging.has(member) && member.outlet === outlet && !this.#closed;
      if (still && member.acknowledged < epoch) this.resumed(member);
    });
  }

  withdraw(lease: Lease): void {
    if (!this.#closed) this.#at.withdraw(lease);
  }

  #with(lease: Lease, act: (member: Member) => void): void {
    const member = this.#byLease.get(lease);
    if (member !== undefined) act(member);
  }
}
