// What each request and notice of a participant does: a table from method to function. One `Visit` per connection: first a
// stranger who may only join, then a member of one meeting.

import { randomBytes } from 'node:crypto';
import type { RtpCapabilities, RtpParameters } from 'mediasoup/types';
import type { TokenClaims, TokenService } from '../auth/tokens.ts';
import { verifyJoinSignature } from '../auth/joinSignature.ts';
import type { MeetingDirectory } from '../meeting/directory.ts';
import type { Incarnation } from '../meeting/incarnation.ts';
import type { Member } from '../meeting/member.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason } from '../protocol/names.ts';
import { epochId, lengths, protocolVersion } from '../protocol/names.ts';
import type { Answer, Ask, ClientNotice, ClientNoticeData, Method } from '../protocol/signaling.ts';
import type { Connection, Handlers, Reply } from './connection.ts';

export interface VisitContext {
  readonly tokens: TokenService;
  readonly directory: MeetingDirectory;
  /** Counts joins by how they ended, and how long they took in milliseconds. */
  readonly onJoin: (result: 'ok' | ErrorCode, ms: number) => void;
}

interface Seat {
  readonly incarnation: Incarnation;
  readonly member: Member;
}

/** What a stranger may ask. */
type StrangerMethod = 'join' | 'challenge' | 'resume';
type MemberMethod = Exclude<Method, StrangerMethod>;
type Table = { readonly [M in MemberMethod]: (seat: Seat, ask: Ask<M>) => Promise<Reply<M>> };

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
  setPreferredLayers: async ({ member }, { consumerId, spatialLayer }) => {
    await member.media.setPreferredLayers(consumerId, spatialLayer);
    return done;
  },
  readmit: async ({ incarnation, member }, { publicKey }) => {
    const key = fromBase64Url(publicKey);
    if (key === null) throw new LatchkeyError('public_key_invalid');
    return answered(await incarnation.readmit(member, key));
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
  #gone = false;
  /** For one `resume`. */
  #challenge: Uint8Array | null = null;
  #seat: Seat | null = null;

  constructor(context: VisitContext, connection: Connection) {
    this.#context = context;
    this.#connection = connection;
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
    const handle = table[method as MemberMethod] as (seat: Seat, ask: Ask<M>) => Promise<Reply<M>>;
    return await handle(seat, ask);
  }

  notice<N extends ClientNotice>(notice: N, data: ClientNoticeData<N>): void {
    const seat = this.#seat;
    if (seat === null) throw new LatchkeyError('not_joined');
    if (seat.member.outlet !== this.#connection) return;
    const epoch = epochId(data.epoch);
    if (notice === 'confirmed') {
      seat.incarnation.confirmed(seat.member, epoch);
      return;
    }
    const { fingerprint } = data as ClientNoticeData<'acknowledged'>;
    seat.incarnation.acknowledged(seat.member, epoch, fingerprint);
  }

  /** Who lost its connection may resume; who broke the protocol may not. */
  closed(ended: EndReason | null): void {
    this.#gone = true;
    if (this.#seat === null) return;
    const { incarnation, member } = this.#seat;
    if (member.outlet !== this.#connection) return;
    if (ended === 'protocolError') incarnation.depart(member, 'lost');
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
      if (this.#gone) throw new LatchkeyError('closed');
      this.#connection.joined();
      return {
        answer: () => incarnation.describeResumed(member, ask),
        sent: () => {
          this.#seat = { incarnation, member };
          incarnation.resumed(member, this.#connection, ask);
        },
      };
    } catch (thrown) {
      this.#joining = false;
      throw thrown;
    }
  }

  async #join(ask: Ask<'join'>): Promise<Reply<'join'>> {
    const startedMs = performance.now();
    const ended = (result: 'ok' | ErrorCode): void =>
      this.#context.onJoin(result, performance.now() - startedMs);
    try {
      const reply = await this.#joinOnce(ask);
      ended('ok');
      return reply;
    } catch (thrown) {
      ended(toLatchkeyError(thrown).code);
      throw thrown;
    }
  }

  async #joinOnce(ask: Ask<'join'>): Promise<Reply<'join'>> {
    if (ask.protocol !== protocolVersion) throw new LatchkeyError('unsupported_protocol');
    if (!ask.encodedTransforms)
      throw new LatchkeyError('media_unsupported', 'this browser cannot encrypt its frames');
    if (this.#joining) throw new LatchkeyError('already_joined');
    this.#joining = true;
    try {
      const seat = await this.#takeSeat(ask);
      this.#connection.joined();
      return { answer: () => this.#welcome(seat), sent: () => this.#enter(seat) };
    } catch (thrown) {
      this.#joining = false;
      throw thrown;
    }
  }

  async #takeSeat(ask: Ask<'join'>): Promise<Seat> {
    const { tokens, directory } = this.#context;
    const claims = await tokens.verify(ask.token, ask.meeting);
    const publicKey = fromBase64Url(ask.publicKey);
    if (publicKey === null) throw new LatchkeyError('public_key_invalid');
    verifyJoinSignature(claims, ask, publicKey);
    const meeting = directory.get(claims.meeting);
    meeting.assertRoom();
    this.#spend(claims, meeting.tokenInUse(claims.tokenId));
    return await meeting.join({
      name: claims.name,
      role: claims.role,
      tokenId: claims.tokenId,
      publicKey,
      outlet: this.#connection,
    });
  }

  /** A token opens one connection: while that one lives a second is told so, afterwards the token is used up. */
  #spend(claims: TokenClaims, inUse: boolean): void {
    if (inUse) throw new LatchkeyError('lease_taken');
    this.#context.tokens.spend(claims);
  }

  #welcome({ incarnation, member }: Seat): Answer<'join'> {
    return {
      protocol: protocolVersion,
      keying: 'server',
      ...incarnation.describeFor(member),
      timers: incarnation.timers,
    };
  }

  #enter(seat: Seat): void {
    // The socket may have gone while the custodian was asked.
    if (this.#gone) {
      seat.incarnation.depart(seat.member, 'lost');
      return;
    }
    this.#seat = seat;
    seat.incarnation.enter(seat.member);
  }
}
