// One participant's transports, producers and consumers. Two gates stand before media, both closed at first:
//   released  producers are paused by the server until their sender confirmed the active epoch;
//   started   consumers are resumed only when their owner's first epoch is active and it holds the key.

import { UnsupportedError } from 'mediasoup/errors';
import type {
  Consumer,
  DtlsParameters,
  Producer,
  Router,
  RtpCapabilities,
  RtpParameters,
  WebRtcServer,
  WebRtcTransport,
} from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import { maxStreams } from '../protocol/names.ts';
import type { MediaKind, Source } from '../protocol/names.ts';
import { assertSealable } from './codecs.ts';
import { assertStrongFingerprints, isStrong } from './fingerprints.ts';

export interface MediaLimits {
  /** Bits a second that one participant may send; asked of it by REMB or transport-cc. */
  readonly maxIncomingBitrate: number;
  /** Bits a second assumed for a receiver before its bandwidth is known. */
  readonly initialOutgoingBitrate: number;
  /** At most one key-frame request to a sender in this time, in milliseconds: tames storms. */
  readonly keyFrameRequestDelayMs: number;
}

export interface ProduceAsk {
  readonly transportId: string;
  readonly kind: MediaKind;
  readonly source: Source;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
  readonly stream: number;
}

interface Surroundings {
  readonly participantId: string;
  readonly limits: MediaLimits;
  readonly router: Router;
  readonly server: WebRtcServer;
  readonly findProducer: (producerId: string) => Producer | undefined;
  readonly onProducer: (producer: Producer) => void;
  readonly onClose: () => void;
}

/** mediasoup answers bad parameters by TypeError or UnsupportedError: the peer's mistake, not ours. */
const peerError = (thrown: unknown): unknown =>
  thrown instanceof TypeError || thrown instanceof UnsupportedError || thrown instanceof RangeError
    ? new LatchkeyError('malformed', 'the media parameters cannot be used', { cause: thrown })
    : thrown;

const asPeerError = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (thrown) {
    throw peerError(thrown);
  }
};

export class ParticipantMedia {
  readonly #at: Surroundings;
  #transports: { send: WebRtcTransport | null; receive: WebRtcTransport } | null = null;
  #opening = false;
  /** By transport; from the first `connect` on. */
  readonly #connecting = new Map<string, Promise<void>>();
  #rtpCapabilities: RtpCapabilities | null = null;
  readonly #producers = new Map<string, Producer>();
  readonly #consumers = new Map<string, Consumer>();
  /** Streams that a producer has or is just getting. */
  readonly #streams = new Set<number>();
  /** Producers that their owner muted. */
  readonly #muted = new Set<string>();
  /** Consumers whose client is ready for them. */
  readonly #wanted = new Set<string>();
  #released = false;
  #started = false;
  #closed = false;
  /** The peer closed its transports in order (DTLS's close_notify): it is gone, whatever its socket does. */
  onClosedByPeer: () => void = () => undefined;

