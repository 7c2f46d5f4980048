// The Meeting that a page holds: a session and its media behind the types of api.ts.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { MeetingKind, Role } from '../../protocol/names.ts';
import type { Participant } from '../../protocol/signaling.ts';
import { Emitter } from '../session/emitter.ts';
import type { EpochState } from '../session/keyPlane.ts';
import type { Session } from '../session/session.ts';
import { createHostControls } from './hostControls.ts';
import type {
  Door,
  EpochInfo,
  HostControls,
  Meeting,
  MeetingEvents,
  MeetingParticipant,
  MeetingStats,
  Publication,
  PublishOptions,
  RemoteTrack,
  ViewedVideo,
} from './api.ts';
import { Media } from './media.ts';
import type { SFrameThread } from './sframeThread.ts';

export class KeyedMeeting implements Meeting {
  readonly keying = 'server';
  readonly host: HostControls;
  readonly #session: Session;
  readonly #thread: SFrameThread;
  readonly #media: Media;
  readonly #events: Emitter<MeetingEvents>;
  #epoch: EpochState;

  private constructor(
    session: Session,
    thread: SFrameThread,
    media: Media,
    events: Emitter<MeetingEvents>,
    epoch: EpochState,
  ) {
    this.#session = session;
    this.#thread = thread;
    this.#media = media;
    this.#events = events;
    this.#epoch = session.epoch ?? epoch;
    this.host = createHostControls(session);
    // A page that goes away comes back as somebody else: nobody waits for it.
    const goodbye = (): void => session.close();
    globalThis.addEventListener('pagehide', goodbye);
    session.on('ended', () => {
      globalThis.removeEventListener('pagehide', goodbye);
      media.close();
    });
    this.#forward(session);
  }

  /**
   * Opens media while the first key is on its way; resolves when both are there.
   * @throws LatchkeyError; the session is then ended.
   */
  static async open(
    session: Session,
    thread: SFrameThread,
    keyTimeoutMs: number,
    onKeyed: () => void,
  ): Promise<KeyedMeeting> {
    const events = new Emitter<MeetingEvents>();
    const keyed = session.keyed(keyTimeoutMs);
    const opening = Media.open(session, thread, {
      onTrack: (remote) => events.emit('track', remote),
      onTrackEnded: (remote) => events.emit('trackEnded', remote),
      onPublicationEnded: (publication) => events.emit('publicationEnded', publication),
      onMutedByHost: (publication) => events.emit('mutedByHost', publication),
      onFailed: ({ code, message }) => events.emit('failure', { code, message }),
    });
    const [epoch, media] = await Promise.allSettled([
      endingWith(
        session,
        keyed.then((state) => {
          onKeyed();
          return state;
        }),
      ),
      endingWith(session, opening),
    ]);
    if (epoch.status === 'fulfilled' && media.status === 'fulfilled' && !session.ended) {
      return new KeyedMeeting(session, thread, media.value, events, epoch.value);
    }
    if (media.status === 'fulfilled') media.value.close();
    session.close();
    throw causeOf([epoch, media]);
  }

  get id(): string {
    return this.#session.meeting.id;
  }

  get name(): string | undefined {
    return this.#session.meeting.name;
  }

  get kind(): MeetingKind {
    return this.#session.meeting.kind;
  }

  get participantId(): string {
    return this.#session.self.participantId;
  }

  get role(): Role {
    return this.#session.role;
  }

  get door(): Door {
    return this.#session.door;
  }

  get guests(): MeetingEvents['guests'] {
    return this.#session.guests;
  }

  get epoch(): number {
    return this.#epoch.epoch;
  }

  get fingerprint(): string {
    return this.#epoch.fingerprint;
  }

  get epochInfo(): EpochInfo {
    return this.#epoch;
  }

