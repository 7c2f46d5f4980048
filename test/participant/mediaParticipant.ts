// A participant in Node with real media: it joins as any other, over real ICE and DTLS-SRTP, sends synthetic frames that its key agent
// seals, and consumes, opens and counts whatever others send. What it hears of itself and of others is counted, never decided upon.

import { systemClock } from '../../src/client/session/clock.ts';
import { connect } from '../../src/client/session/connect.ts';
import type { FrameCounts, InstalledEpoch } from '../../src/client/session/keyAgent.ts';
import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { Session, SessionEnd } from '../../src/client/session/session.ts';
import { LatchkeyError, toLatchkeyError } from '../../src/protocol/errors.ts';
import { lease, streamId } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import type { Answer, Producer, Transport } from '../../src/protocol/signaling.ts';
import { parseRtp } from '../browser/rtpFrames.ts';
import { IncomingStream } from './incomingStream.ts';
import type { ReceivedCounts } from './incomingStream.ts';
import { MediaPeer } from './mediaPeer.ts';
import type { Direction } from './mediaPeer.ts';
import { OutgoingStream } from './outgoingStream.ts';
import type { SentCounts } from './outgoingStream.ts';
import { receiverCapabilities, rtpParametersOf } from './syntheticMedia.ts';
import type { SyntheticMedia } from './syntheticMedia.ts';

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

/** Longer than any deadline of the protocol; a participant that takes longer has failed. */
const connectMs = 30_000;

/** Remembers which epochs it told the server to hold. */
class NotingAgent extends LocalKeyAgent<Buffer, Buffer> {
  readonly acknowledged = new Set<EpochId>();

  override async receive(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const installed = await super.receive(message);
    for (const { epoch } of installed) this.acknowledged.add(epoch);
    return installed;
  }
}

/** What asking for something that has just ended is answered with. */
const goneCodes: ReadonlySet<string> = new Set(['producer_not_found', 'consumer_not_found']);

