// What participants of a running meeting send and receive, as they ask for it: every stream with the lease and stream that its frames must
// carry, every transport with a signature over its fingerprints.

import type { Producer, RtpCapabilities } from 'mediasoup/types';
import type { Custodian } from '../custodian/custodian.ts';
import { describeTransport } from '../media/participantTransports.ts';
import type { ProduceAsk } from '../media/participantMedia.ts';
import { toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { mayProduce } from '../protocol/names.ts';
import type { Source } from '../protocol/names.ts';
import type { Answer, Producer as ProducerNotice } from '../protocol/signaling.ts';
import type { Member } from './member.ts';
import type { RosterFeed } from './rosterFeed.ts';

interface Surroundings {
  readonly meeting: string;
  readonly custodian: () => Custodian;
  readonly members: ReadonlyMap<string, Member>;
  readonly roster: Pick<RosterFeed, 'producerChanged' | 'producerRemoved'>;
  /** Participants that send at a time. */
  readonly mostOnStage: number;
  /** It made a producer, or closed its last. */
  readonly onSends: (member: Member, sends: boolean) => void;
}

export class MeetingMedia {
  readonly #at: Surroundings;
  /** Who sends, or is about to. */
  readonly #onStage = new Set<Member>();

  constructor(at: Surroundings) {
    this.#at = at;
  }

  async open(member: Member, rtpCapabilities: RtpCapabilities): Promise<Answer<'openMedia'>> {
    const { send, receive } = await member.media.open(rtpCapabilities, mayProduce(member.role));
    // Else that worker died too, and it is told of that.
    if (!receive.closed) member.mediaLost = null;
    // It may have been lowered to the audience meanwhile.
    if (!mayProduce(member.role)) member.media.closeSend();
    const signed = async (transport: typeof receive) => {
      const described = describeTransport(transport);
      const signature = await this.#at.custodian().signTransport({
        meeting: this.#at.meeting,
        participant: member.participantId,
        transport: described.id,
        fingerprints: described.dtlsParameters.fingerprints,
      });
      return { ...described, signature: toBase64Url(signature) };
    };
    const opened = send === null || send.closed ? null : await signed(send);
    return { send: opened, receive: await signed(receive) };
  }

  /** @throws LatchkeyError `forbidden` for viewers, `stage_full`, and as `ParticipantMedia.produce`. */
  async produce(member: Member, ask: ProduceAsk): Promise<Answer<'produce'>> {
    assertMayProduce(member);
    this.#enterStage(member);
    try {
      const producer = await member.media.produce(ask);
      if (!mayProduce(member.role)) producer.close();
      assertMayProduce(member);
      producer.observer.once('close', () => this.#closed(member, producer.id));
      this.#at.onSends(member, true);
      this.#at.roster.producerChanged(member, producer.id);
      return { producerId: producer.id };
    } catch (thrown) {
      this.#leaveStage(member);
      throw thrown;
    }
  }

  async setMuted(member: Member, producerId: string, paused: boolean): Promise<void> {
    await member.media.setMuted(producerId, paused);
    this.#at.roster.producerChanged(member, producerId);
  }

  /** It is not here any more. */
  departed(member: Member): void {
    this.#onStage.delete(member);
  }

  async consume(member: Member, producerId: string): Promise<Answer<'consume'>> {
    const { consumer, producer } = await member.media.consume(producerId);
    const owner = this.#at.members.get(String(producer.appData['participantId']));
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

  /** Also of one whom the worker closed, or that was reconciled away. */
  #closed(member: Member, producerId: string): void {
    if (this.#at.members.get(member.participantId) !== member || member.media.closed) return;
    this.#at.roster.producerRemoved(member, producerId);
    this.#leaveStage(member);
    if (member.media.producers.length === 0) this.#at.onSends(member, false);
  }

  #enterStage(member: Member): void {
    if (!this.#onStage.has(member) && this.#onStage.size >= this.#at.mostOnStage)
      throw new LatchkeyError('stage_full');
    this.#onStage.add(member);
  }

  /** Where nothing is left that it sends. Whose worker died keeps its place: that is told in the same turn, after its producers have closed. */
  #leaveStage(member: Member): void {
    queueMicrotask(() => {
      const sends = member.media.producers.length > 0;
      if (!sends && member.mediaLost === null) this.#onStage.delete(member);
    });
  }
}

const assertMayProduce = ({ role }: Member): void => {
  if (!mayProduce(role)) throw new LatchkeyError('forbidden', 'viewers do not send');
};

const streamOf = (producer: Producer): number => Number(producer.appData['stream']);

export const describeProducer = (member: Member, producer: Producer): ProducerNotice => ({
  producerId: producer.id,
  participantId: member.participantId,
  kind: producer.kind,
  source: producer.appData['source'] as Source,
  lease: member.lease,
  stream: streamOf(producer),
  paused: member.media.isMuted(producer.id),
});
