// A participant in Node with real media: it joins as any other, over real ICE and DTLS-SRTP, sends synthetic frames that its key agent
// seals, and consumes, opens and counts whatever others send. What it hears of itself and of others is counted, never decided upon.

import { systemClock } from '../../src/client/session/clock.ts';
import { connect } from '../../src/client/session/connect.ts';
import type { FrameCounts, InstalledEpoch } from '../../src/client/session/keyAgent.ts';
import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { Session, SessionEnd } from '../../src/client/session/session.ts';
import type { SessionEvents } from '../../src/client/session/sessionEvents.ts';
import { LatchkeyError, toLatchkeyError } from '../../src/protocol/errors.ts';
import { lease, streamId } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import type { Answer, Producer } from '../../src/protocol/signaling.ts';
import { parseRtp } from '../../src/load/rtpParsing.ts';
import { IncomingStream } from './incomingStream.ts';
import type { ReceivedCounts } from './incomingStream.ts';
import { lostCodes, MediaPeers } from '../../src/load/mediaPeers.ts';
import type { SentCounts } from '../../src/load/outgoingStream.ts';
import type { SyntheticMedia } from '../../src/load/syntheticMedia.ts';

export interface MediaParticipantOptions {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  /** The local address that media are sent from. */
  readonly bindAddress: string;
  /** What it sends, one stream each; nothing for viewers. */
  readonly sends: readonly SyntheticMedia[];
  /** What becomes of each sealed frame before it is sent: for those who break the rules. */
  readonly tamper?: (sealed: Uint8Array) => Uint8Array;
}

/** Remembers which epochs it told the server to hold. */
class NotingAgent extends LocalKeyAgent<Buffer, Buffer> {
  readonly acknowledged = new Set<EpochId>();

  override async receive(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const installed = await super.receive(message);
    for (const { epoch } of installed) this.acknowledged.add(epoch);
    return installed;
  }
}

/** What asking for something that has just ended is answered with; what went with a worker is asked for again. */
const goneCodes: ReadonlySet<string> = new Set(['producer_not_found', 'consumer_not_found', ...lostCodes]);

export class MediaParticipant {
  readonly name: string;
  readonly session: Session;
  /** Why the session ended; null while it goes on. */
  ended: SessionEnd | null = null;
  /** What the session told of as failures. */
  readonly failures: LatchkeyError[] = [];
  /** Epochs in which the server paused what this participant sends. */
  readonly pausedIn: number[] = [];
  /** How often the connection was lost, and how often it came back. */
  readonly connection = { lost: 0, resumed: 0 };
  /** How often its worker died. */
  mediaLost = 0;
  /** Producers of its own that the server had no more after a resume. */
  readonly gone: string[] = [];
  readonly #agent: NotingAgent;
  readonly #media: MediaPeers;
  /** By producer. */
  readonly #incoming = new Map<string, { readonly consumerId: string; readonly stream: IncomingStream }>();
  readonly #bySsrc = new Map<number, IncomingStream>();
  /** Of producers that are gone. */
  readonly #finished: ReceivedCounts[] = [];
  readonly #mediaStates: string[] = [];
  #opening: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: MediaParticipantOptions, session: Session, agent: NotingAgent) {
    this.name = options.name;
    this.session = session;
    this.#agent = agent;
    session.on('ended', ({ reason }) => {
      this.ended = reason;
      this.close();
    });
    session.on('failure', (error) => this.failures.push(error));
    session.on('sendingPaused', ({ paused, epoch }) => {
      if (paused) this.pausedIn.push(epoch);
    });
    session.on('connection', ({ state }) => void this.connection[state]++);
    session.on('gone', ({ producers }) => this.gone.push(...producers));
    session.on('producerAdded', (producer) => this.#consume(producer));
    session.on('producerRemoved', ({ producerId }) => this.#removed(producerId));
    session.on('consumersLost', (consumers) => this.#lostConsumers(consumers));
    this.#media = new MediaPeers({
      session,
      name: options.name,
      bindAddress: () => options.bindAddress,
      sends: options.sends,
      sealerOf: ({ codec }, stream) => {
        const sender = agent.sender(streamId(stream), codec);
        return async (frame) => {
          const sealed = await sender.seal(frame);
          return sealed === null ? null : (options.tamper?.(sealed) ?? sealed);
        };
      },
      onRtp: (packet) => this.#received(packet),
      onSent: () => undefined,
      onState: (direction, state) => {
        if (state !== 'connecting' && state !== 'connected') this.#mediaStates.push(`${direction} ${state}`);
      },
      onReceiving: () => {
        for (const producer of session.roster.producers) this.#consume(producer);
      },
      onLost: () => {
        this.mediaLost++;
        this.#removeAll();
      },
      onFailed: (thrown) => this.failures.push(toLatchkeyError(thrown)),
    });
  }

