// What this participant sends. The sealing transform is attached in the same breath in which a sender is made, so that there is
// no moment in which a frame could leave in clear. A lost connection changes nothing here: senders go on, and what was asked for is
// asked again. A new admission changes nothing either: the worker goes over to the new lease. With a lost transport all is produced again on
// the next, each track under the stream that it had.

import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import { maxStreams, streamId } from '../../protocol/names.ts';
import type { MediaKind, Source, StreamId } from '../../protocol/names.ts';
import type { Codec } from '../../sframe/prefix.ts';
import type { Session } from '../session/session.ts';
import type { Publication, PublishOptions } from './api.ts';
import { codecOf, codecOptionsOf, defaultSource, encodingsOf, kindOf } from './encodings.ts';
import { Sending } from './sending.ts';
import type { Carrier } from './sending.ts';
import type { AttachedFrames, SFrameThread } from './sframeThread.ts';
import type { Slot } from './slot.ts';
import { settle } from './transport.ts';
import type { MediaPath } from './transport.ts';

/** What travels through mediasoup-client from `produce` to its `produce` event. */
interface ProduceData extends Record<string, unknown> {
  readonly sending: Sending;
}

export interface PublicationEnds {
  /** The server has it no more, or this participant may not send it any more. */
  readonly onPublicationEnded: (publication: Publication) => void;
  readonly onMutedByHost: (publication: Publication) => void;
  /** The server does not have this transport any more. */
  readonly onPathGone: (path: MediaPath) => void;
  readonly onFailed: (error: LatchkeyError) => void;
}

/** Of one track, on transports that the server says it does not have. */
const mostTries = 3;

export class Publications {
  readonly #session: Session;
  readonly #thread: SFrameThread;
  readonly #slot: Slot<MediaPath>;
  readonly #ends: PublicationEnds;
  /** Those too that are only on their way. */
  readonly #sending = new Set<Sending>();
  /** Every stream that was ever sent on, with its codec: a stream's counters go on for as long as the lease. */
  readonly #codecs = new Map<StreamId, Codec>();
  readonly #listening = new WeakSet<MediaPath>();
  readonly #stops: (() => void)[];

