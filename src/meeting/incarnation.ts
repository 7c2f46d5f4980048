// A running meeting, from its first participant to its last: roster, media and rekeys, driven by one loop. It carries the
// custodian's messages and never sees a key. When nobody is left it ends and its keys with it; the meeting's id may run again,
// as another incarnation.

import type { Logger } from 'pino';
import { MediaRoom } from '../media/room.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { DepartureCause, EndReason, EpochId } from '../protocol/names.ts';
import type { Answer, Ask } from '../protocol/signaling.ts';
import { Attendance } from './attendance.ts';
import { Audience } from './audience.ts';
import { Controls } from './controls.ts';
import { Custody } from './custody.ts';
import type { Admitted } from './custody.ts';
import type { Door } from './door.ts';
import { newParticipantId } from './identifiers.ts';
import { MeetingLedger } from './meetingLedger.ts';
import { MeetingMedia } from './meetingMedia.ts';
import { newMember } from './member.ts';
import type { JoinRequest, Member, Outlet } from './member.ts';
import type { Told } from './happenings.ts';
import type { MeetingContext, MeetingDescription } from './meetingContext.ts';
import type { EvictionReceipt, RekeyReceipt } from './receipts.ts';
import { Rekeying } from './rekeying.ts';
import { Resumption } from './resumption.ts';
import { roomEvents } from './roomEvents.ts';
import type { EncodedRoster } from './rosterFeed.ts';
import { Senders } from './senders.ts';
import type { RekeyCounts } from './rekeying.ts';

export interface IncarnationEnds {
  readonly door: Door;
  /** Called once, when the incarnation ended by itself. */
  readonly onEmpty: () => void;
}

export class Incarnation {
  readonly media: MeetingMedia;
  readonly senders: Senders;
  readonly controls: Controls;
  readonly audience: Audience;
  readonly #door: Door;
  readonly #meeting: MeetingDescription;
  readonly #context: MeetingContext;
  readonly #custody: Custody;
  readonly #room: MediaRoom;
  readonly #ledger: MeetingLedger;
  readonly #rekeying: Rekeying;
  readonly #resumption: Resumption;
  readonly #attendance: Attendance;
  readonly #members = new Map<string, Member>();
  readonly #log: Logger;
  readonly #onEmpty: () => void;
  /** Joins that are at the custodian: not members yet, but reason enough to go on. */
  #joining = 0;
  #closed = false;

