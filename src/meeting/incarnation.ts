// A running meeting, from its first participant to its last: roster, media and rekeys, driven by one loop. It carries the
// custodian's messages and never sees a key. When nobody is left it ends and its keys with it; the meeting's id may run again,
// as another incarnation.

import type { Logger } from 'pino';
import type { SenderLease } from '../media/frameInspector.ts';
import { MediaRoom } from '../media/room.ts';
import type { ReportedViolation } from '../media/senderWatch.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { epochId } from '../protocol/names.ts';
import type { DepartureCause, EndReason, EpochId, Lease, Role } from '../protocol/names.ts';
import type { Answer, Ask, NoticeData, ServerNotice } from '../protocol/signaling.ts';
import { newParticipantId } from './identifiers.ts';
import { MeetingLedger } from './meetingLedger.ts';
import { describeProducer, MeetingMedia } from './meetingMedia.ts';
import { describeMember, encodeNotice } from './member.ts';
import type { Member, Outlet } from './member.ts';
import type { MeetingContext, MeetingDescription } from './meetingContext.ts';
import type { EvictionReceipt, RekeyReceipt } from './receipts.ts';
import { Rekeying } from './rekeying.ts';
import { Resumption } from './resumption.ts';
import type { RekeyCounts } from './rekeying.ts';

export interface JoinRequest {
  readonly name: string;
  readonly role: Role;
  readonly tokenId: string;
  readonly publicKey: Uint8Array;
  readonly outlet: Outlet;
}

export class Incarnation {
  readonly media: MeetingMedia;
  readonly #meeting: MeetingDescription;
  readonly #context: MeetingContext;
  readonly #id: Uint8Array;
  readonly #room: MediaRoom;
  readonly #ledger: MeetingLedger;
  readonly #rekeying: Rekeying;
  readonly #resumption: Resumption;
  readonly #members = new Map<string, Member>();
  readonly #log: Logger;
  readonly #onEmpty: () => void;
  /** Joins that are at the custodian: not members yet, but reason enough to go on. */
  #joining = 0;
  /** The highest that was ever given. */
  #lastLease = 0;
  /** Its custodian holds this meeting. */
  #custodian: number;
  #closed = false;
  /** Of what the watch has counted, what was told. */
  #reported = { inspected: 0, outOfOrder: 0 };