  constructor(at: Surroundings) {
    this.#at = at;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get producers(): readonly Producer[] {
    return [...this.#producers.values()];
  }

  producer(producerId: string): Producer | undefined {
    return this.#producers.get(producerId);
  }

  isMuted(producerId: string): boolean {
    return this.#muted.has(producerId);
  }

  /** Asked again by who lost the answer with its connection, it answers the same. @throws LatchkeyError `malformed` while it is being opened. */
  async open(
    rtpCapabilities: RtpCapabilities,
    mayProduce: boolean,
  ): Promise<{ send: WebRtcTransport | null; receive: WebRtcTransport }> {
    if (this.#transports !== null) return this.#transports;
    if (this.#opening) throw new LatchkeyError('malformed', 'media are already open');
    this.#opening = true;
    this.#rtpCapabilities = rtpCapabilities;
    const send = mayProduce ? await this.#createTransport() : null;
    const receive = await this.#createTransport();
    this.#transports = { send, receive };
    if (send !== null) await send.setMaxIncomingBitrate(this.#at.limits.maxIncomingBitrate);
    this.#assertOpen();
    return this.#transports;
  }

  /** Asked again by who lost the answer with its connection, it does nothing more. */
  async connect(transportId: string, dtlsParameters: DtlsParameters): Promise<void> {
    assertStrongFingerprints(dtlsParameters.fingerprints);
    const transport = this.#transport(transportId);
    const connecting =
      this.#connecting.get(transportId) ?? asPeerError(transport.connect({ dtlsParameters }));
    this.#connecting.set(transportId, connecting);
    try {
      await connecting;
    } catch (thrown) {
      this.#connecting.delete(transportId);
      throw thrown;
    }
  }

  async produce(ask: ProduceAsk): Promise<Producer> {
    assertSealable(ask.kind, ask.rtpParameters);
    const send = this.#transports?.send;
    if (send === null) throw new LatchkeyError('forbidden');
    if (send === undefined || send.id !== ask.transportId) throw new LatchkeyError('transport_not_found');
    if (this.#streams.size >= maxStreams) throw new LatchkeyError('too_many_streams');
    if (this.#streams.has(ask.stream)) throw new LatchkeyError('malformed', `stream ${ask.stream} is in use`);
    this.#streams.add(ask.stream);
    try {
      return await this.#produceOn(send, ask);
    } catch (thrown) {
      this.#streams.delete(ask.stream);
      throw peerError(thrown);
    }
  }

  async #produceOn(send: WebRtcTransport, ask: ProduceAsk): Promise<Producer> {
    const producer = await send.produce({
      kind: ask.kind,
      rtpParameters: ask.rtpParameters,
      paused: ask.paused || !this.#released,
      keyFrameRequestDelay: this.#at.limits.keyFrameRequestDelayMs,
      appData: { participantId: this.#at.participantId, source: ask.source, stream: ask.stream },
    });
    this.#producers.set(producer.id, producer);
    if (ask.paused) this.#muted.add(producer.id);
    producer.observer.once('close', () => {
      this.#producers.delete(producer.id);
      this.#muted.delete(producer.id);
      this.#streams.delete(ask.stream);
    });
    this.#assertOpen();
    // The gate may have moved while the worker was asked.
    await this.#applyProducer(producer);
    this.#at.onProducer(producer);
    return producer;
  }

  closeProducer(producerId: string): void {
    this.#ownProducer(producerId).close();
  }

  async setMuted(producerId: string, muted: boolean): Promise<void> {
    const producer = this.#ownProducer(producerId);
    if (muted) this.#muted.add(producerId);
    else this.#muted.delete(producerId);
    await this.#applyProducer(producer);
  }

  async consume(producerId: string): Promise<{ consumer: Consumer; producer: Producer }> {
    const receive = this.#transports?.receive;
    if (receive === undefined || this.#rtpCapabilities === null)
      throw new LatchkeyError('transport_not_found', 'open media first');
    const producer = this.#at.findProducer(producerId);
    if (producer === undefined || producer.appData['participantId'] === this.#at.participantId) {
      throw new LatchkeyError('producer_not_found');
    }
    for (const consumer of this.#consumers.values()) {
      if (consumer.producerId === producerId) throw new LatchkeyError('malformed', 'already consumed');
    }
    const consumer = await this.#consumeOn(receive, producerId, this.#rtpCapabilities);
    this.#consumers.set(consumer.id, consumer);
    consumer.observer.once('close', () => {
      this.#consumers.delete(consumer.id);
      this.#wanted.delete(consumer.id);
    });
    this.#assertOpen();
    return { consumer, producer };
  }

  async #consumeOn(
    receive: WebRtcTransport,
    producerId: string,
    rtpCapabilities: RtpCapabilities,
  ): Promise<Consumer> {
    try {
      if (!this.#at.router.canConsume({ producerId, rtpCapabilities }))
        throw new LatchkeyError('media_unsupported');
      return await receive.consume({ producerId, rtpCapabilities, paused: true });
    } catch (thrown) {
      // Gone while it was asked for: benign.
      if (this.#at.findProducer(producerId) === undefined) throw new LatchkeyError('producer_not_found');
      throw peerError(thrown);
    }
  }

  async resumeConsumer(consumerId: string): Promise<void> {
    const consumer = this.#ownConsumer(consumerId);
    this.#wanted.add(consumerId);
    if (this.#started) await this.#whileOpen(consumer, consumer.resume());
  }

  /** A producer may end, and its consumers with it, while the worker is asked: benign. */
  async #whileOpen(consumer: Consumer, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (cause) {
      const gone = consumer.closed || this.#at.findProducer(consumer.producerId) === undefined;
      throw gone ? new LatchkeyError('consumer_not_found', undefined, { cause }) : cause;
    }
  }

  closeConsumer(consumerId: string): void {
    this.#ownConsumer(consumerId).close();
  }

  async requestKeyFrame(consumerId: string): Promise<void> {
    const consumer = this.#ownConsumer(consumerId);
    if (consumer.kind === 'video' && !consumer.paused)
      await this.#whileOpen(consumer, consumer.requestKeyFrame());
  }

  async setPreferredLayers(consumerId: string, spatialLayer: number): Promise<void> {
    const consumer = this.#ownConsumer(consumerId);
    if (consumer.type === 'simulcast')
      await this.#whileOpen(consumer, asPeerError(consumer.setPreferredLayers({ spatialLayer })));
  }

  /**
   * What a participant that lost its connection does not know of is closed; answered is what it knows of and is here no more.
   */
  reconcile(
    producers: readonly string[],
    consumers: readonly string[],
  ): { producers: string[]; consumers: string[] } {
    const known = new Set([...producers, ...consumers]);
    for (const [id, producer] of this.#producers) if (!known.has(id)) producer.close();
    for (const [id, consumer] of this.#consumers) if (!known.has(id)) consumer.close();
    return {
      producers: producers.filter((id) => !this.#producers.has(id)),
      consumers: consumers.filter((id) => !this.#consumers.has(id)),
    };
  }

  /** Its first epoch is active and it holds the key: what it asked for may flow. */
  async start(): Promise<void> {
    if (this.#started || this.#closed) return;
    this.#started = true;
    const wanted = [...this.#consumers.values()].filter(({ id }) => this.#wanted.has(id));
    await this.#settle(wanted.map((consumer) => consumer.resume()));
  }

  /** Its producers, and those it will make, may run, but for what it muted itself. */
  release(): Promise<void> {
    return this.#setReleased(true);
  }

  /** Pauses all its producers, and those it will make, until the next `release`. */
  hold(): Promise<void> {
    return this.#setReleased(false);
  }

  async #setReleased(released: boolean): Promise<void> {
    this.#released = released;
    await this.#settle([...this.#producers.values()].map((producer) => this.#applyProducer(producer)));
  }

  /** Cuts everything at once; the order in which the worker hears of it is that of the calls. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transports?.send?.close();
    this.#transports?.receive.close();
    this.#at.onClose();
  }

  /** Asks until the worker's answer is what is wanted by then: gates may move while it is asked. */
  async #applyProducer(producer: Producer): Promise<void> {
    while (!producer.closed) {
      const paused = !this.#released || this.#muted.has(producer.id);
      if (paused === producer.paused) return;
      await (paused ? producer.pause() : producer.resume());
    }
  }

  /** What fails because this participant or the stream just went is no failure. */
  async #settle(work: Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(work)) {
      if (result.status === 'rejected' && !this.#closed) throw result.reason;
    }
  }

  async #createTransport(): Promise<WebRtcTransport> {
    const transport = await this.#at.router.createWebRtcTransport({
      webRtcServer: this.#at.server,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      initialAvailableOutgoingBitrate: this.#at.limits.initialOutgoingBitrate,
    });
    if (this.#closed) {
      transport.close();
      throw new LatchkeyError('closed');
    }
    transport.on('dtlsstatechange', (state) => {
      if (state === 'closed' && !this.#closed) this.onClosedByPeer();
    });
    return transport;
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    this.#transports?.send?.close();
    this.#transports?.receive.close();
    throw new LatchkeyError('closed');
  }

  #transport(transportId: string): WebRtcTransport {
    const { send, receive } = this.#transports ?? {};
    if (send?.id === transportId) return send;
    if (receive?.id === transportId) return receive;
    throw new LatchkeyError('transport_not_found');
  }

  #ownProducer(producerId: string): Producer {
    const producer = this.#producers.get(producerId);
    if (producer === undefined) throw new LatchkeyError('producer_not_found');
    return producer;
  }

  #ownConsumer(consumerId: string): Consumer {
    const consumer = this.#consumers.get(consumerId);
    if (consumer === undefined) throw new LatchkeyError('consumer_not_found');
    return consumer;
  }
}

/** Offers sha-256 and stronger only. */
export const describeTransport = (transport: WebRtcTransport) => ({
  id: transport.id,
  iceParameters: transport.iceParameters,
  iceCandidates: transport.iceCandidates,
  dtlsParameters: {
    role: transport.dtlsParameters.role ?? ('auto' as const),
    fingerprints: transport.dtlsParameters.fingerprints.filter(isStrong),
  },
});
