// What each request and notice of a participant does: a table from method to function. One `Visit` per connection: first a
// stranger who may only join, then a member of one meeting.

import type { RtpCapabilities, RtpParameters } from 'mediasoup/types';
import type { TokenClaims, TokenService } from '../auth/tokens.ts';
import { verifyJoinSignature } from '../auth/joinSignature.ts';
import type { MeetingDirectory } from '../meeting/directory.ts';
import type { Incarnation } from '../meeting/incarnation.ts';
import type { Member } from '../meeting/member.ts';
import { fromBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { epochId, protocolVersion } from '../protocol/names.ts';
import type { Answer, Ask, ClientNotice, ClientNoticeData, Method } from '../protocol/signaling.ts';
import type { Timers } from '../protocol/timers.ts';
import type { Connection, Handlers, Reply } from './connection.ts';

export interface VisitContext {
  readonly tokens: TokenService;
  readonly directory: MeetingDirectory;
  readonly timers: Timers;
  /** Counts joins by how they ended, and how long they took in milliseconds. */
  readonly onJoin: (result: 'ok' | ErrorCode, ms: number) => void;
}

interface Seat {
  readonly incarnation: Incarnation;
  readonly member: Member;
}

type MemberMethod = Exclude<Method, 'join' | 'challenge' | 'resume' | 'readmit'>;
type Table = { readonly [M in MemberMethod]: (seat: Seat, ask: Ask<M>) => Promise<Reply<M>> };

const answered = <T>(answer: T): { answer: () => T } => ({ answer: () => answer });
const done = answered({});

const table: Table = {
  openMedia: async ({ incarnation, member }, ask) =>
    answered(await incarnation.openMedia(member, ask.rtpCapabilities as RtpCapabilities)),
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
      await incarnation.produce(member, { ...ask, rtpParameters: ask.rtpParameters as RtpParameters }),
    ),
  closeProducer: async ({ incarnation, member }, { producerId }) => {
    incarnation.closeProducer(member, producerId);
    return done;
  },
  setProducerPaused: async ({ incarnation, member }, { producerId, paused }) => {
    await incarnation.setMuted(member, producerId, paused);
    return done;
  },
  consume: async ({ incarnation, member }, { producerId }) =>
    answered(await incarnation.consume(member, producerId)),
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
  #seat: Seat | null = null;

  constructor(context: VisitContext, connection: Connection) {
    this.#context = context;
    this.#connection = connection;
  }

  async request<M extends Method>(method: M, ask: Ask<M>): Promise<Reply<M>> {
    if (method === 'join') return (await this.#join(ask as Ask<'join'>)) as Reply<M>;
    const seat = this.#seat;
    if (seat === null) throw new LatchkeyError('not_joined');
    if (seat.member.media.closed) throw new LatchkeyError('closed');
    const handle = table[method as MemberMethod] as (seat: Seat, ask: Ask<M>) => Promise<Reply<M>>;
    return await handle(seat, ask);
  }

  notice<N extends ClientNotice>(notice: N, data: ClientNoticeData<N>): void {
    const seat = this.#seat;
    if (seat === null) throw new LatchkeyError('not_joined');
    const epoch = epochId(data.epoch);
    if (notice === 'confirmed') {
      seat.incarnation.confirmed(seat.member, epoch);
      return;
    }
    const { fingerprint } = data as ClientNoticeData<'acknowledged'>;
    seat.incarnation.acknowledged(seat.member, epoch, fingerprint);
  }

  closed(): void {
    this.#gone = true;
    if (this.#seat !== null) this.#seat.incarnation.depart(this.#seat.member, 'lost');
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
    const { receiverGraceMs, epochLifeMs, resumeWindowMs } = this.#context.timers;
    return {
      protocol: protocolVersion,
      keying: 'server',
      ...incarnation.describeFor(member),
      timers: { receiverGraceMs, epochLifeMs, resumeWindowMs },
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
