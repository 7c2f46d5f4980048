// One participant's stay in one meeting, without media: who is there, what they send, which key is in use. Portable: the SDK puts WebRTC
// on top of it, load generators and tests their own. Made by `connect`.
//
// A socket that is lost ends nothing: the link comes back within the resume window, and meanwhile what is sealed goes on under the epoch
// in use, until its life ends. Requests wait for the connection; those that were under way are asked again. All of them may be: a
// resume names what this end has of its own, so what a lost answer would have told of is closed by then, and the rest changes nothing
// when it is done twice.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import { fromBase64Url, toBase64Url } from '../../protocol/bytes.ts';
import { epochId, protocolVersion } from '../../protocol/names.ts';
import type { EndReason, Lease, Role } from '../../protocol/names.ts';
import type {
  Answer,
  Ask,
  ClientNotice,
  ClientNoticeData,
  Door,
  Method,
  NoticeData,
  Participant,
} from '../../protocol/signaling.ts';
import type { Clock } from './clock.ts';
import { Emitter } from './emitter.ts';
import { Entrance } from './entrance.ts';
import type { KeyAgent } from './keyAgent.ts';
import { KeyPlane } from './keyPlane.ts';
import type { EpochState } from './keyPlane.ts';
import { Link } from './link.ts';
import { OwnMedia } from './ownMedia.ts';
import { Readmission } from './readmission.ts';
import { Presence } from './presence.ts';
import { Reporter } from './reporter.ts';
import type { Hop } from './reporter.ts';
import type { Roster } from './roster.ts';
import type { SessionEnd, SessionEvents } from './sessionEvents.ts';
import type { SessionParts } from './sessionParts.ts';
import type { DeliveredNotice, AnyServerNotice, Signaling } from './signaling.ts';
import { verifyTransports } from './transports.ts';

export type { SessionEnd, SessionEvents };

/** Ends that are failures. */
const troubles: ReadonlySet<EndReason> = new Set(['protocolError', 'tooSlow', 'failed']);

/** What to say to whoever still waits when a session ends in order. */
const endErrors: Partial<Record<SessionEnd, readonly [ErrorCode, string?]>> = {
  meetingEnded: ['meeting_ended'],
  serverStopping: ['draining'],
  evicted: ['forbidden', 'this participant was removed'],
  superseded: ['lease_taken'],
};

type SessionMethod = Exclude<Method, 'join' | 'challenge' | 'resume' | 'readmit' | 'leave' | 'openMedia'>;
/** What a resume does by itself: it names what is left, and the server closes the rest. */
const doneByResume: ReadonlySet<Method> = new Set(['closeProducer', 'closeConsumer']);

/** How long a server that does not answer can delay leaving, in milliseconds. */
const leaveGraceMs = 2_000;

/** Asked over a socket that is gone: there was no answer, or none could be given. */
const isCutOff = (thrown: unknown): boolean =>
  thrown instanceof LatchkeyError && (thrown.code === 'connection_lost' || thrown.code === 'closed');

type NoticeTable = { readonly [N in DeliveredNotice]: (data: NoticeData<N>) => void };

export class Session {
  readonly meeting: Answer<'join'>['meeting'];
  readonly iceServers: Answer<'join'>['iceServers'];
  readonly incarnation: Uint8Array;
  readonly routerRtpCapabilities: Readonly<Record<string, unknown>>;
  readonly #firstLease: Lease;
  readonly #link: Link<Signaling>;
  readonly #agent: KeyAgent;
  readonly #clock: Clock;
  readonly #keys: KeyPlane;
  readonly #readmission: Readmission;
  readonly #own = new OwnMedia();
  readonly #presence: Presence;
  readonly #entrance: Entrance;
  readonly #reporter: Reporter;
  readonly #events = new Emitter<SessionEvents>();
  #leaving = false;
  /** Not null: ended, and why. */
  #endError: LatchkeyError | null = null;

