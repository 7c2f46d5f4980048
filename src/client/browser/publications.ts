// What this participant sends. The sealing transform is attached in the same breath in which the sender is made, so that there is
// no moment in which a frame could leave in clear. A lost connection changes nothing here: senders go on, and what was asked for is
// asked again. A new admission changes nothing either: the worker goes over to the new lease.

import type { types } from 'mediasoup-client';
import { LatchkeyError } from '../../protocol/errors.ts';
import { maxStreams, streamId } from '../../protocol/names.ts';
import type { MediaKind, Source, StreamId } from '../../protocol/names.ts';
import type { Codec } from '../../sframe/prefix.ts';
import type { Session } from '../session/session.ts';
import type { Publication, PublishOptions } from './api.ts';
import { codecOf, codecOptionsOf, defaultSource, encodingsOf, kindOf } from './encodings.ts';
import type { AttachedFrames, SFrameThread } from './sframeThread.ts';
import { settle } from './transport.ts';
import type { MediaTransport } from './transport.ts';

/** What travels through mediasoup-client from `publish` to its `produce` event. */
interface ProduceData extends Record<string, unknown> {
  readonly source: Source;
  readonly stream: StreamId;
  readonly muted: boolean;
}

interface Sending {
  readonly publication: PublicationHandle;
  readonly producer: types.Producer;
  readonly attached: AttachedFrames;
  readonly stream: StreamId;
}

class PublicationHandle implements Publication {
  readonly producerId: string;
  readonly kind: MediaKind;
  readonly source: Source;
  track: MediaStreamTrack;
  muted: boolean;
  active = true;

  constructor(producerId: string, source: Source, track: MediaStreamTrack, muted: boolean) {
    this.producerId = producerId;
    this.kind = kindOf[source];
    this.source = source;
    this.track = track;
    this.muted = muted;
  }
}

export interface PublicationEnds {
  /** The server has it no more. */
  readonly onPublicationEnded: (publication: Publication) => void;
}

export class Publications {
  readonly #session: Session;
  readonly #thread: SFrameThread;
  /** Null for viewers. */
  readonly #transport: MediaTransport | null;
  readonly #sending = new Map<Publication, Sending>();
  readonly #sources = new Set<Source>();
  /** Every stream that was ever sent on, with its codec: a stream's counters go on for as long as the lease. */
  readonly #codecs = new Map<StreamId, Codec>();
  readonly #busy = new Set<StreamId>();

  constructor(
    session: Session,
    thread: SFrameThread,
    transport: MediaTransport | null,
    ends: PublicationEnds,
  ) {
    this.#session = session;
    this.#thread = thread;
    this.#transport = transport;
    session.on('gone', ({ producers }) => {
      for (const sending of this.#sending.values()) {
        if (!producers.includes(sending.publication.producerId)) continue;
        this.#end(sending);
        ends.onPublicationEnded(sending.publication);
      }
    });
    transport?.on('produce', ({ kind, rtpParameters, appData }, done, failed) => {
      const { source, stream, muted: paused } = appData as ProduceData;
      const ask = {
        transportId: transport.id,
        kind,
        source,
        rtpParameters: { ...rtpParameters },
        paused,
        stream,
      };
      void settle(session.request('produce', ask), ({ producerId }) => done({ id: producerId }), failed);
    });
  }

