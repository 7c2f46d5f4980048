// What participants of a running meeting send and receive, as they ask for it: every stream with the lease and stream that its frames must
// carry, every transport with a signature over its fingerprints.

import type { Producer, RtpCapabilities } from 'mediasoup/types';
import type { Custodian } from '../custodian/custodian.ts';
import { describeTransport } from '../media/participantMedia.ts';
import type { ProduceAsk } from '../media/participantMedia.ts';
import { toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { mayProduce } from '../protocol/names.ts';
import type { Source } from '../protocol/names.ts';
import type { Answer, NoticeData, Producer as ProducerNotice } from '../protocol/signaling.ts';
import type { Member } from './member.ts';

type Told = 'producerAdded' | 'producerChanged' | 'producerRemoved';

interface Surroundings {
  readonly meeting: string;
  readonly custodian: () => Custodian;
  readonly members: ReadonlyMap<string, Member>;
  readonly tell: <N extends Told>(notice: N, data: NoticeData<N>, except: Member) => void;
  /** It made a producer, or closed its last. */
  readonly onSends: (member: Member, sends: boolean) => void;
}

export class MeetingMedia {
  readonly #at: Surroundings;

  constructor(at: Surroundings) {
    this.#at = at;
  }

  async open(member: Member, rtpCapabilities: RtpCapabilities): Promise<Answer<'openMedia'>> {
    const { send, receive } = await member.media.open(rtpCapabilities, mayProduce(member.role));
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
    return { send: send === null ? null : await signed(send), receive: await signed(receive) };
  }

  async produce(member: Member, ask: ProduceAsk): Promise<Answer<'produce'>> {
    const producer = await member.media.produce(ask);
    producer.observer.once('close', () => this.#closed(member, producer.id));
    this.#at.onSends(member, true);
    this.#at.tell('producerAdded', describeProducer(member, producer), member);
    return { producerId: producer.id };
  }

  async setMuted(member: Member, producerId: string, paused: boolean): Promise<void> {
    await member.media.setMuted(producerId, paused);
    this.#at.tell('producerChanged', { producerId, participantId: member.participantId, paused }, member);
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
    this.#at.tell('producerRemoved', { producerId, participantId: member.participantId }, member);
    if (member.media.producers.length === 0) this.#at.onSends(member, false);
  }
}

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