  private constructor(
    meeting: MeetingDescription,
    context: MeetingContext,
    id: Uint8Array,
    room: MediaRoom,
    onEmpty: () => void,
  ) {
    this.#meeting = meeting;
    this.#context = context;
    this.#id = id;
    this.#room = room;
    this.#onEmpty = onEmpty;
    this.#custodian = context.custodianNumber();
    this.#log = context.log.child({ meeting: meeting.id });
    this.#ledger = new MeetingLedger({
      incarnation: id,
      meeting: meeting.id,
      kind: meeting.kind,
      joinPolicy: meeting.joinPolicy,
      signingKey: context.custodian().publicKey,
      now: () => Date.now(),
      sink: context.ledgers.open(meeting.id, id),
    });
    this.#rekeying = new Rekeying({
      meeting,
      custodian: () => context.custodian(),
      context,
      log: this.#log,
      ledger: this.#ledger,
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
    this.media = new MeetingMedia({
      meeting: meeting.id,
      custodian: () => context.custodian(),
      members: this.#members,
      tell: (notice, data, except) => this.broadcast(notice, data, except),
      onSends: (member, sends) => this.#rekeying.sends(member, sends),
    });
  }

  /** `onEmpty` is called once, when the incarnation ended by itself. */
  static async start(
    meeting: MeetingDescription,
    context: MeetingContext,
    onEmpty: () => void,
  ): Promise<Incarnation> {
    let started: Incarnation | null = null;
    const room = await MediaRoom.open(context.workers, context.mediaLimits, {
      onSpeakers: (participantIds) => started?.broadcast('speakers', { participantIds }),
      onDied: () => started?.close('failed', 'worker_died'),
      watch: {
        nowMs: context.nowMs,
        tapLimit: context.tapLimit,
        whois: (participantId) => started?.whois(participantId) ?? null,
        liveEpochs: () => started?.liveEpochs ?? [],
        onViolation: (participantId, violation) => started?.refuseSender(participantId, violation),
        onFailed: (cause) => started?.watchFailed(cause),
      },
    });
    try {
      const { id, joinPolicy, timers } = meeting;
      const { incarnation } = await context
        .custodian()
        .openMeeting({ meeting: id, joinPolicy, freshForMs: timers.freshForMs });
      started = new Incarnation(meeting, context, incarnation, room, onEmpty);
    } catch (thrown) {
      room.close();
      throw thrown;
    }
    started.#log.info({ event: 'meeting.started', kind: meeting.kind }, 'meeting started');
    return started;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get size(): number {
    return this.#members.size + this.#joining;
  }

  get epoch(): EpochId | null {
    return this.#rekeying.epoch;
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
      const member: Member = {
        participantId,
        name,
        role,
        tokenId,
        outlet,
        lease,
        leases: [{ lease, from: epochId(0), until: null }],
        admission,
        custodian,
        media: this.#room.addParticipant(participantId),
        entered: false,
        keyed: false,
        acknowledged: -1,
        givenThrough: null,
        welcome: null,
        readmit: null,
        away: null,
      };
      member.media.onClosedByPeer = () => this.depart(member, 'left');
      this.#members.set(participantId, member);
      return member;
    } finally {
      this.#joining--;
      this.#endIfEmpty();
    }
  }

  /** @throws LatchkeyError also `custodian_lost`, where this meeting has not gone on with a new one yet. */
  async #admit(
    { participantId, role, tokenId }: Pick<Member, 'participantId' | 'role' | 'tokenId'>,
    publicKey: Uint8Array,
  ): Promise<{ admission: Uint8Array; lease: Lease; custodian: number }> {
    const custodian = this.#context.custodianNumber();
    if (custodian !== this.#custodian) throw new LatchkeyError('custodian_lost');
    const admitted = await this.#context
      .custodian()
      .admit({ meeting: this.#meeting.id, participant: participantId, role, tokenId, publicKey });
    this.#lastLease = Math.max(this.#lastLease, admitted.lease);
    if (this.#closed) throw new LatchkeyError('meeting_ended');
    return { ...admitted, custodian };
  }

  describeFor(member: Member): Omit<Answer<'join'>, 'protocol' | 'keying' | 'timers'> {
    return {
      meeting: {
        id: this.#meeting.id,
        kind: this.#meeting.kind,
        ...(this.#meeting.name === undefined ? {} : { name: this.#meeting.name }),
      },
      participantId: member.participantId,
      name: member.name,
      role: member.role,
      admission: toBase64Url(member.admission),
      routerRtpCapabilities: this.#room.rtpCapabilities,
      ...this.#othersFor(member),
    };
  }

  get timers(): Answer<'join'>['timers'] {
    const { receiverGraceMs, epochLifeMs, resumeWindowMs } = this.#meeting.timers;
    return { receiverGraceMs, epochLifeMs, resumeWindowMs };
  }

  #othersFor(member: Member): Pick<Answer<'join'>, 'participants' | 'producers'> {
    const others = this.members.filter((other) => other !== member && other.entered);
    return {
      participants: others.map((other) => describeMember(other)),
      producers: others.flatMap((other) =>
        other.media.producers.map((producer) => describeProducer(other, producer)),
      ),
    };
  }

  /** The join was answered: from now on it is told what happens, and a rekey gives it its first epoch. */
  enter(member: Member): void {
    if (this.#closed || member.media.closed) return;
    if (member.custodian !== this.#context.custodianNumber()) {
      // Its admission went with the custodian that gave it.
      member.outlet.end('failed', 'custodian_lost');
      this.depart(member, 'lost');
      return;
    }
    member.entered = true;
    this.broadcast('participantJoined', describeMember(member), member);
    const { participantId: participant, role, lease } = member;
    this.#log.info({ event: 'participant.joined', participant, role, lease }, 'participant joined');
    this.#rekeying.join(member);
  }

  // The watch on senders

  whois(participantId: string): { readonly leases: readonly SenderLease[] } | null {
    return this.#members.get(participantId) ?? null;
  }

  get liveEpochs(): readonly EpochId[] {
    return this.#rekeying.liveEpochs;
  }

  /** What it sent is not sealed as it must be: it is ended, and the key changed as for an eviction. */
  refuseSender(participantId: string, { kind, detail, producerId }: ReportedViolation): void {
    const member = this.#members.get(participantId);
    if (member === undefined || !this.#isHere(member)) return;
    this.#log.error(
      { event: 'sender.refused', participant: participantId, producer: producerId, kind, detail },
      'a sender broke a rule of sealing and is removed',
    );
    this.#context.events.senderRefused(kind);
    member.outlet.end('protocolError', 'sender_refused');
    this.depart(member, 'evicted');
  }

  watchFailed(cause: unknown): void {
    if (!this.#closed) this.#log.warn({ event: 'watch.failed', err: cause }, 'a sender could not be watched');
  }

  /** Counts what was inspected since it was last asked. */
  reportInspected(): void {
    const { inspected, outOfOrder } = this.#room.inspected;
    this.#context.events.inspected(
      inspected - this.#reported.inspected,
      outOfOrder - this.#reported.outOfOrder,
    );
    this.#reported = { inspected, outOfOrder };
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
  describeResumed(member: Member, ask: Ask<'resume'>): Answer<'resume'> {
    return { ...this.#othersFor(member), gone: this.#resumption.reconcile(member, ask) };
  }

  resumed(member: Member, outlet: Outlet, ask: Ask<'resume'>): void {
    this.#resumption.resume(member, outlet, ask);
  }

  /** @throws LatchkeyError `forbidden` where it was not asked to be. */
  async readmit(member: Member, publicKey: Uint8Array): Promise<Answer<'readmit'>> {
    const reason = member.readmit;
    if (reason === null) throw new LatchkeyError('forbidden', 'nobody asked for that');
    member.readmit = null;
    try {
      const { admission, lease, custodian } = await this.#admit(member, publicKey);
      if (!this.#isHere(member) || custodian !== this.#custodian) throw new LatchkeyError('closed');
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
    this.#members.delete(member.participantId);
    if (member.away !== null) clearTimeout(member.away);
    if (cause === 'evicted' || cause === 'left') member.outlet.end(cause);
    if (member.entered) {
      this.broadcast('participantLeft', { participantId: member.participantId, cause });
      this.#context.events.departed(cause);
      this.#log.info(
        { event: 'participant.left', participant: member.participantId, cause },
        'participant left',
      );
    }
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
  rekey(reason: 'operator' | 'compromise'): Promise<RekeyReceipt | null> {
    return this.#rekeying.rekey(reason);
  }

  /** Media go on under the epochs that participants hold. */
  custodianLost(): void {
    if (!this.#closed) this.#rekeying.custodianLost();
  }

  /** Goes on with the next one: the same incarnation, in which everybody is admitted anew. */
  async custodianBack(): Promise<void> {
    if (this.#closed) return;
    const { id, joinPolicy, timers } = this.#meeting;
    const number = this.#context.custodianNumber();
    try {
      await this.#context.custodian().openMeeting({
        meeting: id,
        joinPolicy,
        freshForMs: timers.freshForMs,
        continues: {
          incarnation: this.#id,
          lastLease: this.#lastLease,
          ...this.#rekeying.continuation,
        },
      });
    } catch (thrown) {
      // Lost again: the next one brings us back here.
      if (this.#context.custodianNumber() !== number) return;
      const error = toLatchkeyError(thrown);
      if (error.code === 'custodian_lost') return;
      this.#log.error({ event: 'meeting.not_reopened', err: error }, 'the new custodian does not go on');
      this.close('failed', error.code);
      return;
    }
    if (this.#closed) return;
    this.#custodian = number;
    this.#rekeying.custodianBack();
  }

  broadcast<N extends ServerNotice>(notice: N, data: NoticeData<N>, except?: Member): void {
    if (this.#closed) return;
    const text = encodeNotice(notice, data);
    for (const member of this.#members.values()) {
      if (member !== except && member.entered) member.outlet.sendText(text);
    }
  }

  // The end

  /** Ends the meeting for everybody: cut, tell, wipe. */
  close(reason: EndReason, code?: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    const members = this.members;
    this.#members.clear();
    this.reportInspected();
    this.#room.close();
    for (const member of members) {
      if (member.away !== null) clearTimeout(member.away);
      member.outlet.end(reason, code);
    }
    this.#rekeying.close();
    this.#log.info(
      { event: 'meeting.stopped', reason, code, participants: members.length },
      'meeting stopped',
    );
    void this.#wipe(reason);
    this.#onEmpty();
  }

  async #wipe(reason: EndReason): Promise<void> {
    const ledger = this.#ledger.end(reason);
    let signature: Uint8Array | null = null;
    try {
      signature = await this.#context.custodian().closeMeeting({ meeting: this.#meeting.id, ledger });
    } catch (thrown) {
      // Lost custodians hold nothing any more, and sign nothing.
      this.#log.warn(
        { event: 'custodian.close_failed', err: thrown },
        'the custodian did not close the meeting',
      );
    }
    this.#ledger.close(signature);
  }

  #endIfEmpty(): void {
    if (this.#members.size === 0 && this.#joining === 0) this.close('meetingEnded');
  }
}