  constructor(parts: SessionParts) {
    const { joined, agent, clock, signaling } = parts;
    this.meeting = joined.meeting;
    this.iceServers = joined.iceServers;
    this.#firstLease = parts.lease;
    this.incarnation = parts.incarnation;
    this.routerRtpCapabilities = joined.routerRtpCapabilities;
    this.#agent = agent;
    this.#clock = clock;
    this.#keys = new KeyPlane({
      agent,
      clock,
      notify: (notice, data) => this.#notify(notice, data),
      onEpoch: (state) => this.#events.emit('epoch', state),
      onStopped: (error) => this.#events.emit('failure', error),
      onFailed: (error) => this.#end('failed', error),
    });
    this.#presence = new Presence(joined, {
      events: this.#events,
      own: this.#own,
      nextEpoch: () => this.#keys.nextEpoch,
      onLeases: (changes) => this.#keys.leases(changes),
    });
    this.#entrance = new Entrance(joined.door, this.#events);
    this.#reporter = new Reporter({
      clock,
      since: parts.since,
      counts: () => agent.counts(),
      tell: (report) => this.#notify('report', report),
    });
    this.#link = this.#createLink(parts);
    this.#readmission = this.#createReadmission(parts);
    agent.on('recovered', (origin) => this.#events.emit('recovered', origin));
    agent.on('firstOpened', () => this.#reporter.opened());
    agent.on('expired', () =>
      this.#events.emit('failure', new LatchkeyError('sending_stopped', 'the key outlived its time')),
    );
    agent.on('failed', ({ code, message }) => this.#end('failed', new LatchkeyError(code, message)));
    this.#deliver(signaling);
  }

  /** The own one that frames carry now. */
  get lease(): Lease {
    return this.#keys.lease ?? this.#firstLease;
  }

  /** The others. */
  get roster(): Roster {
    return this.#presence.roster;
  }

  /** Role and hand may change. */
  get self(): Participant {
    return this.#presence.self;
  }

  get role(): Role {
    return this.self.role;
  }

  get door(): Door {
    return this.#entrance.door;
  }

  /** For hosts: who waits before the door. */
  get guests(): NoticeData<'guests'> {
    return this.#entrance.guests;
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

  /**
   * While the connection is lost, waits until it has been resumed.
   * @param arrived called with the answer before anything that the server sent after it is delivered.
   * @throws LatchkeyError with the server's code, or why the session ended.
   */
  request<M extends SessionMethod>(
    method: M,
    ask: Ask<M>,
    arrived?: (answer: Answer<M>) => void,
  ): Promise<Answer<M>> {
    return this.#request(method, ask, arrived);
  }

  /**
   * Transports whose DTLS fingerprints the server's key signed.
   * @throws LatchkeyError `key_message_forged`, `weak_fingerprint`, and as `request`.
   */
  async openMedia(ask: Ask<'openMedia'>): Promise<Answer<'openMedia'>> {
    const opened = await this.#request('openMedia', ask);
    await verifyTransports(this.#agent, this.self.participantId, opened);
    return opened;
  }

  /** For the operator's metrics, as the transport's statistics name them. */
  reportHop(hop: Hop): void {
    this.#reporter.hop(hop);
  }

  /** Something else failed: whether the connection still answers is found out now, not with the next request. */
  probe(): void {
    // Any answer will do, a refusal too.
    this.#link.current?.request('challenge', {}).catch((thrown: unknown) => {
      if (!(thrown instanceof LatchkeyError)) throw thrown;
    });
  }

  /** Tells the server and ends; ends just the same where the server does not answer. */
  async leave(): Promise<void> {
    if (this.ended || this.#leaving) return;
    this.#leaving = true;
    const cancel = this.#clock.after(leaveGraceMs, () => this.#end('left'));
    try {
      // While the connection is lost there is nobody to tell: the window passes without us.
      await this.#link.current?.request('leave', {});
    } catch (thrown) {
      // Ended meanwhile, or the server does not hear: it notices that the socket closes.
      if (!(thrown instanceof LatchkeyError)) throw thrown;
    } finally {
      cancel();
      this.#end('left');
    }
  }

  /** Ends at once: the server is told, and not waited for. */
  close(): void {
    this.#end('left');
  }

  async #request<M extends SessionMethod | 'openMedia'>(
    method: M,
    ask: Ask<M>,
    arrived?: (answer: Answer<M>) => void,
  ): Promise<Answer<M>> {
    this.#own.asks(method, ask);
    if (method === 'produce') this.#keys.sends();
    for (;;) {
      const signaling = await this.#link.ready();
      try {
        return await signaling.request(method, ask, (answer) => {
          this.#own.answered(method, answer);
          arrived?.(answer);
        });
      } catch (thrown) {
        if (this.#endError !== null || !signaling.closed || !isCutOff(thrown)) throw thrown;
      }
      if (doneByResume.has(method)) {
        await this.#link.ready();
        return {} as Answer<M>;
      }
    }
  }

  /** False where there is nobody to hear it. */
  #notify<N extends ClientNotice>(notice: N, data: ClientNoticeData<N>): boolean {
    const signaling = this.#link.current;
    signaling?.notify(notice, data);
    return signaling !== null && !signaling.closed;
  }

  #createLink({ signaling, clock, random, open, joined }: SessionParts): Link<Signaling> {
    return new Link(signaling, {
      clock,
      random,
      open,
      windowMs: joined.timers.resumeWindowMs,
      resume: (socket) => this.#resume(socket),
      onLost: () => this.#events.emit('connection', { state: 'lost' }),
      onResumed: () => this.#events.emit('connection', { state: 'resumed' }),
      onOver: (error) => this.#end(error.code === 'malformed' ? 'failed' : 'connectionLost', error),
    });
  }

  #createReadmission({ agent, joined, signingKey }: SessionParts): Readmission {
    // Every admission of a stay names the role that its token gave, whatever hosts made of it since.
    const { participantId, role } = joined;
    const expected = { meeting: this.meeting.id, participantId, role, signingKey };
    return new Readmission({
      agent,
      request: async (publicKey, arrived) => {
        await this.#link.current?.request('readmit', { publicKey }, ({ admission }) => arrived(admission));
      },
      admit: (admission) =>
        this.#keys.admit(() =>
          agent.admit(fromBase64Url(admission) ?? new Uint8Array(), expected, joined.timers),
        ),
      onRefused: (error) => this.#events.emit('failure', error),
    });
  }

  #deliver(signaling: Signaling): void {
    signaling.deliverTo({
      notice: (notice) => this.#notice(notice),
      keyMessage: (message) => this.#keys.keyMessage(message),
      closed: (error) => {
        if (error.code === 'connection_lost') this.#link.lost();
        else this.#end('failed', error);
      },
    });
  }

  async #resume(signaling: Signaling): Promise<() => void> {
    const { challenge } = await signaling.request('challenge', {});
    const held = await this.#keys.held();
    const proofs = await this.#agent.prove(fromBase64Url(challenge) ?? new Uint8Array());
    const answer = await signaling.request('resume', {
      protocol: protocolVersion,
      meeting: this.meeting.id,
      participantId: this.self.participantId,
      proofs: proofs.map(({ lease, proof }) => ({ lease, proof: toBase64Url(proof) })),
      ...held,
      producers: this.#own.producers,
      consumers: this.#own.consumers,
    });
    if (this.#endError !== null) throw this.#endError;
    this.#entrance.told(answer.door);
    this.#presence.resumed(answer);
    return () => this.#deliver(signaling);
  }

  #notice(notice: AnyServerNotice): void {
    if (this.ended) return;
    const handle = this.#notices[notice.notice] as (data: AnyServerNotice['data']) => void;
    handle(notice.data);
  }

  readonly #notices: NoticeTable = {
    activated: (data) => this.#keys.activated(data),
    readmit: () => this.#readmission.ask(),
    leases: ({ epoch, leases }) => this.#presence.leases(epochId(epoch), leases),
    roster: (delta) => this.#presence.told(delta),
    door: (door) => this.#entrance.told(door),
    guests: (guests) => this.#entrance.toldGuests(guests),
    muted: (data) => this.#events.emit('muted', data),
    wanted: (data) => this.#events.emit('wanted', data),
    mediaLost: (data) => {
      this.#own.lose();
      this.#events.emit('mediaLost', data);
    },
    consumersLost: ({ consumers }) => {
      const lost = this.#own.remove({ producers: [], consumers: consumers.map((one) => one.consumerId) });
      if (lost.consumers.length > 0) this.#events.emit('consumersLost', lost.consumers);
    },
    speakers: ({ participantIds }) => this.#events.emit('speakers', participantIds),
    sendingPaused: (data) => this.#events.emit('sendingPaused', data),
    ended: ({ reason, code }) => {
      this.#end(reason, troubles.has(reason) ? new LatchkeyError(code ?? 'internal') : undefined);
    },
  };

  /** A socket that closes without it may come back, for all that the server knows: the place would be kept, and the keys with it. */
  #sayGoodbye(): void {
    this.#link.current?.request('leave', {}).catch((thrown: unknown) => {
      // Closing does not wait for the answer.
      if (!(thrown instanceof LatchkeyError)) throw thrown;
    });
  }

  #end(reason: SessionEnd, error?: LatchkeyError): void {
    if (this.#endError !== null) return;
    const told = this.#leaving ? 'left' : reason;
    this.#endError = error ?? new LatchkeyError(...(endErrors[told] ?? ['closed']));
    this.#keys.close();
    this.#reporter.close();
    if (!this.#leaving) this.#sayGoodbye();
    this.#link.close(this.#endError);
    this.#agent.close();
    if (error !== undefined && told !== 'left') this.#events.emit('failure', error);
    this.#events.emit('ended', { reason: told });
    this.#events.clear();
  }
}