  /** Joined, keyed, its transports connected, sending; what others send follows as it can be consumed. */
  static async join(options: MediaParticipantOptions): Promise<MediaParticipant> {
    const agent = new NotingAgent(createNodeAgentCrypto(), systemClock);
    const { url, token } = options;
    const session = await connect({ url, token, keyAgent: agent, encodedTransforms: true });
    const participant = new MediaParticipant(options, session, agent);
    try {
      await participant.#media.open();
    } catch (cause) {
      participant.close();
      throw cause;
    }
    return participant;
  }

  /** One for each stream that it sends, in their order. */
  get sent(): readonly SentCounts[] {
    return this.#media.outgoing.map(({ counts }) => counts);
  }

  /** One for each producer that it consumes or consumed. */
  get received(): readonly ReceivedCounts[] {
    return [...this.#finished, ...Array.from(this.#incoming.values(), ({ stream }) => stream.counts)];
  }

  get acknowledged(): ReadonlySet<EpochId> {
    return this.#agent.acknowledged;
  }

  /** States that its two transports went through after `connected`. */
  get mediaStates(): readonly string[] {
    return this.#mediaStates;
  }

  counts(): Promise<FrameCounts> {
    return this.#agent.counts();
  }

  /** As somebody who closes the tab after saying so. */
  async leave(): Promise<void> {
    this.#media.stop();
    await this.session.leave();
    this.close();
  }

  /** As somebody whose machine is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#media.close();
    this.#removeAll();
    this.session.close();
  }

  #consume(producer: Producer): void {
    if (!this.#media.receiving) return;
    void this.#consumeNow(producer).catch((thrown: unknown) => {
      // Gone before it could be consumed, or we are.
      const benign = thrown instanceof LatchkeyError && (goneCodes.has(thrown.code) || this.#closed);
      if (!benign) this.failures.push(toLatchkeyError(thrown));
    });
  }

  async #consumeNow(producer: Producer): Promise<void> {
    const { producerId } = producer;
    const { path } = this.#media;
    const consumed = await this.session.request('consume', { producerId });
    // Gone, or media were lost, and it is consumed again.
    if (this.#closed || this.#media.path !== path) return;
    if (this.session.roster.producer(producerId) === undefined) return;
    const codec = producer.kind === 'audio' ? 'opus' : 'vp8';
    const origin = { lease: lease(consumed.lease), stream: streamId(consumed.stream) };
    const stream = new IncomingStream({
      producer,
      codec,
      receiver: this.#agent.receiver(origin, codec),
      counts: () => this.#agent.counts(),
      holds: (residue) => [...this.acknowledged].some((epoch) => epoch % 256 === residue),
      nowMs: () => performance.now(),
    });
    this.#incoming.set(producerId, { consumerId: consumed.consumerId, stream });
    this.#bySsrc.set(ssrcOf(consumed), stream);
    await this.session.request('resumeConsumer', { consumerId: consumed.consumerId });
  }

  #received(bytes: Buffer): void {
    const packet = parseRtp(bytes);
    const incoming = this.#bySsrc.get(packet.ssrc);
    const sealed = incoming?.push(packet);
    if (incoming === undefined || sealed === undefined || sealed === null) return;
    this.#opening = this.#opening.then(() => incoming.open(sealed));
  }

  #lostConsumers(consumers: SessionEvents['consumersLost']): void {
    for (const { consumerId, producerId } of consumers) {
      if (this.#incoming.get(producerId)?.consumerId !== consumerId) continue;
      this.#removed(producerId);
      const producer = this.session.roster.producer(producerId);
      if (producer !== undefined) this.#consume(producer);
    }
  }

  #removeAll(): void {
    for (const producerId of this.#incoming.keys()) this.#removed(producerId);
  }

  #removed(producerId: string): void {
    const incoming = this.#incoming.get(producerId);
    if (incoming === undefined) return;
    this.#incoming.delete(producerId);
    incoming.stream.close();
    this.#finished.push(incoming.stream.counts);
  }
}

const ssrcOf = ({ rtpParameters }: Answer<'consume'>): number => {
  const { encodings } = rtpParameters as { encodings?: readonly { ssrc?: number }[] };
  const ssrc = encodings?.[0]?.ssrc;
  if (ssrc === undefined) throw new Error('a consumer without an SSRC');
  return ssrc;
};
