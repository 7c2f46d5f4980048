// One participant's transports and producers; what it receives is participantConsumers.ts. All of it is at home on one worker; when that dies the
// participant is left without transports and may `open` them again, on another. Two gates stand before media, both closed at first, and
// outlive that:
//   released  producers are paused by the server until their sender confirmed the active epoch;
//   started   consumers are resumed only when their owner's first epoch is active and it holds the key.

import type {
  Consumer,
  DtlsParameters,
  IceParameters,
  Producer,
  Router,
  RtpCapabilities,
  RtpParameters,
  WebRtcTransport,
} from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import { maxStreams } from '../protocol/names.ts';
import type { MediaKind, Source } from '../protocol/names.ts';
import { assertSealable } from './codecs.ts';
import { ParticipantConsumers } from './participantConsumers.ts';
import type { ConsumerSurroundings } from './participantConsumers.ts';
import { ParticipantTransports } from './participantTransports.ts';
import type { Home, TransportLimits, Transports, TransportSurroundings } from './participantTransports.ts';
import { peerError } from './peerError.ts';

export interface MediaLimits extends TransportLimits {
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

export interface MediaSurroundings
  extends ConsumerSurroundings, Omit<TransportSurroundings, 'onClosedByPeer' | 'onConnected'> {
  readonly limits: MediaLimits;
  readonly onMuted: (producerId: string, muted: boolean) => void;
  readonly onClose: () => void;
}

export class ParticipantMedia {
  readonly #at: MediaSurroundings;
  readonly #consumers: ParticipantConsumers;
  readonly #transports: ParticipantTransports;
  #rtpCapabilities: RtpCapabilities | null = null;
  readonly #producers = new Map<string, Producer>();
  /** Streams that a producer has or is just getting. */
  readonly #streams = new Set<number>();
  /** Producers that their owner muted. */
  readonly #muted = new Set<string>();
  #released = false;
  #closed = false;
  /** The peer closed its transports in order (DTLS's close_notify): it is gone, whatever its socket does. */
  onClosedByPeer: () => void = () => undefined;

  /** The first of its transports has ended its handshake; once. */
  onConnected: () => void = () => undefined;
  #connected = false;

  constructor(at: MediaSurroundings) {
    this.#at = at;
    this.#consumers = new ParticipantConsumers(at);
    this.#transports = new ParticipantTransports({
      ...at,
      onClosedByPeer: () => this.onClosedByPeer(),
      onConnected: () => {
        if (!this.#connected) this.onConnected();
        this.#connected = true;
      },
    });
  }

