// One participant's connection to one meeting, without media: who is there, what they send, which key is in use. Portable: the
// SDK puts WebRTC on top of it, load generators and tests their own. Made by `connect`.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { DepartureCause, EndReason, Lease, Role, StreamId } from '../../protocol/names.ts';
import type {
  Answer,
  Ask,
  Method,
  NoticeData,
  Participant,
  Producer,
  ServerNotice,
} from '../../protocol/signaling.ts';
import type { Clock } from './clock.ts';
import { Emitter } from './emitter.ts';
import type { KeyAgent } from './keyAgent.ts';
import { KeyPlane } from './keyPlane.ts';
import type { EpochState } from './keyPlane.ts';
import { Roster } from './roster.ts';
import type { AnyServerNotice, Signaling } from './signaling.ts';
import { verifyTransports } from './transports.ts';

export type SessionEnd = EndReason | 'connectionLost';

/** Ends that are failures. */
const troubles: ReadonlySet<EndReason> = new Set(['protocolError', 'tooSlow', 'failed']);

export interface SessionEvents {
  /** Sealing goes on under this epoch. */
  readonly epoch: EpochState;
  readonly participantJoined: Participant;
  /** After a `producerRemoved` for each of its producers. */
  readonly participantLeft: { readonly participant: Participant; readonly cause: DepartureCause };
  readonly producerAdded: Producer;
  readonly producerChanged: Producer;
  readonly producerRemoved: Producer;
  /** Loudest first. */
  readonly speakers: readonly string[];
  readonly sendingPaused: { readonly paused: boolean; readonly epoch: number };
  /** Frames of this origin open again: its consumer wants a key frame. */
  readonly recovered: { readonly lease: Lease; readonly stream: StreamId };
  /** `ended` follows where the session could not go on. */
  readonly failure: LatchkeyError;
  /** Once and last. */
  readonly ended: { readonly reason: SessionEnd };
}

/** What `connect` found out. */
export interface SessionParts {
  readonly signaling: Signaling;
  readonly agent: KeyAgent;
  readonly clock: Clock;
  readonly joined: Answer<'join'>;
  readonly lease: Lease;
  readonly incarnation: Uint8Array;
}

/** What to say to whoever still waits when a session ends in order. */
const endErrors: Partial<Record<SessionEnd, readonly [ErrorCode, string?]>> = {
  meetingEnded: ['meeting_ended'],
  serverStopping: ['draining'],
  evicted: ['forbidden', 'this participant was removed'],
};

/** How long a server that does not answer can delay leaving, in milliseconds. */
const leaveGraceMs = 2_000;

type NoticeTable = { readonly [N in ServerNotice]: (data: NoticeData<N>) => void };

export class Session {
  readonly meeting: Answer<'join'>['meeting'];
  readonly self: Participant;
  readonly lease: Lease;
  readonly incarnation: Uint8Array;
  readonly routerRtpCapabilities: Readonly<Record<string, unknown>>;
  /** The others. */
  readonly roster: Roster;
  readonly #signaling: Signaling;
  readonly #agent: KeyAgent;
  readonly #clock: Clock;
  readonly #keys: KeyPlane;
  readonly #events = new Emitter<SessionEvents>();
  #leaving = false;
  /** Not null: ended, and why. */
  #endError: LatchkeyError | null = null;

