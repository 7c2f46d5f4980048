// What one participant receives. A consumer flows when three agree: the participant's first epoch is active and it holds the key (`started`), its
// client is ready for it (`wanted`), and the meeting forwards it (audio in a large meeting: the loudest few).

import type { Consumer, Producer, Router, RtpCapabilities, WebRtcTransport } from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import { asPeerError, peerError } from './peerError.ts';
import type { StreamUse } from './roomStreams.ts';

export interface GoneConsumer {
  readonly consumerId: string;
  readonly producerId: string;
}

export interface ConsumerSurroundings {
  readonly participantId: string;
  readonly findProducer: (producerId: string) => Producer | undefined;
  readonly isAudible: (producerId: string) => boolean;
  /** It went though its producer lives: what lay between did not. */
  readonly onConsumerGone: (gone: GoneConsumer) => void;
}

export interface Receiver {
  readonly router: Router;
  readonly transport: WebRtcTransport;
  readonly rtpCapabilities: RtpCapabilities;
  /** Resolves when the router has it. */
  readonly use: (producerId: string) => Promise<StreamUse>;
}

/** Ways to a stream that are tried before its consumer is told that it failed. */
const attempts = 3;

interface Received {
  readonly consumer: Consumer;
  readonly use: StreamUse;
  wanted: boolean;
  /** Its highest where the client named none. */
  layer: number;
}

export class ParticipantConsumers {
  readonly #at: ConsumerSurroundings;
  readonly #received = new Map<string, Received>();
  /** Producers that are consumed or are just getting a consumer. */
  readonly #producers = new Set<string>();
  #started = false;

  constructor(at: ConsumerSurroundings) {
    this.#at = at;
  }

  async consume(receiver: Receiver, producerId: string): Promise<{ consumer: Consumer; producer: Producer }> {
    const producer = this.#at.findProducer(producerId);
    if (producer === undefined || producer.appData['participantId'] === this.#at.participantId) {
      throw new LatchkeyError('producer_not_found');
    }
    if (this.#producers.has(producerId)) throw new LatchkeyError('malformed', 'already consumed');
    this.#producers.add(producerId);
    try {
      const consumer = await this.#consume(receiver, producer);
      return { consumer, producer };
    } catch (thrown) {
      this.#producers.delete(producerId);
      throw thrown;
    }
  }

  async #consume(receiver: Receiver, producer: Producer): Promise<Consumer> {
    for (let attempt = 1; ; attempt++) {
      const use = await receiver.use(producer.id);
      try {
        return await this.#consumeOver(use, receiver, producer);
      } catch (thrown) {
        use.release();
        const lostOnTheWay = thrown instanceof LatchkeyError && thrown.code === 'worker_died';
        if (!lostOnTheWay || receiver.transport.closed || attempt === attempts) throw thrown;
      }
    }
  }

  async #consumeOver(use: StreamUse, receiver: Receiver, producer: Producer): Promise<Consumer> {
    const { transport } = receiver;
    const consumer = await this.#consumeOn(receiver, producer.id);
    if (consumer.closed) throw this.#goneOnTheWay(producer.id);
    const layers = producer.rtpParameters.encodings?.length ?? 1;
    const received = { consumer, use, wanted: false, layer: layers - 1 };
    this.#received.set(consumer.id, received);
    consumer.observer.once('close', () => this.#closed(transport, received));
    return consumer;
  }