  get all(): readonly Publication[] {
    return [...this.#sending.keys()];
  }

  async publish(track: MediaStreamTrack, options: PublishOptions = {}): Promise<Publication> {
    const transport = this.#transport;
    if (transport === null) throw new LatchkeyError('forbidden', 'viewers do not send');
    if (transport.closed) throw new LatchkeyError('closed');
    const source = sourceOf(track, options);
    if (track.readyState === 'ended') throw new TypeError('"track" has ended');
    if (this.#sources.has(source)) throw new TypeError(`${source} is published already`);
    const stream = this.#takeStream(codecOf[kindOf[source]]);
    this.#sources.add(source);
    try {
      const sending = await this.#produce(transport, track, {
        source,
        stream,
        muted: options.muted ?? false,
      });
      this.#sending.set(sending.publication, sending);
      if (this.#session.ended) this.#end(sending);
      return sending.publication;
    } catch (thrown) {
      this.#sources.delete(source);
      this.#busy.delete(stream);
      throw transport.closed ? new LatchkeyError('closed', undefined, { cause: thrown }) : thrown;
    }
  }

  async unpublish(publication: Publication): Promise<void> {
    const sending = this.#sending.get(publication);
    if (sending === undefined) return;
    this.#end(sending);
    await this.#session.request('closeProducer', { producerId: publication.producerId });
  }

  async setMuted(publication: Publication, muted: boolean): Promise<void> {
    const { publication: handle, producer } = this.#active(publication);
    if (handle.muted === muted) return;
    handle.muted = muted;
    // A sender without a track sends nothing, whatever the server does; the page's own track is left as it is.
    if (muted) await producer.rtpSender?.replaceTrack(null);
    await this.#session.request('setProducerPaused', { producerId: handle.producerId, paused: muted });
    if (!muted && !handle.muted) await producer.rtpSender?.replaceTrack(handle.track);
  }

  async replaceTrack(publication: Publication, track: MediaStreamTrack): Promise<void> {
    const { publication: handle, producer } = this.#active(publication);
    if (track.kind !== handle.kind) throw new TypeError(`"track" expected ${handle.kind}, got ${track.kind}`);
    if (!handle.muted) await producer.rtpSender?.replaceTrack(track);
    handle.track = track;
  }

  close(): void {
    for (const sending of this.#sending.values()) this.#end(sending);
  }

  async #produce(transport: MediaTransport, track: MediaStreamTrack, data: ProduceData): Promise<Sending> {
    const { source, stream, muted } = data;
    const kind = kindOf[source];
    const encodings = encodingsOf(source);
    const attached: AttachedFrames[] = [];
    try {
      const producer = await transport.produce<ProduceData>({
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
        appData: data,
      });
      const [path] = attached;
      if (path === undefined) throw new LatchkeyError('internal', 'the sender could not be attached');
      const publication = new PublicationHandle(producer.id, source, track, muted);
      return { publication, producer, attached: path, stream };
    } catch (thrown) {
      for (const path of attached) path.detach();
      throw thrown;
    }
  }

  #end({ publication, producer, attached, stream }: Sending): void {
    this.#sending.delete(publication);
    publication.active = false;
    producer.close();
    attached.detach();
    this.#sources.delete(publication.source);
    this.#busy.delete(stream);
  }

  #active(publication: Publication): Sending {
    const sending = this.#sending.get(publication);
    if (sending === undefined) throw new LatchkeyError('closed', 'this track is not published any more');
    return sending;
  }

  /** A new one where there is one; else one that is free and has carried this codec, whose counters then go on. */
  #takeStream(codec: Codec): StreamId {
    const all = Array.from({ length: maxStreams }, (_, number) => streamId(number));
    const stream =
      all.find((one) => !this.#codecs.has(one)) ??
      all.find((one) => !this.#busy.has(one) && this.#codecs.get(one) === codec);
    if (stream === undefined) throw new LatchkeyError('too_many_streams');
    this.#codecs.set(stream, codec);
    this.#busy.add(stream);
    return stream;
  }
}

/** @throws TypeError where the source is not one of the track's kind. */
const sourceOf = (track: MediaStreamTrack, options: PublishOptions): Source => {
  if (track.kind !== 'audio' && track.kind !== 'video')
    throw new TypeError(`"track" is of kind ${track.kind}`);
  const source = options.source ?? defaultSource[track.kind];
  if (kindOf[source] !== track.kind)
    throw new TypeError(`${source} expects ${kindOf[source]}, got ${track.kind}`);
  return source;
};
