// What each request and notice of a participant does: a table from method to function. One `Visit` per connection: first a
// stranger who may only join, then a member of one meeting.

import { randomBytes } from 'node:crypto';
import type { RtpCapabilities, RtpParameters } from 'mediasoup/types';
import type { TokenClaims, TokenService } from '../auth/tokens.ts';
import { verifyJoinSignature } from '../auth/joinSignature.ts';
import type { MeetingDirectory } from '../meeting/directory.ts';
import type { Told } from '../meeting/happenings.ts';
import type { Incarnation } from '../meeting/incarnation.ts';
import { assertHost } from '../meeting/controls.ts';
import type { Meeting } from '../meeting/meeting.ts';
import type { Member } from '../meeting/member.ts';
import type { EncodedRoster } from '../meeting/rosterFeed.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason } from '../protocol/names.ts';
import { epochId, lengths, protocolVersion } from '../protocol/names.ts';
import type {
  Answer,
  Ask,
  ClientNotice,
  ClientNoticeData,
  IceServer,
  Method,
} from '../protocol/signaling.ts';
import type { Connection, Handlers, Reply } from './connection.ts';
import type { JoinGate } from './joinGate.ts';

export interface VisitContext {
  readonly tokens: TokenService;
  readonly directory: MeetingDirectory;
  readonly gate: JoinGate;
  /** As a join is answered with them: credentials begin to live when they are asked for. */
  readonly iceServers: (participantId: string) => IceServer[];
  readonly events: VisitEvents;
  readonly createReports: () => Reports;
  /** What followers of a meeting are told. */
  readonly tell: (meeting: string, told: Told) => void;
}

export interface VisitEvents {
  /** A join by how it ended, and how long it took in milliseconds; waiting before the door left out. */
  joinEnded(result: 'ok' | ErrorCode, ms: number): void;
  /** What a part of joining took, in milliseconds: the token verified; admitted by the custodian. */
  joinStage(stage: 'token' | 'admission', ms: number): void;
}

/** What one client says of itself. */
export interface Reports {
  /** False: it came too early, and nothing of it was looked at. */
  take(report: ClientNoticeData<'report'>, nowMs: number): boolean;
}

interface Seat {
  /** Its id. */
  readonly meeting: string;
  readonly incarnation: Incarnation;
  readonly member: Member;
}

/** What a stranger may ask. */
type StrangerMethod = 'join' | 'challenge' | 'resume';
type MemberMethod = Exclude<Method, StrangerMethod>;
type NoticeTable = {
  readonly [N in ClientNotice]: (seat: Seat, data: ClientNoticeData<N>) => void;
};
type Table = {
  readonly [M in MemberMethod]: (seat: Seat, ask: Ask<M>, context: VisitContext) => Promise<Reply<M>>;
};

const answered = <T>(answer: T): { answer: () => T } => ({ answer: () => answer });
const done = answered({});

const table: Table = {
  openMedia: async ({ incarnation, member }, ask) =>
    answered(await incarnation.media.open(member, ask.rtpCapabilities as RtpCapabilities)),
  connectTransport: async ({ member }, ask) => {
    const { role, fingerprints } = ask.dtlsParameters;
    await member.media.connect(ask.transportId, {
      ...(role === undefined ? {} : { role }),
      fingerprints: fingerprints.map(({ algorithm, value }) => ({
        algorithm: algorithm as 'sha-256',
        value,
      })),
    });
    return done;
  },
  produce: async ({ incarnation, member }, ask) =>
    answered(
      await incarnation.media.produce(member, { ...ask, rtpParameters: ask.rtpParameters as RtpParameters }),
    ),
  closeProducer: async ({ member }, { producerId }) => {
    member.media.closeProducer(producerId);
    return done;
  },
  setProducerPaused: async ({ incarnation, member }, { producerId, paused }) => {
    await incarnation.media.setMuted(member, producerId, paused);
    return done;
  },
  consume: async ({ incarnation, member }, { producerId }) =>
    answered(await incarnation.media.consume(member, producerId)),
  resumeConsumer: async ({ member }, { consumerId }) => {
    await member.media.resumeConsumer(consumerId);
    return done;
  },
  closeConsumer: async ({ member }, { consumerId }) => {
    member.media.closeConsumer(consumerId);
    return done;
  },
  requestKeyFrame: async ({ member }, { consumerId }) => {
    await member.media.requestKeyFrame(consumerId);
    return done;
  },
  restartIce: async (seat, { transportId }, { iceServers }) => {
    const { member } = seat;
    const iceParameters = await member.media.restartIce(transportId);
    return answered({ iceParameters, iceServers: iceServers(member.participantId) });
  },
  pauseConsumer: async ({ member }, { consumerId }) => {
    await member.media.pauseConsumer(consumerId);
    return done;
  },
  setPreferredLayers: async ({ member }, { consumerId, spatialLayer }) => {
    await member.media.setPreferredLayers(consumerId, spatialLayer);
    return done;
  },
  readmit: async ({ incarnation, member }, { publicKey }) => {
    const key = fromBase64Url(publicKey);
    if (key === null) throw new LatchkeyError('public_key_invalid');
    return answered(await incarnation.readmit(member, key));
  },
  raiseHand: async ({ incarnation, member }, { raised }) => {
    incarnation.controls.raiseHand(member, raised);
    return done;
  },
  setRole: async ({ incarnation, member }, ask) => {
    incarnation.controls.setRole(member, ask);
    return done;
  },
  mute: async ({ incarnation, member }, { participantId }) => {
    await incarnation.controls.mute(member, participantId);
    return done;
  },
  stopShare: async ({ incarnation, member }, { participantId }) => {
    incarnation.controls.stopShare(member, participantId);
    return done;
  },
  setDoor: async ({ incarnation, member }, change) => {
    incarnation.controls.setDoor(member, change);
    return done;
  },
  admit: async ({ incarnation, member }, { waitingIds }) =>
    answered({ admitted: incarnation.controls.admit(member, waitingIds) }),
  turnAway: async ({ incarnation, member }, { waitingIds }) =>
    answered({ turnedAway: incarnation.controls.turnAway(member, waitingIds) }),
  remove: async ({ incarnation, member }, { participantId }) => {
    incarnation.controls.remove(member, participantId);
    return done;
  },
  endMeeting: async ({ meeting, member }, _ask, { directory }) => {
    assertHost(member);
    return { answer: () => ({}), sent: () => directory.end(meeting) };
  },
  leave: async ({ incarnation, member }) => ({
    answer: () => ({}),
    sent: () => incarnation.depart(member, 'left'),
  }),
};