  constructor(parts: SessionParts) {
    const { joined, agent, clock, signaling } = parts;
    this.meeting = joined.meeting;
    this.self = { participantId: joined.participantId, name: joined.name, role: joined.role };
    this.lease = parts.lease;
    this.incarnation = parts.incarnation;
    this.routerRtpCapabilities = joined.routerRtpCapabilities;
    this.roster = new Roster(
      joined.participants.filter(({ participantId }) => participantId !== joined.participantId),
      joined.producers,
    );
    this.#signaling = signaling;
    this.#agent = agent;
    this.#clock = clock;
    this.#keys = new KeyPlane({
      agent,
      clock,
      notify: (notice, data) => signaling.notify(notice, data),
      onEpoch: (state) => this.#events.emit('epoch', state),
      onStopped: (error) => this.#events.emit('failure', error),
      onFailed: (error) => this.#end('failed', error),
    });
    agent.on('recovered', (origin) => this.#events.emit('recovered', origin));
    agent.on('expired', () =>
      this.#events.emit('failure', new LatchkeyError('sending_stopped', 'the key outlived its time')),
    );
    agent.on('failed', ({ code, message }) => this.#end('failed', new LatchkeyError(code, message)));
    signaling.deliverTo({
      notice: (notice) => this.#notice(notice),
      keyMessage: (message) => this.#keys.keyMessage(message),
      closed: (error) => this.#end(error.code === 'connection_lost' ? 'connectionLost' : 'failed', error),
    });
  }

  get role(): Role {
    return this.self.role;
  }

  get ended(): boolean {
    return this.#endError !== null;
  }

  /** Null until the first activation. */
  get epoch(): EpochState | null {
    return this.#keys.state;
  }

  on<E extends keyof SessionEvents>(event: E, listener: (data: SessionEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** The first epoch in use. @throws LatchkeyError `connection_lost` where none came in time, or why the session ended. */
  keyed(timeoutMs: number): Promise<EpochState> {
    if (this.epoch !== null) return Promise.resolve(this.epoch);
    if (this.#endError !== null) return Promise.reject(this.#endError);
    return new Promise((resolve, reject) => {
      const stop = [
        this.on('epoch', (state) => settle(() => resolve(state))),
        this.on('ended', () => settle(() => reject(this.#endError ?? new LatchkeyError('closed')))),
        this.#clock.after(timeoutMs, () =>
          settle(() => reject(new LatchkeyError('connection_lost', `no key in ${timeoutMs} ms`))),
        ),
      ];
      const settle = (done: () => void): void => {
        for (const off of stop) off();
        done();
      };
    });
  }

  /** @throws LatchkeyError with the server's code, `connection_lost`, `closed`. */
  request<M extends Exclude<Method, 'join' | 'leave' | 'openMedia'>>(
    method: M,
    ask: Ask<M>,
  ): Promise<Answer<M>> {
    return this.#signaling.request(method, ask);
  }

  /**
   * Transports whose DTLS fingerprints the server's key signed.
   * @throws LatchkeyError `key_message_forged`, `weak_fingerprint`, and as `request`.
   */
  async openMedia(ask: Ask<'openMedia'>): Promise<Answer<'openMedia'>> {
    const opened = await this.#signaling.request('openMedia', ask);
    await verifyTransports(this.#agent, this.self.participantId, opened);
    return opened;
  }

  /** Tells the server and ends; ends just the same where the server does not answer. */
  async leave(): Promise<void> {
    if (this.ended || this.#leaving) return;
    this.#leaving = true;
    const cancel = this.#clock.after(leaveGraceMs, () => this.#end('left'));
    try {
      await this.#signaling.request('leave', {});
    } catch (thrown) {
      // Ended meanwhile, or the server does not hear: it notices that the socket closes.
      if (!(thrown instanceof LatchkeyError)) throw thrown;
    } finally {
      cancel();
      this.#end('left');
    }
  }

  /** Ends without telling the server more than the socket's closing does. */
  close(): void {
    this.#end('left');
  }

  #notice(notice: AnyServerNotice): void {
    if (this.ended) return;
    const handle = this.#notices[notice.notice] as (data: AnyServerNotice['data']) => void;
    handle(notice.data);
  }

  readonly #notices: NoticeTable = {
    activated: (data) => this.#keys.activated(data),
    readmit: () => undefined,
    leases: () => undefined,
    participantJoined: (participant) => {
      if (participant.participantId === this.self.participantId) return;
      if (this.roster.join(participant)) this.#events.emit('participantJoined', participant);
    },
    participantLeft: ({ participantId, cause }) => {
      const left = this.roster.leave(participantId);
      if (left === null) return;
      for (const producer of left.producers) this.#events.emit('producerRemoved', producer);
      this.#events.emit('participantLeft', { participant: left.participant, cause });
    },
    producerAdded: (producer) => {
      if (this.roster.add(producer)) this.#events.emit('producerAdded', producer);
    },
    producerChanged: (change) => {
      const producer = this.roster.change(change);
      if (producer !== null) this.#events.emit('producerChanged', producer);
    },
    producerRemoved: ({ producerId }) => {
      const producer = this.roster.remove(producerId);
      if (producer !== null) this.#events.emit('producerRemoved', producer);
    },
    speakers: ({ participantIds }) => this.#events.emit('speakers', participantIds),
    sendingPaused: (data) => this.#events.emit('sendingPaused', data),
    ended: ({ reason, code }) => {
      this.#end(reason, troubles.has(reason) ? new LatchkeyError(code ?? 'internal') : undefined);
    },
  };

  #end(reason: SessionEnd, error?: LatchkeyError): void {
    if (this.#endError !== null) return;
    const told = this.#leaving ? 'left' : reason;
    this.#endError = error ?? new LatchkeyError(...(endErrors[told] ?? ['closed']));
    this.#keys.close();
    this.#signaling.close();
    this.#agent.close();
    if (error !== undefined && told !== 'left') this.#events.emit('failure', error);
    this.#events.emit('ended', { reason: told });
    this.#events.clear();
  }
}