  constructor(session: Session, thread: SFrameThread, slot: Slot<MediaPath>, ends: PublicationEnds) {
    this.#session = session;
    this.#thread = thread;
    this.#slot = slot;
    this.#ends = ends;
    this.#stops = [
      session.on('gone', ({ producers }) => {
        for (const sending of this.#of(producers)) this.#end(sending);
      }),
      session.on('muted', ({ producerIds }) => {
        for (const sending of this.#of(producerIds)) this.#mutedByHost(sending);
      }),
      session.on('wanted', ({ producerId, spatialLayer }) => {
        for (const sending of this.#of([producerId])) sending.want(spatialLayer);
      }),
    ];
  }

  get all(): readonly Publication[] {
    return [...this.#sending].filter(({ published }) => published).map(({ publication }) => publication);
  }

  async publish(track: MediaStreamTrack, options: PublishOptions = {}): Promise<Publication> {
    const { refused } = this.#slot;
    if (refused !== null) throw refused;
    const source = sourceOf(track, options);
    if (track.readyState === 'ended') throw new TypeError('"track" has ended');
    if ([...this.#sending].some(({ publication }) => publication.source === source))
      throw new TypeError(`${source} is published already`);
    const stream = this.#takeStream(codecOf[kindOf[source]]);
    const sending = new Sending(source, stream, track, options.muted ?? false);
    this.#sending.add(sending);
    try {
      await this.#carry(sending);
      if (sending.ended) throw new LatchkeyError('closed', 'ended while it was being published');
      sending.published = true;
      return sending.publication;
    } catch (thrown) {
      this.#forget(sending);
      throw this.#session.ended ? new LatchkeyError('closed', undefined, { cause: thrown }) : thrown;
    }
  }

  async unpublish(publication: Publication): Promise<void> {
    const sending = this.#find(publication);
    if (sending === undefined) return;
    const { producerId } = publication;
    const carried = sending.carrier !== null;
    this.#forget(sending);
    // Else whoever makes its carrier closes it.
    if (carried) await this.#session.request('closeProducer', { producerId });
  }

  async setMuted(publication: Publication, muted: boolean): Promise<void> {
    const sending = this.#active(publication);
    const { publication: handle } = sending;
    if (handle.muted === muted) return;
    handle.muted = muted;
    const wish = ++sending.wishes;
    if (muted) await sending.sendTrack();
    // Where nothing carries it, the next carrier is begun as it is wanted by then.
    if (sending.carrier === null) return;
    await this.#tellMuted(sending, muted);
    if (wish !== sending.wishes) return;
    // A host's mute that came before the server heard this one is undone by it.
    handle.muted = muted;
    if (!muted) await sending.sendTrack();
  }

  async replaceTrack(publication: Publication, track: MediaStreamTrack): Promise<void> {
    const sending = this.#active(publication);
    const { publication: handle } = sending;
    if (track.kind !== handle.kind) throw new TypeError(`"track" expected ${handle.kind}, got ${track.kind}`);
    if (!handle.muted) await sending.carrier?.producer.rtpSender?.replaceTrack(track);
    handle.track = track;
  }

  /** The transport is gone: what was on it is produced again on the next. */
  lost(): void {
    for (const sending of this.#sending) {
      sending.drop();
      if (!sending.carrying) void this.#carryAgain(sending);
    }
  }

  /** This participant may not send any more. */
  end(): void {
    for (const sending of this.#sending) this.#end(sending);
  }

  /** Idempotent. */
  close(): void {
    for (const stop of this.#stops) stop();
    for (const sending of this.#sending) this.#forget(sending);
  }

  async #carryAgain(sending: Sending): Promise<void> {
    try {
      await this.#carry(sending);
    } catch (thrown) {
      if (sending.ended || this.#session.ended) return;
      this.#end(sending);
      const error = toLatchkeyError(thrown);
      // What its page has ended meanwhile is missed by nobody.
      const expected = error.code === 'forbidden' || sending.publication.track.readyState === 'ended';
      if (!expected) this.#ends.onFailed(error);
    }
  }

  /** On the transport that there is, or the next, or the one after that. */
  async #carry(sending: Sending): Promise<void> {
    sending.carrying = true;
    try {
      for (let tries = 1; !sending.ended && sending.carrier === null; tries++) {
        const path = await this.#slot.ready();
        try {
          await this.#carryOn(path, sending);
        } catch (thrown) {
          // Lost, or replaced: what failed on it says nothing of the next.
          if (this.#slot.current !== path || sending.ended) continue;
          const gone = thrown instanceof LatchkeyError && thrown.code === 'transport_not_found';
          if (!gone || tries >= mostTries) throw thrown;
          this.#ends.onPathGone(path);
        }
      }
    } finally {
      sending.carrying = false;
    }
  }

  async #carryOn(path: MediaPath, sending: Sending): Promise<void> {
    if (sending.ended) return;
    const carrier = await this.#produce(path, sending);
    if (sending.ended || this.#slot.current !== path) {
      carrier.producer.close();
      carrier.attached.detach();
      if (sending.ended) await this.#session.request('closeProducer', { producerId: carrier.producer.id });
      return;
    }
    await sending.carriedBy(carrier);
    await this.#catchUp(sending);
  }

  /** It may have been muted or unmuted while it was being produced. */
  async #catchUp(sending: Sending): Promise<void> {
    const { muted } = sending.publication;
    if (sending.carrier !== null && sending.told !== muted) await this.#tellMuted(sending, muted);
  }

  async #tellMuted(sending: Sending, muted: boolean): Promise<void> {
    const { producerId } = sending.publication;
    sending.told = muted;
    try {
      await this.#session.request('setProducerPaused', { producerId, paused: muted });
    } catch (thrown) {
      // It went with its transport, and the next one is told.
      if (sending.publication.producerId === producerId && sending.carrier !== null) throw thrown;
    }
  }

  async #produce(path: MediaPath, sending: Sending): Promise<Carrier> {
    this.#listen(path);
    const { publication, stream } = sending;
    const { source, kind, muted } = publication;
    const encodings = encodingsOf(source, publication.track.getSettings());
    const attached: AttachedFrames[] = [];
    const { track, release } = sendable(publication.track, muted);
    try {
      const producer = await path.transport.produce<ProduceData>({
        track,
        ...(encodings === undefined ? {} : { encodings: encodings.map((encoding) => ({ ...encoding })) }),
        codecOptions: codecOptionsOf(kind),
        stopTracks: false,
        disableTrackOnPause: false,
        // Others line up the sound and picture of one stream id: a face with its voice, a screen with its sound.
        streamId: source === 'microphone' || source === 'camera' ? 'person' : 'screen',
        onRtpSender: (sender) => {
          attached.push(this.#thread.seal(sender, stream, codecOf[kind]));
          if (muted) void sender.replaceTrack(null);
        },
        appData: { sending },
      });
      const [frames] = attached;
      if (frames === undefined) throw new LatchkeyError('internal', 'the sender could not be attached');
      return { producer, attached: frames };
    } catch (thrown) {
      for (const frames of attached) frames.detach();
      throw thrown;
    } finally {
      release();
    }
  }

  #listen({ transport }: MediaPath): void {
    const path = this.#slot.current;
    if (path === null || path.transport !== transport || this.#listening.has(path)) return;
    this.#listening.add(path);
    transport.on('produce', ({ kind, rtpParameters, appData }, done, failed) => {
      const { sending } = appData as ProduceData;
      const { publication, stream } = sending;
      sending.told = publication.muted;
      const ask = {
        transportId: transport.id,
        kind,
        source: publication.source,
        rtpParameters: { ...rtpParameters },
        paused: publication.muted,
        stream,
      };
      const asked = this.#session.request('produce', ask, ({ producerId }) => {
        publication.producerId = producerId;
      });
      void settle(asked, ({ producerId }) => done({ id: producerId }), failed);
    });
  }

  #mutedByHost(sending: Sending): void {
    const { publication } = sending;
    sending.told = true;
    if (publication.muted) return;
    publication.muted = true;
    sending.sendTrack().catch(() => {
      // Its sender is closed: nothing is sent.
    });
    if (sending.published) this.#ends.onMutedByHost(publication);
  }

  #end(sending: Sending): void {
    this.#forget(sending);
    if (sending.published) this.#ends.onPublicationEnded(sending.publication);
  }

  #forget(sending: Sending): void {
    this.#sending.delete(sending);
    sending.publication.active = false;
    sending.drop();
  }