  async #consumeOn({ router, transport, rtpCapabilities }: Receiver, producerId: string): Promise<Consumer> {
    if (!router.canConsume({ producerId, rtpCapabilities })) throw new LatchkeyError('media_unsupported');
    try {
      return await transport.consume({ producerId, rtpCapabilities, paused: true });
    } catch (thrown) {
      const here = router.canConsume({ producerId, rtpCapabilities });
      throw here ? peerError(thrown) : this.#goneOnTheWay(producerId);
    }
  }

  /** Gone while it was asked for, which is benign; or only what it came over. */
  #goneOnTheWay(producerId: string): LatchkeyError {
    const gone = this.#at.findProducer(producerId) === undefined;
    return new LatchkeyError(gone ? 'producer_not_found' : 'worker_died');
  }

  #closed(transport: WebRtcTransport, { consumer, use }: Received): void {
    const { id: consumerId, producerId } = consumer;
    use.release();
    // Closed on purpose.
    if (!this.#received.delete(consumerId)) return;
    this.#producers.delete(producerId);
    if (transport.closed || this.#at.findProducer(producerId) === undefined) return;
    this.#at.onConsumerGone({ consumerId, producerId });
  }

  async setWanted(consumerId: string, wanted: boolean): Promise<void> {
    const received = this.#own(consumerId);
    received.wanted = wanted;
    await this.#whileOpen(received, this.#apply(received));
  }

  close(consumerId: string): void {
    this.#close(this.#own(consumerId));
  }

  async requestKeyFrame(consumerId: string): Promise<void> {
    const received = this.#own(consumerId);
    const { consumer } = received;
    if (consumer.kind === 'video' && !consumer.paused)
      await this.#whileOpen(received, consumer.requestKeyFrame());
  }

  async setPreferredLayers(consumerId: string, spatialLayer: number): Promise<void> {
    const received = this.#own(consumerId);
    const { consumer } = received;
    if (consumer.type !== 'simulcast') return;
    await this.#whileOpen(received, asPeerError(consumer.setPreferredLayers({ spatialLayer })));
    // As the worker bounded it.
    received.layer = consumer.preferredLayers?.spatialLayer ?? spatialLayer;
    this.#tell(received);
  }

  /** Closes those that are not among `known`; answers those of `known` that are not here. */
  reconcile(known: readonly string[]): string[] {
    const kept = new Set(known);
    for (const received of this.#received.values()) {
      if (!kept.has(received.consumer.id)) this.#close(received);
    }
    return known.filter((id) => !this.#received.has(id));
  }

  async start(): Promise<void> {
    this.#started = true;
    await this.#applyAll([...this.#received.values()]);
  }

  /** Who is audible has changed. */
  async heed(): Promise<void> {
    await this.#applyAll([...this.#received.values()].filter(({ consumer }) => consumer.kind === 'audio'));
  }

  async #applyAll(all: readonly Received[]): Promise<void> {
    for (const [index, result] of (
      await Promise.allSettled(all.map((received) => this.#apply(received)))
    ).entries()) {
      // What fails because the stream just went is no failure.
      const gone = all[index]?.consumer.closed === true;
      if (result.status === 'rejected' && !gone) throw result.reason;
    }
  }

  #flows({ consumer, wanted }: Received): boolean {
    return this.#started && wanted && this.#at.isAudible(consumer.producerId);
  }

  #tell(received: Received): void {
    received.use.setFlowing(this.#flows(received) ? received.layer : null);
  }

  /** Asks until the worker's answer is what is wanted by then. */
  async #apply(received: Received): Promise<void> {
    const { consumer } = received;
    while (!consumer.closed) {
      this.#tell(received);
      const paused = !this.#flows(received);
      if (paused === consumer.paused) return;
      await (paused ? consumer.pause() : consumer.resume());
    }
  }

  /** A producer may end, and its consumers with it, while the worker is asked: benign. */
  async #whileOpen({ consumer }: Received, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (cause) {
      const gone = consumer.closed || this.#at.findProducer(consumer.producerId) === undefined;
      throw gone ? new LatchkeyError('consumer_not_found', undefined, { cause }) : cause;
    }
  }

  #close({ consumer }: Received): void {
    this.#received.delete(consumer.id);
    this.#producers.delete(consumer.producerId);
    consumer.close();
  }

  #own(consumerId: string): Received {
    const received = this.#received.get(consumerId);
    if (received === undefined) throw new LatchkeyError('consumer_not_found');
    return received;
  }
}