  private constructor(
    meeting: MeetingDescription,
    context: MeetingContext,
    custody: Custody,
    room: MediaRoom,
    { door, onEmpty }: IncarnationEnds,
  ) {
    this.#meeting = meeting;
    this.#context = context;
    this.#custody = custody;
    this.#room = room;
    this.#door = door;
    this.#onEmpty = onEmpty;
    this.#log = context.log.child({ meeting: meeting.id });
    this.audience = new Audience({ context, log: this.#log, members: this.#members, door });
    this.#ledger = new MeetingLedger({
      incarnation: custody.incarnation,
      meeting: meeting.id,
      kind: meeting.kind,
      joinPolicy: meeting.joinPolicy,
      signingKey: context.custodian().publicKey,
      now: () => Date.now(),
      sink: context.ledgers.open(meeting.id, custody.incarnation),
    });
    const tell = (told: Told): void => context.tell(meeting.id, told);
    const { roster } = this.audience;
    this.#attendance = new Attendance({ roster, events: context.events, log: this.#log, tell });
    this.#rekeying = new Rekeying({
      meeting,
      custodian: () => context.custodian(),
      context,
      log: this.#log,
      ledger: this.#ledger,
      roster,
      tell,
      withdraw: (lease) => void custody.withdraw(lease),
      onStarted: (member) => this.#stage(member, 'activation'),
      onFailed: (code) => this.close('failed', code),
      onRetired: (epoch) => room.retired(epoch),
    });
    this.#resumption = new Resumption({
      meeting,
      context,
      log: this.#log,
      rekeying: this.#rekeying,
      members: this.#members,
      isHere: (member) => this.#isHere(member),
      onExpired: (member) => this.depart(member, 'lost'),
    });
    this.senders = new Senders({
      context,
      log: this.#log,
      room,
      member: (participantId) => this.#members.get(participantId) ?? null,
      liveEpochs: () => this.#rekeying.liveEpochs,
      onRefused: (member) => this.depart(member, 'evicted'),
    });
    this.media = new MeetingMedia({
      meeting: meeting.id,
      custodian: () => context.custodian(),
      members: this.#members,
      roster,
      mostOnStage: meeting.limits.stage,
      onSends: (member, sends) => this.#rekeying.sends(member, sends),
    });
    this.controls = new Controls({
      log: this.#log,
      members: this.#members,
      audience: this.audience,
      door,
      rekeying: this.#rekeying,
      onRole: ({ participantId, role }) => tell({ type: 'roleChanged', participant: participantId, role }),
      evict: (member) => this.depart(member, 'evicted'),
    });
  }

  static async start(
    meeting: MeetingDescription,
    context: MeetingContext,
    ends: IncarnationEnds,
  ): Promise<Incarnation> {
    let started: Incarnation | null = null;
    const log = context.log.child({ meeting: meeting.id });
    const events = roomEvents(context, log, () => started);
    const room = await MediaRoom.open(context.workers, context.mediaLimits, events);
    let custody: Custody;
    try {
      custody = await Custody.begin(meeting, context);
      started = new Incarnation(meeting, context, custody, room, ends);
    } catch (thrown) {
      room.close();
      throw thrown;
    }
    started.#attendance.began(meeting, custody.incarnation);
    return started;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  member(participantId: string): Member | undefined {
    return this.#members.get(participantId);
  }

  get epochInUse(): Rekeying['epochInUse'] {
    return this.#rekeying.epochInUse;
  }

  get rekeyCounts(): RekeyCounts {
    return this.#rekeying.counts;
  }

  // Coming

  /** Admits: the member is in nobody's roster until `enter`. */
  async join(request: JoinRequest): Promise<Member> {
    this.#joining++;
    try {
      const participantId = newParticipantId();
      const { name, role, tokenId, publicKey, outlet } = request;
      const { admission, lease, custodian } = await this.#admit({ participantId, role, tokenId }, publicKey);
      const media = this.#room.addParticipant(participantId);
      const member = newMember({
        participantId,
        name,
        role,
        tokenId,
        outlet,
        lease,
        admission,
        custodian,
        media,
      });
      member.media.onConnected = () => this.#stage(member, 'transport');
      member.media.onClosedByPeer = () => this.depart(member, 'left');
      this.#members.set(participantId, member);
      return member;
    } finally {
      this.#joining--;
      this.#endIfEmpty();
    }
  }

  #stage(member: Member, stage: 'transport' | 'activation'): void {
    this.#context.events.joinStage(stage, this.#context.nowMs() - member.enteredAtMs);
  }

  async #admit(who: Parameters<Custody['admit']>[0], publicKey: Uint8Array): Promise<Admitted> {
    const admitted = await this.#custody.admit(who, publicKey);
    if (this.#closed) throw new LatchkeyError('meeting_ended');
    return admitted;
  }

  /** With the roster, what a join is answered with. */
  describeFor(
    member: Member,
  ): Omit<Answer<'join'>, 'protocol' | 'keying' | 'timers' | 'iceServers' | keyof EncodedRoster> {
    const { id, kind, name } = this.#meeting;
    return {
      meeting: { id, kind, ...(name === undefined ? {} : { name }) },
      door: this.#door.state,
      participantId: member.participantId,
      name: member.name,
      role: member.role,
      admission: toBase64Url(member.admission),
      routerRtpCapabilities: this.#room.rtpCapabilities,
    };
  }

  /** Everybody who is here, and all that they send. */
  get roster(): EncodedRoster {
    return this.audience.roster.snapshot;
  }

  get timers(): Answer<'join'>['timers'] {
    const { receiverGraceMs, epochLifeMs, resumeWindowMs } = this.#meeting.timers;
    return { receiverGraceMs, epochLifeMs, resumeWindowMs };
  }

  /** The join was answered: from now on it is told what happens, and a rekey gives it its first epoch. */
  enter(member: Member): void {
    if (this.#closed || member.media.closed) return;
    if (!this.#custody.isOf(member.custodian)) {
      // Its admission went with the custodian that gave it.
      member.outlet.end('failed', 'custodian_lost');
      this.depart(member, 'lost');
      return;
    }
    member.entered = true;
    member.enteredAtMs = this.#context.nowMs();
    this.audience.roster.changed(member);
    this.audience.entered(member);
    this.#attendance.joined(member);
    this.#rekeying.join(member);
  }

  // Going, and coming back

  /** Its socket is gone: it may come back within the resume window, with all that it has. */
  away(member: Member): void {
    if (!this.#isHere(member)) return;
    if (member.entered) this.#resumption.away(member);
    else this.depart(member, 'lost');
  }

  /** @throws LatchkeyError `resume_refused` */
  proveResume(ask: Ask<'resume'>, challenge: Uint8Array): Promise<Member> {
    return this.#resumption.prove(ask, challenge);
  }

  /** What it must know to go on; call it right before `resumed`. */
  describeResumed(member: Member, ask: Ask<'resume'>): Omit<Answer<'resume'>, keyof EncodedRoster> {
    return { door: this.#door.state, gone: this.#resumption.reconcile(member, ask) };
  }

  resumed(member: Member, outlet: Outlet, ask: Ask<'resume'>): void {
    this.#resumption.resume(member, outlet, ask);
    if (this.#isHere(member)) this.audience.entered(member);
  }

  /** @throws LatchkeyError `forbidden` where it was not asked to be. */
  async readmit(member: Member, publicKey: Uint8Array): Promise<Answer<'readmit'>> {
    const reason = member.readmit;
    if (reason === null) throw new LatchkeyError('forbidden', 'nobody asked for that');
    member.readmit = null;
    try {
      const { participantId, admittedAs: role, tokenId } = member;
      const { admission, lease, custodian } = await this.#admit({ participantId, role, tokenId }, publicKey);
      if (!this.#isHere(member) || !this.#custody.isOf(custodian)) {
        this.#rekeying.withdraw(lease);
        throw new LatchkeyError('closed');
      }
      this.#context.events.readmitted(reason);
      this.#rekeying.readmitted(member, lease);
      return { admission: toBase64Url(admission) };
    } catch (thrown) {
      // Also where a later reason took the place of this one.
      member.readmit ??= reason;
      throw thrown;
    }
  }

  /** Cuts first, then rekeys. Benign where the participant already went. */
  depart(member: Member, cause: DepartureCause): void {
    if (this.#isHere(member)) void this.#depart(member, cause);
  }

  /** @throws LatchkeyError `not_found` */
  evict(participantId: string): Promise<EvictionReceipt> {
    const member = this.#members.get(participantId);
    if (member === undefined || this.#closed)
      throw new LatchkeyError('not_found', 'there is no such participant');
    return this.#depart(member, 'evicted');
  }

  #depart(member: Member, cause: DepartureCause): Promise<EvictionReceipt> {
    member.media.close();
    this.media.departed(member);
    this.#members.delete(member.participantId);
    if (member.away !== null) clearTimeout(member.away);
    if (cause === 'evicted' || cause === 'left') member.outlet.end(cause);
    if (member.entered) this.#attendance.left(member, cause);
    const receipt = this.#rekeying.depart(member, cause);
    this.#endIfEmpty();
    return receipt;
  }

  #isHere(member: Member): boolean {
    return !this.#closed && this.#members.get(member.participantId) === member;
  }

  // Keys
  acknowledged(member: Member, epoch: EpochId, fingerprint: string): void {
    const bytes = fromBase64Url(fingerprint);
    if (bytes !== null && !this.#closed) this.#rekeying.acknowledged(member, epoch, bytes);
  }

  confirmed(member: Member, epoch: EpochId): void {
    if (!this.#closed) this.#rekeying.confirmed(member, epoch);
  }

  /** Null where the meeting ended before the epoch was in use. */
  async rekey(reason: 'operator' | 'compromise'): Promise<RekeyReceipt | null> {
    if (reason === 'compromise') await this.#custody.admissionsKnown();
    return await this.#rekeying.rekey(reason);
  }

  /** Media go on under the epochs that participants hold. */
  custodianLost(): void {
    if (!this.#closed) this.#rekeying.custodianLost();
  }

  /** Goes on with the next one: the same incarnation, in which everybody is admitted anew. */
  async custodianBack(): Promise<void> {
    if (this.#closed) return;
    try {
      const goesOn = await this.#custody.goOn(this.#rekeying.continuation);
      if (goesOn && !this.#closed) this.#rekeying.custodianBack();
    } catch (thrown) {
      const error = toLatchkeyError(thrown);
      this.#log.error({ event: 'meeting.not_reopened', err: error }, 'the new custodian does not go on');
      this.close('failed', error.code);
    }
  }

  // The end

  /** Ends the meeting for everybody: cut, tell, wipe. */
  close(reason: EndReason, code?: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.audience.close();
    const members = this.members;
    this.#members.clear();
    this.senders.report();
    this.#room.close();
    for (const member of members) {
      if (member.away !== null) clearTimeout(member.away);
      member.outlet.end(reason, code);
    }
    this.#rekeying.close();
    this.#attendance.over(this.#custody.incarnation, { reason, code, participants: members.length });
    void this.#custody.conclude(this.#ledger, reason);
    this.#onEmpty();
  }

  #endIfEmpty(): void {
    if (this.#members.size === 0 && this.#joining === 0) this.close('meetingEnded');
  }
}