  #of(producerIds: readonly string[]): Sending[] {
    return [...this.#sending].filter(({ publication }) => producerIds.includes(publication.producerId));
  }

  #find(publication: Publication): Sending | undefined {
    return [...this.#sending].find((one) => one.publication === publication);
  }

  #active(publication: Publication): Sending {
    const sending = this.#find(publication);
    if (sending === undefined) throw new LatchkeyError('closed', 'this track is not published any more');
    return sending;
  }

  /** A new one where there is one; else one that is free and has carried this codec, whose counters then go on. */
  #takeStream(codec: Codec): StreamId {
    const all = Array.from({ length: maxStreams }, (_, number) => streamId(number));
    const busy = new Set([...this.#sending].map(({ stream }) => stream));
    const stream =
      all.find((one) => !this.#codecs.has(one)) ??
      all.find((one) => !busy.has(one) && this.#codecs.get(one) === codec);
    if (stream === undefined) throw new LatchkeyError('too_many_streams');
    this.#codecs.set(stream, codec);
    return stream;
  }
}

/**
 * What a muted publication held may have ended, its device being off: a sender needs a track to be made, and is made with one of which
 * nothing ever comes. Call `release` when it is.
 */
const sendable = (
  track: MediaStreamTrack,
  muted: boolean,
): { readonly track: MediaStreamTrack; readonly release: () => void } => {
  if (!muted || track.readyState !== 'ended') return { track, release: () => undefined };
  const connection = new RTCPeerConnection();
  const { receiver } = connection.addTransceiver(track.kind);
  return { track: receiver.track, release: () => connection.close() };
};

/** @throws TypeError where the source is not one of the track's kind. */
const sourceOf = (track: MediaStreamTrack, options: PublishOptions): Source => {
  if (track.kind !== 'audio' && track.kind !== 'video')
    throw new TypeError(`"track" is of kind ${track.kind}`);
  const kind: MediaKind = track.kind;
  const source = options.source ?? defaultSource[kind];
  if (kindOf[source] !== kind) throw new TypeError(`${source} expects ${kindOf[source]}, got ${kind}`);
  return source;
};