export class Visit implements Handlers {
  readonly #context: VisitContext;
  readonly #connection: Connection;
  #joining = false;
  readonly #gone = new AbortController();
  readonly #reports: Reports;
  /** For one `resume`. */
  #challenge: Uint8Array | null = null;
  #seat: Seat | null = null;

  constructor(context: VisitContext, connection: Connection) {
    this.#context = context;
    this.#connection = connection;
    this.#reports = context.createReports();
  }

  async request<M extends Method>(method: M, ask: Ask<M>): Promise<Reply<M>> {
    if (method === 'join') return (await this.#join(ask as Ask<'join'>)) as Reply<M>;
    if (method === 'challenge') return this.#challenged() as Reply<M>;
    if (method === 'resume') return (await this.#resume(ask as Ask<'resume'>)) as Reply<M>;
    const seat = this.#seat;
    if (seat === null) throw new LatchkeyError('not_joined');
    // Another connection may have taken the seat.
    if (seat.member.media.closed || seat.member.outlet !== this.#connection)
      throw new LatchkeyError('closed');
    const handle = table[method as MemberMethod] as (
      seat: Seat,
      ask: Ask<M>,
      context: VisitContext,
    ) => Promise<Reply<M>>;
    return await handle(seat, ask, this.#context);
  }

  notice<N extends ClientNotice>(notice: N, data: ClientNoticeData<N>): void {
    const seat = this.#seat;
    if (seat === null) throw new LatchkeyError('not_joined');
    if (seat.member.outlet !== this.#connection) return;
    const take = this.#notices[notice] as (seat: Seat, data: ClientNoticeData<N>) => void;
    take(seat, data);
  }

  readonly #notices: NoticeTable = {
    acknowledged: ({ incarnation, member }, { epoch, fingerprint }) =>
      incarnation.acknowledged(member, epochId(epoch), fingerprint),
    confirmed: ({ incarnation, member }, { epoch }) => incarnation.confirmed(member, epochId(epoch)),
    report: ({ meeting, member }, report) => {
      const { dropped } = report;
      if (!this.#reports.take(report, performance.now()) || dropped === undefined) return;
      const { participantId: participant } = member;
      this.#context.tell(meeting, { type: 'framesDropped', participant, dropped });
    },
  };

  /** Who lost its connection may resume; who broke the protocol, or cannot keep up with the meeting, may not. */
  closed(ended: EndReason | null): void {
    this.#gone.abort();
    if (this.#seat === null) return;
    const { incarnation, member } = this.#seat;
    if (member.outlet !== this.#connection) return;
    if (ended === 'protocolError' || ended === 'tooSlow') incarnation.depart(member, 'lost');
    else incarnation.away(member);
  }

  /** Also for who has joined: an answer shows that the connection lives. */
  #challenged(): Reply<'challenge'> {
    const challenge = new Uint8Array(randomBytes(lengths.challenge));
    this.#challenge = challenge;
    return answered({ challenge: toBase64Url(challenge) });
  }

  async #resume(ask: Ask<'resume'>): Promise<Reply<'resume'>> {
    if (ask.protocol !== protocolVersion) throw new LatchkeyError('unsupported_protocol');
    if (this.#joining) throw new LatchkeyError('already_joined');
    const challenge = this.#challenge;
    this.#challenge = null;
    if (challenge === null) throw new LatchkeyError('resume_refused', 'ask for a challenge first');
    this.#joining = true;
    try {
      const incarnation = this.#context.directory.running(ask.meeting);
      if (incarnation === null) throw new LatchkeyError('resume_refused');
      const member = await incarnation.proveResume(ask, challenge);
      if (this.#gone.signal.aborted) throw new LatchkeyError('closed');
      this.#connection.joined();
      return {
        answer: () => incarnation.describeResumed(member, ask),
        roster: () => incarnation.roster,
        sent: () => {
          this.#seat = { meeting: ask.meeting, incarnation, member };
          incarnation.resumed(member, this.#connection, ask);
        },
      };
    } catch (thrown) {
      this.#joining = false;
      throw thrown;
    }
  }

  async #join(ask: Ask<'join'>): Promise<Reply<'join'>> {
    const clock = new JoinClock();
    const ended = (result: 'ok' | ErrorCode): void => this.#context.events.joinEnded(result, clock.ms);
    try {
      const reply = await this.#joinOnce(ask, clock);
      ended('ok');
      return reply;
    } catch (thrown) {
      ended(toLatchkeyError(thrown).code);
      throw thrown;
    }
  }

  async #joinOnce(ask: Ask<'join'>, clock: JoinClock): Promise<Reply<'join'>> {
    if (ask.protocol !== protocolVersion) throw new LatchkeyError('unsupported_protocol');
    if (!ask.encodedTransforms)
      throw new LatchkeyError('media_unsupported', 'this browser cannot encrypt its frames');
    if (this.#joining) throw new LatchkeyError('already_joined');
    this.#joining = true;
    try {
      const seat = await this.#takeSeat(ask, clock);
      this.#connection.joined();
      return {
        answer: () => this.#welcome(seat),
        roster: () => seat.incarnation.roster,
        sent: () => this.#enter(seat),
      };
    } catch (thrown) {
      this.#joining = false;
      throw thrown;
    }
  }

  async #takeSeat(ask: Ask<'join'>, clock: JoinClock): Promise<Seat> {
    const { tokens, directory, gate, events } = this.#context;
    gate.assertNotBusy();
    const claims = await tokens.verify(ask.token, ask.meeting);
    events.joinStage('token', clock.stageMs());
    const publicKey = fromBase64Url(ask.publicKey);
    if (publicKey === null) throw new LatchkeyError('public_key_invalid');
    verifyJoinSignature(claims, ask, publicKey);
    const meeting = directory.get(claims.meeting);
    meeting.assertRoom();
    this.#assertUnused(meeting, claims);
    await clock.pausedFor(this.#passDoor(meeting, claims));
    return await gate.run(async () => {
      // Others waited as well.
      if (this.#gone.signal.aborted) throw new LatchkeyError('closed');
      this.#assertUnused(meeting, claims);
      const { name, role, tokenId } = claims;
      const request = { name, role, tokenId, publicKey, outlet: this.#connection };
      const { incarnation, member } = await meeting.join(request, () => tokens.spend(claims));
      events.joinStage('admission', clock.stageMs());
      return { meeting: meeting.id, incarnation, member };
    });
  }

  async #passDoor({ door }: Meeting, { name, role, tokenId }: TokenClaims): Promise<void> {
    await door.pass({
      name,
      role,
      tokenId,
      onWaiting: (reason) => this.#connection.waiting(reason),
      gone: this.#gone.signal,
    });
  }

  /** A token opens one connection: while that one lives, or waits, a second is told so; afterwards the token is used up. */
  #assertUnused(meeting: Meeting, { tokenId }: TokenClaims): void {
    if (meeting.tokenInUse(tokenId)) throw new LatchkeyError('lease_taken');
  }

  #welcome({ incarnation, member }: Seat): Omit<Answer<'join'>, keyof EncodedRoster> {
    return {
      protocol: protocolVersion,
      keying: 'server',
      ...incarnation.describeFor(member),
      iceServers: this.#context.iceServers(member.participantId),
      timers: incarnation.timers,
    };
  }

  #enter(seat: Seat): void {
    // The socket may have gone while the custodian was asked.
    if (this.#gone.signal.aborted) {
      seat.incarnation.depart(seat.member, 'lost');
      return;
    }
    this.#seat = seat;
    seat.incarnation.enter(seat.member);
  }
}

/** How long a join takes, without the time that it waits before the door. */
class JoinClock {
  #startedMs = performance.now();
  #stageMs = this.#startedMs;

  get ms(): number {
    return performance.now() - this.#startedMs;
  }

  /** Since the last stage ended. */
  stageMs(): number {
    const nowMs = performance.now();
    const stageMs = nowMs - this.#stageMs;
    this.#stageMs = nowMs;
    return stageMs;
  }

  async pausedFor(waiting: Promise<void>): Promise<void> {
    const beganMs = performance.now();
    await waiting;
    const pausedMs = performance.now() - beganMs;
    this.#startedMs += pausedMs;
    this.#stageMs += pausedMs;
  }
}
