// A running meeting, from its first participant to its last: roster, media and rekeys, driven by one loop. It carries the
// custodian's messages and never sees a key. When nobody is left it ends and its keys with it; the meeting's id may run again,
// as another incarnation.

import type { Producer, RtpCapabilities } from 'mediasoup/types';
import type { Logger } from 'pino';
import type { Custodian } from '../custodian/custodian.ts';
import { describeTransport } from '../media/participantMedia.ts';
import type { ProduceAsk } from '../media/participantMedia.ts';
import { MediaRoom } from '../media/room.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { mayProduce } from '../protocol/names.ts';
import type { DepartureCause, EndReason, EpochId, Role, Source } from '../protocol/names.ts';
import type { Answer, Producer as ProducerNotice, NoticeData, ServerNotice } from '../protocol/signaling.ts';
import { newParticipantId } from './identifiers.ts';
import { describeMember, encodeNotice } from './member.ts';
import type { Member, Outlet } from './member.ts';
import { Rekeying } from './rekeying.ts';
import type { RekeyCounts } from './rekeying.ts';
import type { MeetingContext, MeetingDescription } from './meetingContext.ts';

export interface JoinRequest {
  readonly name: string;
  readonly role: Role;
  readonly tokenId: string;
  readonly publicKey: Uint8Array;
  readonly outlet: Outlet;
}

export class Incarnation {
  readonly #meeting: MeetingDescription;
  readonly #context: MeetingContext;
  readonly #custodian: Custodian;
  readonly #room: MediaRoom;
  readonly #rekeying: Rekeying;
  readonly #members = new Map<string, Member>();
  readonly #log: Logger;
  readonly #onEmpty: () => void;
  /** Joins that are at the custodian: not members yet, but reason enough to go on. */
  #joining = 0;
  #closed = false;

