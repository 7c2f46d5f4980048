// What this participant receives of what others send: the videos that are looked at, in the size in which they are, and the voices that may be
// heard. A consumer starts paused at the server and is resumed once its receiver has its opening transform. It outlives lost connections,
// and new admissions of whoever sends; one that the server lost is made anew.

import type { RtpParameters } from 'mediasoup-client/types';
import type { types } from 'mediasoup-client';
import { LatchkeyError } from '../../protocol/errors.ts';
import { lease, streamId } from '../../protocol/names.ts';
import type { Answer, Producer } from '../../protocol/signaling.ts';
import { systemClock } from '../session/clock.ts';
import type { Session } from '../session/session.ts';
import type { RemoteTrack, ViewedVideo } from './api.ts';
import { codecOf, mimeTypeOf } from './encodings.ts';
import type { AttachedFrames, SFrameThread } from './sframeThread.ts';
import type { Slot } from './slot.ts';
import { Subscription } from './subscription.ts';
import { Throttled } from './throttled.ts';
import type { MediaPath } from './transport.ts';
import { ViewPlan } from './viewPlan.ts';
import { Voices } from './voices.ts';

/** Milliseconds between two views that are acted upon. */
const viewEveryMs = 200;

interface Receiving {
  readonly consumer: types.Consumer;
  readonly attached: AttachedFrames;
  readonly remote: RemoteTrack;
}

interface Followed {
  readonly producer: Producer;
  readonly subscription: Subscription<MediaPath, Receiving>;
}

export interface SubscriptionsEnds {
  readonly onTrack: (remote: RemoteTrack) => void;
  readonly onTrackEnded: (remote: RemoteTrack) => void;
  /** The server does not have this transport any more. */
  readonly onPathGone: (path: MediaPath) => void;
  readonly onFailed: (error: LatchkeyError) => void;
}

export class Subscriptions {
  readonly #session: Session;
  readonly #thread: SFrameThread;
  readonly #slot: Slot<MediaPath>;
  readonly #ends: SubscriptionsEnds;
  /** By producer, in the order in which they came. */
  readonly #followed = new Map<string, Followed>();
  readonly #plan = new ViewPlan();
  readonly #voices = new Voices();
  readonly #views: Throttled<readonly ViewedVideo[]>;
  readonly #stops: (() => void)[];
  #cancelTimer: () => void = () => undefined;
  #deciding = false;
  #closed = false;