let lastSsrc = 100_000;

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
  /** Producers of its own that the server had no more after a resume. */
  readonly gone: string[] = [];
  readonly #options: MediaParticipantOptions;
  readonly #agent: NotingAgent;
  readonly #peers: MediaPeer[] = [];
  readonly #outgoing: OutgoingStream[] = [];
  readonly #incoming = new Map<string, IncomingStream>();
  readonly #bySsrc = new Map<number, IncomingStream>();
  /** Of producers that are gone. */
  readonly #finished: ReceivedCounts[] = [];
  readonly #mediaStates: string[] = [];
  #opening: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: MediaParticipantOptions, session: Session, agent: NotingAgent) {
    this.name = options.name;
    this.#options = options;
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
    session.on('producerRemoved', ({ producerId }) => this.#removed(producerId));
  }

  /** Joined, keyed, its transports connected, sending; what others send follows as it can be consumed. */
  static async join(options: MediaParticipantOptions): Promise<MediaParticipant> {
    const agent = new NotingAgent(createNodeAgentCrypto(), systemClock);
    const { url, token } = options;
    const session = await connect({ url, token, keyAgent: agent, encodedTransforms: true });
    const participant = new MediaParticipant(options, session, agent);
    try {
      await participant.#start();
    } catch (cause) {
      participant.close();
      throw cause;
    }
    return participant;
  }

  /** One for each stream that it sends, in their order. */
  get sent(): readonly SentCounts[] {
    return this.#outgoing.map(({ counts }) => counts);
  }

  /** One for each producer that it consumes or consumed. */
  get received(): readonly ReceivedCounts[] {
    return [...this.#finished, ...Array.from(this.#incoming.values(), ({ counts }) => counts)];
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
    for (const stream of this.#outgoing) stream.stop();
    await this.session.leave();
    this.close();
  }

  /** As somebody whose machine is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#outgoing) stream.stop();
    for (const [producerId] of this.#incoming) this.#removed(producerId);
    for (const peer of this.#peers) peer.close();
    this.session.close();
  }

  async #start(): Promise<void> {
    const opened = await this.session.openMedia({ rtpCapabilities: receiverCapabilities });
    const receive = this.#connect(opened.receive, 'receive');
    if (opened.send !== null && this.#options.sends.length > 0) {
      const peer = await this.#connect(opened.send, 'send');
      await this.session.keyed(connectMs);
      for (const [index, media] of this.#options.sends.entries()) {
        await this.#produce(opened.send, peer, media, index);
      }
    }
    await receive;
    this.session.on('producerAdded', (producer) => this.#consume(producer));
    for (const producer of this.session.roster.producers) this.#consume(producer);
  }

  async #connect(transport: Transport, direction: Direction): Promise<MediaPeer> {
    const connected = Promise.withResolvers<void>();
    const { name, bindAddress } = this.#options;
    const peer = new MediaPeer(
      { name: `${name} ${direction}`, bindAddress },
      {
        onRtp: (packet) => this.#received(packet),
        onRtcp: (packet) => this.#feedback(packet),
        onState: (state) => {
          if (state === 'connected') connected.resolve();
          else if (state === 'failed' || state === 'closed')
            connected.reject(new Error(`${name}: media ${state}`));
          if (state !== 'connecting' && state !== 'connected')
            this.#mediaStates.push(`${direction} ${state}`);
        },
      },
    );
    this.#peers.push(peer);
    // Looked at when it is awaited; a transport may fail before that.
    connected.promise.catch(() => undefined);
    const fingerprints = await peer.answer(transport, direction);
    const dtlsParameters = { role: 'client' as const, fingerprints };
    await this.session.request('connectTransport', { transportId: transport.id, dtlsParameters });
    await connected.promise;
    return peer;
  }

  async #produce(
    transport: Transport,
    peer: MediaPeer,
    media: SyntheticMedia,
    stream: number,
  ): Promise<void> {
    const ssrc = ++lastSsrc;
    const sender = this.#agent.sender(streamId(stream), media.codec);
    const { kind, source } = media;
    const rtpParameters = rtpParametersOf(media, ssrc);
    const transportId = transport.id;
    await this.session.request('produce', {
      transportId,
      kind,
      source,
      rtpParameters,
      paused: false,
      stream,
    });
    if (this.#closed) return;
    this.#outgoing.push(
      new OutgoingStream({
        media,
        ssrc,
        seal: async (frame) => {
          const sealed = await sender.seal(frame);
          return sealed === null ? null : (this.#options.tamper?.(sealed) ?? sealed);
        },
        send: (packet) => void peer.send(packet),
        nowMs: () => performance.now(),
      }),
    );
  }

  #consume(producer: Producer): void {
    void this.#consumeNow(producer).catch((thrown: unknown) => {
      // Gone before it could be consumed, or we are.
      const benign = thrown instanceof LatchkeyError && (goneCodes.has(thrown.code) || this.#closed);
      if (!benign) this.failures.push(toLatchkeyError(thrown));
    });
  }

  async #consumeNow(producer: Producer): Promise<void> {
    const { producerId } = producer;
    const consumed = await this.session.request('consume', { producerId });
    if (this.#closed || this.session.roster.producer(producerId) === undefined) return;
    const codec = producer.kind === 'audio' ? 'opus' : 'vp8';
    const origin = { lease: lease(consumed.lease), stream: streamId(consumed.stream) };
    const incoming = new IncomingStream({
      producer,
      codec,
      receiver: this.#agent.receiver(origin, codec),
      counts: () => this.#agent.counts(),
      holds: (residue) => [...this.acknowledged].some((epoch) => epoch % 256 === residue),
      nowMs: () => performance.now(),
    });
    this.#incoming.set(producerId, incoming);
    this.#bySsrc.set(ssrcOf(consumed), incoming);
    await this.session.request('resumeConsumer', { consumerId: consumed.consumerId });
  }

  #received(bytes: Buffer): void {
    const packet = parseRtp(bytes);
    const incoming = this.#bySsrc.get(packet.ssrc);
    const sealed = incoming?.push(packet);
    if (incoming === undefined || sealed === undefined || sealed === null) return;
    this.#opening = this.#opening.then(() => incoming.open(sealed));
  }

  /** RFC 4585 §6.3.1: picture loss indications name the stream that they are about. */
  #feedback(bytes: Buffer): void {
    for (let at = 0; at + 12 <= bytes.length; at += 4 * (bytes.readUInt16BE(at + 2) + 1)) {
      if (bytes[at + 1] !== 206 || ((bytes[at] ?? 0) & 0x1f) !== 1) continue;
      const ssrc = bytes.readUInt32BE(at + 8);
      this.#outgoing.find((stream) => stream.ssrc === ssrc)?.keyFrameWanted();
    }
  }

  #removed(producerId: string): void {
    const incoming = this.#incoming.get(producerId);
    if (incoming === undefined) return;
    this.#incoming.delete(producerId);
    incoming.close();
    this.#finished.push(incoming.counts);
  }
}

const ssrcOf = ({ rtpParameters }: Answer<'consume'>): number => {
  const { encodings } = rtpParameters as { encodings?: readonly { ssrc?: number }[] };
  const ssrc = encodings?.[0]?.ssrc;
  if (ssrc === undefined) throw new Error('a consumer without an SSRC');
  return ssrc;
};
