// One generated participant: it joins as any other, over real signalling, ICE and DTLS-SRTP, holds real keys, seals what it sends, and
// counts, or opens and counts, what others send.

import { systemClock } from '../client/session/clock.ts';
import { connect } from '../client/session/connect.ts';
import type { AgentCrypto } from '../client/session/agentCrypto.ts';
import type { FrameCounts } from '../client/session/keyAgent.ts';
import { LocalKeyAgent } from '../client/session/localKeyAgent.ts';
import type { Session, SessionEnd } from '../client/session/session.ts';
import type { SessionEvents } from '../client/session/sessionEvents.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import { lease, streamId } from '../protocol/names.ts';
import type { Answer, Producer, Transport } from '../protocol/signaling.ts';
import { EpochRecord } from './epochRecord.ts';
import type { JoinOrder, TimedStage } from './generatorMessages.ts';
import { lostCodes, MediaFailed, MediaPeers } from './mediaPeers.ts';
import { streams } from './profiles.ts';
import { ReceivedStream } from './receivedStream.ts';

/** What all participants of a process count into. */
export interface Tallies {
  sent: number;
  received: number;
  /** In streams that are closed. */
  lost: number;
  opened: number;
  unopened: number;
  beforeFirstEpoch: number;
  /** Joins to which the server said `busy`, and that were tried again over the same connection. */
  retried: number;
  /** The newest epoch in use. */
  epoch: number;
}

export interface Surroundings {
  readonly url: string;
  readonly crypto: AgentCrypto<Buffer, Buffer>;
  readonly tallies: Tallies;
  readonly onStage: (stage: TimedStage, ms: number) => void;
  /** It is gone though nobody asked it to leave. Once. */
  readonly onEnded: (participant: LoadParticipant, reason: string) => void;
}

/** Longer than any deadline of the protocol. */
const connectMs = 30_000;
/** A kept-alive connection may be closed at its other end in the moment in which it is used again; browsers ask once more. */
const connectAttempts = 3;
/** Who has not heard anything for so long is silent. */
const silentMs = 5_000;

/** What asking for something that has just ended is answered with; what went with a worker is asked for again. */
const goneCodes: ReadonlySet<string> = new Set(['producer_not_found', 'consumer_not_found', ...lostCodes]);
/** Ends of which the failure before them says more. */
const troubles: ReadonlySet<SessionEnd> = new Set(['failed', 'protocolError']);

interface Incoming {
  readonly consumerId: string;
  readonly ssrc: number;
  readonly stream: ReceivedStream;
}

export class LoadParticipant {
  readonly session: Session;
  readonly epochs = new EpochRecord();
  readonly #order: JoinOrder;
  readonly #at: Surroundings;
  readonly #agent: LocalKeyAgent<Buffer, Buffer>;
  readonly #beganMs: number;
  readonly #media: MediaPeers;
  /** By producer. */
  readonly #incoming = new Map<string, Incoming>();
  readonly #bySsrc = new Map<number, ReceivedStream>();
  /** When its last stage ended, in milliseconds of the monotonic clock. */
  #stageMs: number;
  /** Somebody could be heard when it came: how soon it did is measured. */
  readonly #awaited: boolean;
  #firstEpoch: number | null = null;
  #listeningMs: number | null = null;
  #heard = false;
  #keyed = false;
  #started = false;
  #failure: LatchkeyError | null = null;
  #leaving = false;
  #closed = false;