  private constructor(
    meeting: MeetingDescription,
    context: MeetingContext,
    room: MediaRoom,
    onEmpty: () => void,
  ) {
    this.#meeting = meeting;
    this.#context = context;
    this.#custodian = context.custodian();
    this.#room = room;
    this.#onEmpty = onEmpty;
    this.#log = context.log.child({ meeting: meeting.id });
    this.#rekeying = new Rekeying({
      meeting: meeting.id,
      custodian: this.#custodian,
      context,
      log: this.#log,
      members: this.#members,
      onFailed: (code) => this.close('failed', code),
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
    });
    started = new Incarnation(meeting, context, room, onEmpty);
    try {
      await started.#custodian.openMeeting({ meeting: meeting.id, joinPolicy: 'every', freshForMs: 0 });
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

  /** Admits: the member is in nobody's roster until `enter`. */
  async join(request: JoinRequest): Promise<Member> {
    this.#joining++;
    try {
      const participantId = newParticipantId();
      const { name, role, tokenId, publicKey, outlet } = request;
      const admitted = await this.#custodian.admit({
        meeting: this.#meeting.id,
        participant: participantId,
        role,
        tokenId,
        publicKey,
      });
      if (this.#closed) throw new LatchkeyError('meeting_ended');
      const media = this.#room.addParticipant(participantId);
      const member: Member = {
        participantId,
        name,
        role,
        tokenId,
        outlet,
        media,
        lease: admitted.lease,
        admission: admitted.admission,
        entered: false,
        keyed: false,
      };
      this.#members.set(participantId, member);
      return member;
    } finally {
      this.#joining--;
      this.#endIfEmpty();
    }
  }

  describeFor(member: Member): Omit<Answer<'join'>, 'protocol' | 'keying' | 'timers'> {
    const others = this.members.filter((other) => other !== member && other.entered);
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
      participants: others.map((other) => describeMember(other)),
      producers: others.flatMap((other) =>
        other.media.producers.map((producer) => describeProducer(other, producer)),
      ),
    };
  }

  /** The join was answered: from now on it is told what happens, and a rekey gives it its first epoch. */
  enter(member: Member): void {
    if (this.#closed || member.media.closed) return;
    member.entered = true;
    this.broadcast('participantJoined', describeMember(member), member);
    this.#log.info(
      {
        event: 'participant.joined',
        participant: member.participantId,
        role: member.role,
        lease: member.lease,
      },
      'participant joined',
    );
    this.#rekeying.join(member);
  }

  /** Cuts first, then rekeys. Benign where the participant already went. */
  depart(member: Member, cause: DepartureCause): void {
    if (this.#members.get(member.participantId) !== member) return;
    member.media.close();
    this.#members.delete(member.participantId);
    if (cause === 'evicted') member.outlet.end('evicted');
    else if (cause === 'left') member.outlet.end('left');
    if (this.#closed) return;
    if (member.entered) {
      this.broadcast('participantLeft', { participantId: member.participantId, cause });
      this.#context.events.departed(cause);
      this.#log.info(
        { event: 'participant.left', participant: member.participantId, cause },
        'participant left',
      );
    }
    this.#rekeying.depart(member, cause);
    this.#endIfEmpty();
  }

  async openMedia(member: Member, rtpCapabilities: RtpCapabilities): Promise<Answer<'openMedia'>> {
    const { send, receive } = await member.media.open(rtpCapabilities, mayProduce(member.role));
    const signed = async (transport: typeof receive) => {
      const described = describeTransport(transport);
      const signature = await this.#custodian.signTransport({
        meeting: this.#meeting.id,
        participant: member.participantId,
        transport: described.id,
        fingerprints: described.dtlsParameters.fingerprints,
      });
      return { ...described, signature: toBase64Url(signature) };
    };
    return { send: send === null ? null : await signed(send), receive: await signed(receive) };
  }

  async produce(member: Member, ask: ProduceAsk): Promise<Answer<'produce'>> {
    const producer = await member.media.produce(ask);
    producer.observer.once('close', () => this.#producerClosed(member, producer.id));
    this.#rekeying.sends(member, true);
    this.broadcast('producerAdded', describeProducer(member, producer), member);
    return { producerId: producer.id };
  }

  closeProducer(member: Member, producerId: string): void {
    member.media.closeProducer(producerId);
  }

  async setMuted(member: Member, producerId: string, paused: boolean): Promise<void> {
    await member.media.setMuted(producerId, paused);
    this.broadcast('producerChanged', { producerId, participantId: member.participantId, paused }, member);
  }

  async consume(member: Member, producerId: string): Promise<Answer<'consume'>> {
    const { consumer, producer } = await member.media.consume(producerId);
    const owner = this.#members.get(String(producer.appData['participantId']));
    if (owner === undefined || producer.closed) throw new LatchkeyError('producer_not_found');
    return {
      consumerId: consumer.id,
      producerId,
      kind: consumer.kind,
      rtpParameters: { ...consumer.rtpParameters },
      lease: owner.lease,
      stream: streamOf(producer),
      producerPaused: owner.media.isMuted(producerId),
    };
  }

  acknowledged(member: Member, epoch: EpochId, fingerprint: string): void {
    const bytes = fromBase64Url(fingerprint);
    if (bytes !== null && !this.#closed) this.#rekeying.acknowledged(member, epoch, bytes);
  }

  confirmed(member: Member, epoch: EpochId): void {
    if (!this.#closed) this.#rekeying.confirmed(member, epoch);
  }

  broadcast<N extends ServerNotice>(notice: N, data: NoticeData<N>, except?: Member): void {
    if (this.#closed) return;
    const text = encodeNotice(notice, data);
    for (const member of this.#members.values()) {
      if (member !== except && member.entered) member.outlet.sendText(text);
    }
  }

  /** Ends the meeting for everybody: cut, tell, wipe. */
  close(reason: EndReason, code?: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rekeying.close();
    const members = this.members;
    this.#members.clear();
    this.#room.close();
    for (const member of members) member.outlet.end(reason, code);
    this.#log.info(
      { event: 'meeting.stopped', reason, code, participants: members.length },
      'meeting stopped',
    );
    this.#custodian
      .closeMeeting({ meeting: this.#meeting.id, ledger: { lines: 0, hash: new Uint8Array(32) } })
      .catch((thrown: unknown) => {
        // Lost custodians hold nothing any more.
        this.#log.warn(
          { event: 'custodian.close_failed', err: thrown },
          'the custodian did not close the meeting',
        );
      });
    this.#onEmpty();
  }

  #endIfEmpty(): void {
    if (this.#members.size === 0 && this.#joining === 0) this.close('meetingEnded');
  }

  #producerClosed(member: Member, producerId: string): void {
    if (this.#closed || member.media.closed) return;
    this.broadcast('producerRemoved', { producerId, participantId: member.participantId }, member);
    if (member.media.producers.length === 0) this.#rekeying.sends(member, false);
  }
}

const streamOf = (producer: Producer): number => Number(producer.appData['stream']);

const describeProducer = (member: Member, producer: Producer): ProducerNotice => ({
  producerId: producer.id,
  participantId: member.participantId,
  kind: producer.kind,
  source: producer.appData['source'] as Source,
  lease: member.lease,
  stream: streamOf(producer),
  paused: member.media.isMuted(producer.id),
});