  get participantId(): string {
    return this.#at.participantId;
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

  /**
   * Asked again it answers the same, for who lost the answer with its connection, and makes what is missing: the send transport of who was
   * raised to the stage, all of it where the worker died.
   * @throws LatchkeyError `worker_died` where there is no worker for long.
   */
  async open(rtpCapabilities: RtpCapabilities, mayProduce: boolean): Promise<Transports> {
    this.#rtpCapabilities ??= rtpCapabilities;
    return await this.#transports.open(mayProduce);
  }

  /** Finds it a home, where it has none: `open` will need no time for that. */
  settle(): Promise<Home> {
    return this.#transports.settle();
  }

  /** Lowered to the audience: what it sent ends, what it receives goes on. */
  closeSend(): void {
    this.#transports.closeSend();
  }

  /** This router's worker died. True: it was at home there, and its transports, producers and consumers went with it. */
  lost(router: Router): boolean {
    return this.#transports.lost(router);
  }

  /** Asked again by who lost the answer with its connection, it does nothing more. */
  connect(transportId: string, dtlsParameters: DtlsParameters): Promise<void> {
    return this.#transports.connect(transportId, dtlsParameters);
  }

  /** The peer's network has changed. */
  restartIce(transportId: string): Promise<IceParameters> {
    return this.#transports.restartIce(transportId);
  }

  async produce(ask: ProduceAsk): Promise<Producer> {
    assertSealable(ask.kind, ask.rtpParameters);
    const { send } = this.#transports;
    if (send === null) throw new LatchkeyError('forbidden');
    if (send === undefined || send.id !== ask.transportId) throw new LatchkeyError('transport_not_found');
    if (this.#streams.size >= maxStreams) throw new LatchkeyError('too_many_streams');
    if (this.#streams.has(ask.stream)) throw new LatchkeyError('malformed', `stream ${ask.stream} is in use`);
    this.#streams.add(ask.stream);
    try {
      return await this.#transports.whileUp(send, this.#produceOn(send, ask));
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
    if (producer.closed) throw new LatchkeyError('transport_not_found');
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
    const home = await this.#transports.home;
    if (producer.closed || home === null) throw new LatchkeyError('transport_not_found');
    home.onProducer(producer);
    return producer;
  }

  closeProducer(producerId: string): void {
    this.#ownProducer(producerId).close();
  }

  async setMuted(producerId: string, muted: boolean): Promise<void> {
    const producer = this.#ownProducer(producerId);
    if (muted) this.#muted.add(producerId);
    else this.#muted.delete(producerId);
    this.#at.onMuted(producerId, muted);
    await this.#applyProducer(producer);
  }

  async consume(producerId: string): Promise<{ consumer: Consumer; producer: Producer }> {
    const { receive: transport } = this.#transports;
    const home = await this.#transports.home;
    const rtpCapabilities = this.#rtpCapabilities;
    if (transport === undefined || home === null || rtpCapabilities === null)
      throw new LatchkeyError('transport_not_found', 'open media first');
    const { router } = home;
    const receiver = { router, transport, rtpCapabilities, use: (id: string) => home.use(id) };
    const consumed = await this.#transports.whileUp(transport, this.#consumers.consume(receiver, producerId));
    this.#assertOpen();
    return consumed;
  }

  /** Its client is ready for it. */
  resumeConsumer(consumerId: string): Promise<void> {
    return this.#consumers.setWanted(consumerId, true);
  }

  /** Its client does not show it. */
  pauseConsumer(consumerId: string): Promise<void> {
    return this.#consumers.setWanted(consumerId, false);
  }

  closeConsumer(consumerId: string): void {
    this.#consumers.close(consumerId);
  }

  requestKeyFrame(consumerId: string): Promise<void> {
    return this.#consumers.requestKeyFrame(consumerId);
  }

  setPreferredLayers(consumerId: string, spatialLayer: number): Promise<void> {
    return this.#consumers.setPreferredLayers(consumerId, spatialLayer);
  }

  /**
   * What a participant that lost its connection does not know of is closed; answered is what it knows of and is here no more.
   */
  reconcile(
    producers: readonly string[],
    consumers: readonly string[],
  ): { producers: string[]; consumers: string[] } {
    const known = new Set(producers);
    for (const [id, producer] of this.#producers) if (!known.has(id)) producer.close();
    return {
      producers: producers.filter((id) => !this.#producers.has(id)),
      consumers: this.#consumers.reconcile(consumers),
    };
  }

  /** Its first epoch is active and it holds the key: what it asked for may flow. */
  start(): Promise<void> {
    return this.#settled(this.#consumers.start());
  }

  /** Who is audible has changed. */
  heed(): Promise<void> {
    return this.#settled(this.#consumers.heed());
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
    const moved = this.producers.map((producer) => this.#applyProducer(producer));
    await this.#settled(Promise.all(moved));
  }

  /** Sets its share of what the meeting may send, where that has moved. */
  limitEgress(): Promise<void> {
    return this.#transports.limitEgress();
  }

  /** Cuts everything at once; the order in which the worker hears of it is that of the calls. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transports.close();
    this.#at.onClose();
  }

  /** Asks until the worker's answer is what is wanted by then: gates may move while it is asked. */
  async #applyProducer(producer: Producer): Promise<void> {
    try {
      while (!producer.closed) {
        const paused = !this.#released || this.#muted.has(producer.id);
        if (paused === producer.paused) return;
        await (paused ? producer.pause() : producer.resume());
      }
    } catch (thrown) {
      // Gone while it was asked.
      if (!producer.closed) throw thrown;
    }
  }

  /** What fails because this participant just went is no failure. */
  async #settled(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (thrown) {
      if (!this.#closed) throw thrown;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new LatchkeyError('closed');
  }

  #ownProducer(producerId: string): Producer {
    const producer = this.#producers.get(producerId);
    if (producer === undefined) throw new LatchkeyError('producer_not_found');
    return producer;
  }
}