  private constructor(
    order: JoinOrder,
    at: Surroundings,
    session: Session,
    agent: LocalKeyAgent<Buffer, Buffer>,
    times: { readonly beganMs: number; readonly admittedMs: number },
  ) {
    this.#order = order;
    this.#at = at;
    this.session = session;
    this.#agent = agent;
    this.#beganMs = times.beganMs;
    this.#stageMs = times.admittedMs;
    this.#awaited = session.roster.producers.some(({ kind, paused }) => kind === 'audio' && !paused);
    session.on('epoch', ({ epoch, at: atMs }) => this.#uses(epoch, atMs));
    session.on('failure', (error) => {
      this.#failure = error;
    });
    session.on('ended', ({ reason }) =>
      this.#over(troubles.has(reason) ? (this.#failure?.code ?? reason) : reason),
    );
    session.on('producerAdded', (producer) => this.#consume(producer));
    session.on('producerRemoved', ({ producerId }) => this.#removed(producerId));
    session.on('consumersLost', (consumers) => this.#lostConsumers(consumers));
    this.#media = new MediaPeers({
      session,
      name: `load ${order.index}`,
      bindAddress: bindAddressFor,
      sends: order.sends.map((name) => streams[name]),
      sealerOf: ({ codec }, stream) => {
        const sender = agent.sender(streamId(stream), codec);
        return (frame) => sender.seal(frame);
      },
      onRtp: (packet) => this.#received(packet),
      onSent: () => void at.tallies.sent++,
      onState: (_direction, state) => {
        if (state === 'failed' || state === 'closed') this.#over(mediaFailed);
      },
      onReceiving: () => this.#consumeAll(),
      onLost: () => this.#removeAll(),
      onFailed: (thrown) => this.#over(codeOf(thrown)),
    });
  }

  /** Joined, its first epoch in use, its transports connected, sending. @throws LatchkeyError, Error where media fail. */
  static async join(order: JoinOrder, at: Surroundings): Promise<LoadParticipant> {
    const beganMs = performance.now();
    const { session, agent, openMs } = await enter(order.token, at);
    const admittedMs = performance.now();
    at.onStage('transport', openMs - beganMs);
    at.onStage('admission', admittedMs - openMs);
    const participant = new LoadParticipant(order, at, session, agent, { beganMs, admittedMs });
    try {
      await participant.#start();
    } catch (cause) {
      participant.#leaving = true;
      participant.close();
      throw cause;
    }
    return participant;
  }

  /** Packets that did not arrive, in the streams that it receives now. */
  get lost(): number {
    let lost = 0;
    for (const { stream } of this.#incoming.values()) lost += stream.lost;
    return lost;
  }

  /** There was something to hear, for long enough, and nothing came. */
  get silent(): boolean {
    const sinceMs = this.#listeningMs;
    return !this.#heard && sinceMs !== null && performance.now() - sinceMs > silentMs;
  }

  counts(): Promise<FrameCounts> {
    return this.#agent.counts();
  }

  async leave(): Promise<void> {
    if (this.#closed) return;
    this.#leaving = true;
    this.epochs.end(Date.now());
    this.#media.stop();
    await this.session.leave();
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.epochs.end(Date.now());
    this.#media.close();
    this.#removeAll();
    this.session.close();
  }

  async #start(): Promise<void> {
    await Promise.all([this.session.keyed(connectMs), this.#media.open()]);
    this.#started = true;
  }

  #consumeAll(): void {
    for (const producer of this.session.roster.producers) this.#consume(producer);
  }

  #consume(producer: Producer): void {
    if (!this.#media.receiving || (producer.kind === 'video' && !this.#order.seesVideo)) return;
    void this.#consumeNow(producer).catch((thrown: unknown) => {
      // Gone before it could be consumed, or we are.
      if (this.#closed || (thrown instanceof LatchkeyError && goneCodes.has(thrown.code))) return;
      this.#over(codeOf(thrown));
    });
  }

  async #consumeNow({ producerId, kind }: Producer): Promise<void> {
    const { path } = this.#media;
    const consumed = await this.session.request('consume', { producerId });
    // Gone, or media were lost, and it is consumed again.
    if (this.#closed || this.#media.path !== path) return;
    if (this.session.roster.producer(producerId) === undefined) return;
    const stream = new ReceivedStream(this.#order.opens ? this.#opening(consumed, kind) : null);
    const ssrc = ssrcOf(consumed);
    this.#incoming.set(producerId, { consumerId: consumed.consumerId, ssrc, stream });
    this.#bySsrc.set(ssrc, stream);
    this.#listeningMs ??= performance.now();
    await this.session.request('resumeConsumer', { consumerId: consumed.consumerId });
  }

  #opening(consumed: Answer<'consume'>, kind: Producer['kind']) {
    const codec = kind === 'audio' ? 'opus' : 'vp8';
    const { tallies } = this.#at;
    const origin = { lease: lease(consumed.lease), stream: streamId(consumed.stream) };
    return {
      codec,
      receiver: this.#agent.receiver(origin, codec),
      onOpened: () => void tallies.opened++,
      onUnopened: (residue: number | null) => {
        if (this.#closed) return;
        tallies.unopened++;
        if (residue !== null && this.#isBeforeFirst(residue)) tallies.beforeFirstEpoch++;
      },
    } as const;
  }

  /** Epochs are told modulo 256; a participant never waits for one that is half of that away. */
  #isBeforeFirst(residue: number): boolean {
    if (this.#firstEpoch === null) return true;
    const behind = (this.#firstEpoch - residue) & 0xff;
    return behind > 0 && behind < 128;
  }

  #uses(epoch: number, atMs: number): void {
    this.epochs.note(epoch, atMs);
    const { tallies } = this.#at;
    if (epoch > tallies.epoch) tallies.epoch = epoch;
    if (this.#keyed) return;
    this.#keyed = true;
    this.#firstEpoch = epoch;
    this.#stage('activation');
  }

  #received(packet: Buffer): void {
    const stream = this.#bySsrc.get(packet.readUInt32BE(8));
    if (stream === undefined) return;
    this.#at.tallies.received++;
    stream.packet(packet);
    if (!this.#heard) this.#hears();
  }

  #hears(): void {
    // A packet may overtake the word that its epoch is active.
    if (!this.#keyed) return;
    this.#heard = true;
    if (!this.#awaited) return;
    this.#stage('firstFrame');
    this.#at.onStage('whole', this.#order.waitedMs + this.#stageMs - this.#beganMs);
  }

  #stage(stage: TimedStage): void {
    const nowMs = performance.now();
    this.#at.onStage(stage, nowMs - this.#stageMs);
    this.#stageMs = nowMs;
  }

  #removed(producerId: string): void {
    const incoming = this.#incoming.get(producerId);
    if (incoming === undefined) return;
    this.#incoming.delete(producerId);
    this.#bySsrc.delete(incoming.ssrc);
    incoming.stream.close();
    this.#at.tallies.lost += incoming.stream.lost;
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

  #over(reason: string): void {
    if (this.#closed || this.#leaving) return;
    this.close();
    // Before that its join fails, and says why.
    if (this.#started) this.#at.onEnded(this, reason);
  }
}

/** Over a connection that stands; as often as it has to be tried. */
const enter = async (token: string, { url, crypto, tallies }: Surroundings) => {
  for (let left = connectAttempts; ; left--) {
    const agent = new LocalKeyAgent(crypto, systemClock);
    let openMs: number | null = null;
    try {
      const options = {
        url,
        token,
        keyAgent: agent,
        encodedTransforms: true,
        onProgress: (step: string) => {
          if (step === 'admission') openMs = performance.now();
        },
        /** Before it is let in; of a server that is busy it asks again by itself. */
        onWaiting: (reason: string) => {
          if (reason === 'busy') tallies.retried++;
        },
      };
      const session = await connect(options);
      return { session, agent, openMs: openMs ?? performance.now() };
    } catch (thrown) {
      const unheard = openMs === null && codeOf(thrown) === 'connection_lost';
      if (!unheard || left <= 1) throw thrown;
    }
  }
};

const mediaFailed = 'media_failed';

export const codeOf = (thrown: unknown): string => {
  if (thrown instanceof MediaFailed) return mediaFailed;
  return toLatchkeyError(thrown).code;
};

/** Who sends to loopback sends from it; otherwise ICE finds the way. */
const bindAddressFor = ({ iceCandidates }: Transport): string | undefined =>
  iceCandidates.every(({ ip }) => ip.startsWith('127.')) ? '127.0.0.1' : undefined;

const ssrcOf = ({ rtpParameters }: Answer<'consume'>): number => {
  const { encodings } = rtpParameters as { encodings?: readonly { ssrc?: number }[] };
  const ssrc = encodings?.[0]?.ssrc;
  if (ssrc === undefined) throw new Error('a consumer without an SSRC');
  return ssrc;
};