  get participants(): readonly MeetingParticipant[] {
    return [this.#session.self, ...this.#session.roster.participants].map((one) => this.#describe(one));
  }

  get publications(): readonly Publication[] {
    return this.#media.publications.all;
  }

  get tracks(): readonly RemoteTrack[] {
    return this.#media.subscriptions.tracks;
  }

  publish(track: MediaStreamTrack, options?: PublishOptions): Promise<Publication> {
    return this.#media.publications.publish(track, options);
  }

  unpublish(publication: Publication): Promise<void> {
    return this.#media.publications.unpublish(publication);
  }

  setMuted(publication: Publication, muted: boolean): Promise<void> {
    return this.#media.publications.setMuted(publication, muted);
  }

  replaceTrack(publication: Publication, track: MediaStreamTrack): Promise<void> {
    return this.#media.publications.replaceTrack(publication, track);
  }

  view(videos: readonly ViewedVideo[]): void {
    this.#media.subscriptions.view(videos);
  }

  async raiseHand(raised: boolean): Promise<void> {
    await this.#session.request('raiseHand', { raised });
  }

  async stepDown(): Promise<void> {
    await this.#session.request('setRole', { participantId: this.participantId, role: 'viewer' });
  }

  async leave(): Promise<void> {
    this.#media.close();
    await this.#session.leave();
  }

  on<E extends keyof MeetingEvents>(event: E, listener: (data: MeetingEvents[E]) => void): () => void {
    const off = this.#events.on(event, listener);
    if (event !== 'track') return off;
    let wanted = true;
    const there = this.tracks;
    queueMicrotask(() => {
      const now = this.tracks;
      for (const remote of there)
        if (wanted && now.includes(remote)) (listener as (data: RemoteTrack) => void)(remote);
    });
    return () => {
      wanted = false;
      off();
    };
  }

  async stats(): Promise<MeetingStats> {
    const [hop, frames] = await Promise.all([this.#media.hop(), this.#thread.agent.counts()]);
    return { hop, frames };
  }

  #forward(session: Session): void {
    const events = this.#events;
    session.on('epoch', (state) => {
      this.#epoch = state;
      events.emit('epoch', state);
    });
    session.on('connection', (data) => events.emit('connection', data));
    session.on('participantJoined', (joined) => events.emit('participantJoined', this.#describe(joined)));
    session.on('participantChanged', (changed) => events.emit('participantChanged', this.#describe(changed)));
    for (const event of ['producerAdded', 'producerRemoved'] as const)
      session.on(event, ({ participantId }) => this.#sendingChanged(participantId));
    session.on('participantLeft', ({ participant: { participantId, name }, cause }) =>
      events.emit('participantLeft', { participantId, name, cause }),
    );
    session.on('producerChanged', ({ participantId, source, paused }) =>
      events.emit('muted', { participantId, source, muted: paused }),
    );
    session.on('role', (data) => events.emit('role', data));
    session.on('door', (data) => events.emit('door', data));
    session.on('guests', (data) => events.emit('guests', data));
    session.on('speakers', (participantIds) => events.emit('speakers', { participantIds }));
    session.on('sendingPaused', (data) => events.emit('sendingPaused', data));
    session.on('failure', ({ code, message }) => events.emit('failure', { code, message }));
    session.on('ended', (data) => {
      events.emit('ended', data);
      events.clear();
    });
  }

  /** Whoever left took what it sent along, and is not told of any more. */
  #sendingChanged(participantId: string): void {
    const participant = this.#session.roster.participant(participantId);
    if (participant !== undefined) this.#events.emit('participantChanged', this.#describe(participant));
  }

  #describe(participant: Participant): MeetingParticipant {
    const { participantId } = participant;
    const sending =
      participantId === this.participantId
        ? this.publications
        : this.#session.roster.producersOf(participantId).map((one) => ({ ...one, muted: one.paused }));
    return { ...participant, sending: sending.map(({ source, kind, muted }) => ({ source, kind, muted })) };
  }
}

/** Neither key nor media are of use without the other: where one fails, the other is not waited for. */
const endingWith = async <T>(session: Session, part: Promise<T>): Promise<T> => {
  try {
    return await part;
  } catch (thrown) {
    session.close();
    throw thrown;
  }
};

/** The part that failed first; the other only says that all is closed. */
const causeOf = (parts: readonly PromiseSettledResult<unknown>[]): unknown => {
  const reasons = parts.flatMap((part) => (part.status === 'rejected' ? [part.reason as unknown] : []));
  const first = reasons.find((reason) => !(reason instanceof LatchkeyError && reason.code === 'closed'));
  return first ?? reasons[0] ?? new LatchkeyError('closed');
};
