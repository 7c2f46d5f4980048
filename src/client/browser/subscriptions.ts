// What this participant receives: every producer of everybody. A consumer starts paused at the server and is resumed once its
// receiver has its opening transform. It outlives lost connections, and new admissions of whoever sends; one that the server lost
// meanwhile is made anew.

import type { RtpParameters } from 'mediasoup-client/types';
import type { types } from 'mediasoup-client';
import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import { lease, streamId } from '../../protocol/names.ts';
import type { Answer, Producer } from '../../protocol/signaling.ts';
import type { Session } from '../session/session.ts';
import type { RemoteTrack } from './api.ts';
import { codecOf, mimeTypeOf } from './encodings.ts';
import type { AttachedFrames, SFrameThread } from './sframeThread.ts';
import type { MediaTransport } from './transport.ts';

interface Subscription {
  readonly producer: Producer;
  ended: boolean;
  /** As the server names it, from its answer on. */
  consumerId: string | null;
  consumer: types.Consumer | null;
  attached: AttachedFrames | null;
  remote: RemoteTrack | null;
}

export interface SubscriptionEnds {
  readonly onTrack: (remote: RemoteTrack) => void;
  readonly onTrackEnded: (remote: RemoteTrack) => void;
  readonly onFailed: (error: LatchkeyError) => void;
}

export class Subscriptions {
  readonly #session: Session;
  readonly #thread: SFrameThread;
  readonly #transport: MediaTransport;
  readonly #ends: SubscriptionEnds;
  /** By producer. */
  readonly #subscriptions = new Map<string, Subscription>();
  #closed = false;

  constructor(session: Session, thread: SFrameThread, transport: MediaTransport, ends: SubscriptionEnds) {
    this.#session = session;
    this.#thread = thread;
    this.#transport = transport;
    this.#ends = ends;
    session.on('producerAdded', (producer) => this.#add(producer));
    session.on('producerRemoved', ({ producerId }) => this.#remove(producerId));
    session.on('gone', ({ consumers }) => {
      for (const { consumerId, producerId } of consumers) this.#consumeAgain(consumerId, producerId);
    });
    session.on('recovered', (origin) => this.#requestKeyFrame(origin));
    for (const producer of session.roster.producers) this.#add(producer);
  }

  get tracks(): readonly RemoteTrack[] {
    return [...this.#subscriptions.values()].flatMap(({ remote }) => remote ?? []);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const producerId of this.#subscriptions.keys()) this.#remove(producerId);
  }

  #add(producer: Producer): void {
    if (this.#closed) return;
    const subscription: Subscription = {
      producer,
      ended: false,
      consumerId: null,
      consumer: null,
      attached: null,
      remote: null,
    };
    this.#subscriptions.set(producer.producerId, subscription);
    this.#subscribe(subscription).catch((thrown: unknown) => {
      // Gone while it was asked for, or we are: nothing is missing.
      if (subscription.ended || this.#session.ended) return;
      this.#remove(producer.producerId);
      const error = toLatchkeyError(thrown);
      if (error.code !== 'producer_not_found') this.#ends.onFailed(error);
    });
  }

  async #subscribe(subscription: Subscription): Promise<void> {
    const { producerId } = subscription.producer;
    const answer = await this.#session.request('consume', { producerId });
    subscription.consumerId = answer.consumerId;
    if (subscription.ended) return;
    this.#assertAsAnnounced(answer, subscription.producer);
    const { consumer, attached } = await this.#consume(answer, subscription.producer);
    if (subscription.ended) {
      consumer.close();
      attached.detach();
      return;
    }
    subscription.consumer = consumer;
    subscription.attached = attached;
    await this.#session.request('resumeConsumer', { consumerId: consumer.id });
    if (subscription.ended) return;
    const { participantId, kind, source } = subscription.producer;
    subscription.remote = { participantId, kind, source, track: consumer.track };
    this.#ends.onTrack(subscription.remote);
  }

  async #consume(
    answer: Answer<'consume'>,
    { participantId, source }: Producer,
  ): Promise<{ consumer: types.Consumer; attached: AttachedFrames }> {
    const { consumerId, producerId, kind, rtpParameters } = answer;
    const attached: AttachedFrames[] = [];
    const origin = { lease: lease(answer.lease), stream: streamId(answer.stream) };
    try {
      const consumer = await this.#transport.consume({
        id: consumerId,
        producerId,
        kind,
        rtpParameters: rtpParameters as RtpParameters,
        streamId: `${participantId}-${source === 'microphone' || source === 'camera' ? 'person' : 'screen'}`,
        onRtpReceiver: (receiver) => attached.push(this.#thread.open(receiver, origin, codecOf[kind])),
      });
      const [path] = attached;
      if (path === undefined) throw new LatchkeyError('internal', 'the receiver could not be attached');
      return { consumer, attached: path };
    } catch (thrown) {
      for (const path of attached) path.detach();
      throw thrown;
    }
  }

  #remove(producerId: string): void {
    const subscription = this.#subscriptions.get(producerId);
    if (subscription === undefined) return;
    this.#subscriptions.delete(producerId);
    subscription.ended = true;
    subscription.consumer?.close();
    subscription.attached?.detach();
    if (subscription.remote !== null) this.#ends.onTrackEnded(subscription.remote);
  }

  #consumeAgain(consumerId: string, producerId: string): void {
    if (this.#subscriptions.get(producerId)?.consumerId !== consumerId) return;
    this.#remove(producerId);
    const producer = this.#session.roster.producer(producerId);
    if (producer !== undefined) this.#add(producer);
  }

  #requestKeyFrame(origin: { readonly lease: number; readonly stream: number }): void {
    for (const { producer, consumer } of this.#subscriptions.values()) {
      const { participantId, stream } = producer;
      const sends = stream === origin.stream && this.#session.roster.carries(participantId, origin.lease);
      if (consumer === null || !sends) continue;
      this.#session.request('requestKeyFrame', { consumerId: consumer.id }).catch((thrown: unknown) => {
        // The consumer may have just gone; else frames come with the next key frame that somebody asks for.
        if (!(thrown instanceof LatchkeyError)) throw thrown;
      });
    }
  }

  /** What is consumed must be what was announced, in the one codec whose frames can be opened. */
  #assertAsAnnounced(answer: Answer<'consume'>, { participantId, kind, stream }: Producer): void {
    const ours = this.#session.roster.carries(participantId, answer.lease);
    if (answer.kind !== kind || answer.stream !== stream || !ours) {
      throw new LatchkeyError('malformed', 'the server sends another stream than it announced');
    }
    const { codecs } = answer.rtpParameters as Partial<RtpParameters>;
    if (codecs?.[0]?.mimeType.toLowerCase() !== mimeTypeOf[kind]) throw new LatchkeyError('codec_refused');
  }
}