  constructor(session: Session, thread: SFrameThread, slot: Slot<MediaPath>, ends: SubscriptionsEnds) {
    this.#session = session;
    this.#thread = thread;
    this.#slot = slot;
    this.#ends = ends;
    this.#views = new Throttled(systemClock, viewEveryMs, (videos) => {
      this.#plan.view(videos, systemClock.monotonicMs());
      this.#decide();
    });
    this.#stops = [
      session.on('producerAdded', (producer) => {
        this.#follow(producer);
        this.#decideSoon();
      }),
      session.on('producerRemoved', ({ producerId }) => {
        this.#followed.get(producerId)?.subscription.end();
        this.#followed.delete(producerId);
        this.#decideSoon();
      }),
      session.on('gone', ({ consumers }) => this.#lostConsumers(consumers)),
      session.on('consumersLost', (consumers) => this.#lostConsumers(consumers)),
      session.on('speakers', (participantIds) => {
        this.#voices.speak(participantIds);
        this.#decideSoon();
      }),
      session.on('recovered', (origin) => this.#requestKeyFrame(origin)),
    ];
    for (const producer of session.roster.producers) this.#follow(producer);
    this.#decide();
  }

  get tracks(): readonly RemoteTrack[] {
    return [...this.#followed.values()].flatMap(({ subscription }) => subscription.receiving?.remote ?? []);
  }

  /** From the first call on, no other videos are received. */
  view(videos: readonly ViewedVideo[]): void {
    this.#views.give(videos);
  }

  /** The transport is gone: all that is wanted is received anew with the next. */
  lost(): void {
    for (const { subscription } of this.#followed.values()) subscription.lost();
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#views.close();
    for (const stop of this.#stops) stop();
    for (const { subscription } of this.#followed.values()) subscription.end();
    this.#followed.clear();
  }

  #follow(producer: Producer): void {
    const { producerId } = producer;
    const subscription = new Subscription<MediaPath, Receiving>({
      path: () => this.#slot.ready(),
      consume: () => this.#session.request('consume', { producerId }),
      attach: (path, answer) => this.#attach(path, answer, producer),
      detach: ({ consumer, attached }) => {
        consumer.close();
        attached.detach();
      },
      ask: (method, ask) => this.#session.request(method, ask),
      pause: (ms) => new Promise((resolve) => void systemClock.after(ms, resolve)),
      onReceiving: ({ remote }) => this.#ends.onTrack(remote),
      onEnded: ({ remote }) => this.#ends.onTrackEnded(remote),
      onPathGone: (path) => this.#ends.onPathGone(path),
      onFailed: (error) => {
        if (!this.#session.ended) this.#ends.onFailed(error);
      },
    });
    this.#followed.set(producerId, { producer, subscription });
  }

  /** Once for all that one roster tells. */
  #decideSoon(): void {
    if (this.#deciding) return;
    this.#deciding = true;
    queueMicrotask(() => this.#decide());
  }

  /** Brings everything in line with what is looked at and who is heard, and looks again when that changes by itself. */
  #decide(): void {
    this.#deciding = false;
    if (this.#closed) return;
    const nowMs = systemClock.monotonicMs();
    const all = [...this.#followed.values()];
    const heard = this.#voices.choose(all.map(({ producer }) => producer).filter(isAudio));
    for (const { producer, subscription } of all) {
      if (!isAudio(producer)) subscription.want(this.#plan.wanted(producer, nowMs));
      else if (heard.has(producer.producerId)) subscription.want({ kind: 'received', spatialLayer: null });
      else subscription.want({ kind: 'none' });
    }
    this.#cancelTimer();
    const nextMs = this.#plan.nextMs(nowMs);
    if (nextMs === null) return;
    this.#cancelTimer = systemClock.after(Math.ceil(nextMs - nowMs), () => this.#decide());
  }

  #lostConsumers(consumers: readonly { readonly consumerId: string; readonly producerId: string }[]): void {
    for (const { consumerId, producerId } of consumers) {
      const subscription = this.#followed.get(producerId)?.subscription;
      if (subscription?.consumerId === consumerId) subscription.lost();
    }
  }

  async #attach({ transport }: MediaPath, answer: Answer<'consume'>, producer: Producer): Promise<Receiving> {
    this.#assertAsAnnounced(answer, producer);
    const { consumerId, producerId, kind, rtpParameters } = answer;
    const { participantId, source } = producer;
    const attached: AttachedFrames[] = [];
    const origin = { lease: lease(answer.lease), stream: streamId(answer.stream) };
    try {
      const consumer = await transport.consume({
        id: consumerId,
        producerId,
        kind,
        rtpParameters: rtpParameters as RtpParameters,
        streamId: `${participantId}-${source === 'microphone' || source === 'camera' ? 'person' : 'screen'}`,
        onRtpReceiver: (receiver) => attached.push(this.#thread.open(receiver, origin, codecOf[kind])),
      });
      const [frames] = attached;
      if (frames === undefined) throw new LatchkeyError('internal', 'the receiver could not be attached');
      return { consumer, attached: frames, remote: { participantId, kind, source, track: consumer.track } };
    } catch (thrown) {
      for (const frames of attached) frames.detach();
      throw thrown;
    }
  }

  #requestKeyFrame(origin: { readonly lease: number; readonly stream: number }): void {
    for (const { producer, subscription } of this.#followed.values()) {
      const { participantId, stream } = producer;
      const sends = stream === origin.stream && this.#session.roster.carries(participantId, origin.lease);
      const consumerId = subscription.receiving?.consumer.id;
      if (consumerId === undefined || !sends) continue;
      this.#session.request('requestKeyFrame', { consumerId }).catch((thrown: unknown) => {
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

const isAudio = ({ kind }: Producer): boolean => kind === 'audio';
