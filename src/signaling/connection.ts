// One participant's WebSocket: strict parsing in, bounded sending out. Messages are handled one after the other, in order;
// whatever a peer sends ends in a reply with a code, and too much of it ends this connection and nothing else.

import type { RawData, WebSocket } from 'ws';
import type { Logger } from 'pino';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason, WaitingReason } from '../protocol/names.ts';
import { clientEnvelope, clientNotices, isClientNotice, isMethod, requests } from '../protocol/signaling.ts';
import type { Answer, Ask, ClientNotice, ClientNoticeData, Method } from '../protocol/signaling.ts';
import { limits } from '../protocol/timers.ts';
import { encodeNotice } from '../meeting/member.ts';
import type { Outlet } from '../meeting/member.ts';
import type { EncodedRoster } from '../meeting/rosterFeed.ts';
import { TokenBucket } from './tokenBucket.ts';

export interface Reply<M extends Method> {
  /** Asked for when it is sent, so that nothing can happen between what it says and what follows it on the wire. */
  readonly answer: () => Omit<Answer<M>, keyof EncodedRoster>;
  /** The rest of the answer, encoded once for many. Asked for at the same time. */
  readonly roster?: () => EncodedRoster;
  /** Called right after sending. */
  readonly sent?: () => void;
}

export interface Handlers {
  request<M extends Method>(method: M, ask: Ask<M>): Promise<Reply<M>>;
  notice<N extends ClientNotice>(notice: N, data: ClientNoticeData<N>): void;
  /** The socket is gone, whoever closed it. Called once. `ended`: why, where we ended it. */
  closed(ended: EndReason | null): void;
}

export interface ConnectionLimits {
  readonly messagesPerSecond: number;
  readonly socketQueueBytes: number;
  /** A connection that has not joined by then is ended. */
  readonly joinTimeoutMs: number;
  /** Between pings; a peer that answered none since the last is gone. */
  readonly pingMs: number;
}

/** RFC 6455 §7.4.1 and, from 4000 on, ours. */
const closeCodes: Readonly<Record<EndReason, number>> = {
  left: 1000,
  meetingEnded: 1000,
  evicted: 4001,
  superseded: 4003,
  serverStopping: 1001,
  protocolError: 1002,
  tooSlow: 4002,
  failed: 1011,
};

/** A peer that does not answer our close is cut after this time, in milliseconds. */
const closeGraceMs = 2_000;
/** Messages that wait for the one before them; more than a well-behaved client ever has. */
const maxWaiting = 256;
/** Of the queue, one part in so many may be full when what later notices make up for is still added to it. */
const stateShare = 4;

const nowMs = (): number => performance.now();

export class Connection implements Outlet {
  readonly #socket: WebSocket;
  readonly #limits: ConnectionLimits;
  readonly #log: Logger;
  readonly #handlers: Handlers;
  readonly #onError: (code: ErrorCode) => void;
  readonly #bucket: TokenBucket;
  readonly #joinTimer: NodeJS.Timeout;
  readonly #pingTimer: NodeJS.Timeout;
  /** Sent again with every ping: what shows who waits that its server lives. */
  #standing: string | null = null;
  #cutTimer: NodeJS.Timeout | null = null;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();
  #errors = 0;
  #answered = true;
  #ending = false;
  #ended: EndReason | null = null;

  constructor(
    socket: WebSocket,
    options: {
      limits: ConnectionLimits;
      log: Logger;
      handlers: (connection: Connection) => Handlers;
      /** Counts what is refused, and connections that end for an error, by code. */
      onError: (code: ErrorCode) => void;
      onClosed: (connection: Connection) => void;
    },
  ) {
    this.#socket = socket;
    this.#limits = options.limits;
    this.#log = options.log;
    this.#onError = options.onError;
    this.#bucket = new TokenBucket(options.limits.messagesPerSecond, nowMs());
    this.#handlers = options.handlers(this);
    this.#joinTimer = setTimeout(() => this.end('protocolError', 'not_joined'), options.limits.joinTimeoutMs);
    this.#pingTimer = setInterval(() => this.#ping(), options.limits.pingMs);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => (this.#answered = true));
    socket.on('error', (error) => this.#log.debug({ event: 'socket.error', err: error }, 'socket error'));
    socket.on('close', () => {
      this.#closed();
      options.onClosed(this);
    });
  }

  /** Joined: the time to do so no longer runs. */
  joined(): void {
    clearTimeout(this.#joinTimer);
    this.#standing = null;
  }

  /** Its join is being carried out, and takes as long as it takes: it is told so until it has joined. */
  waiting(reason: WaitingReason): void {
    clearTimeout(this.#joinTimer);
    this.#standing = encodeNotice('waiting', { reason });
    this.#send(this.#standing);
  }

  sendText(text: string): void {
    this.#send(text);
  }

  sendState(text: string): boolean {
    if (this.#socket.bufferedAmount > this.#limits.socketQueueBytes / stateShare) return false;
    this.#send(text);
    return true;
  }

  sendKeyMessage(message: Uint8Array): void {
    this.#send(message);
  }

  whenDrained(then: () => void): void {
    if (this.#ending || this.#socket.readyState !== this.#socket.OPEN) return;
    // Goes out after all that was sent before, and says when it has.
    this.#socket.ping(undefined, undefined, (error?: Error | null) => {
      if (error === undefined || error === null) then();
    });
  }

  end(reason: EndReason, code?: ErrorCode): void {
    if (this.#ending) return;
    if (code !== undefined) this.#onError(code);
    this.#ended = reason;
    if (this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(encodeNotice('ended', code === undefined ? { reason } : { reason, code }));
    }
    this.#ending = true;
    this.#socket.close(closeCodes[reason], reason);
    this.#cutTimer = setTimeout(() => this.#socket.terminate(), closeGraceMs);
  }

  #send(message: string | Uint8Array): void {
    if (this.#ending || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(message);
    if (this.#socket.bufferedAmount > this.#limits.socketQueueBytes) this.end('tooSlow', 'too_slow');
  }

  #ping(): void {
    if (!this.#answered) {
      this.#socket.terminate();
      return;
    }
    this.#answered = false;
    this.#socket.ping();
    if (this.#standing !== null) this.#send(this.#standing);
  }

  #closed(): void {
    this.#ending = true;
    clearTimeout(this.#joinTimer);
    clearInterval(this.#pingTimer);
    if (this.#cutTimer !== null) clearTimeout(this.#cutTimer);
    this.#handlers.closed(this.#ended);
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ending) return;
    if (!this.#bucket.take(nowMs())) {
      this.#refuse(null, new LatchkeyError('rate_limited'));
      return;
    }
    if (isBinary || !Buffer.isBuffer(data)) {
      this.#refuse(null, new LatchkeyError('malformed', 'clients send text messages only'));
      return;
    }
    if (this.#waiting >= maxWaiting) {
      this.#refuse(null, new LatchkeyError('rate_limited'));
      return;
    }
    const text = data.toString('utf8');
    this.#waiting++;
    this.#tail = this.#tail.then(async () => {
      this.#waiting--;
      if (!this.#ending) await this.#handle(text);
    });
  }

  async #handle(text: string): Promise<void> {
    let id: number | null = null;
    try {
      const message = parseEnvelope(text);
      if ('notice' in message) {
        this.#handleNotice(message.notice, message.data);
        return;
      }
      id = message.id;
      await this.#handleRequest(message.id, message.method, message.data);
    } catch (thrown) {
      this.#refuse(id, toLatchkeyError(thrown));
    }
  }

  #handleNotice(notice: string, data: unknown): void {
    if (!isClientNotice(notice)) throw new LatchkeyError('unknown_method', 'there is no such notice');
    this.#handlers.notice(
      notice,
      parseWith<unknown>(clientNotices[notice], data) as ClientNoticeData<typeof notice>,
    );
  }

  async #handleRequest(id: number, method: string, data: unknown): Promise<void> {
    if (!isMethod(method)) throw new LatchkeyError('unknown_method');
    const ask = parseWith<unknown>(requests[method].ask, data) as Ask<typeof method>;
    const { answer, roster, sent } = await this.#handlers.request(method, ask);
    const own = JSON.stringify(answer());
    const body = roster === undefined ? own : withRoster(own, roster());
    this.#send(`{"id":${id},"ok":true,"data":${body}}`);
    sent?.();
  }

  /** Errors of the peer count towards the end of its connection; being late for something that went does not. */
  #refuse(id: number | null, error: LatchkeyError): void {
    this.#onError(error.code);
    const level = error.by === 'internal' ? 'error' : 'debug';
    this.#log[level]({ event: 'signaling.refused', code: error.code, err: error }, 'request refused');
    const { code, message, retryAfterMs } = error;
    this.#send(JSON.stringify({ id, ok: false, error: { code, message, retryAfterMs } }));
    if (error.by !== 'peer' || benign.has(error.code)) return;
    this.#errors++;
    if (this.#errors >= limits.errorsPerConnection) this.end('protocolError', 'too_many_errors');
  }
}

/** Of an object that has fields of its own. */
const withRoster = (data: string, { participants, producers }: EncodedRoster): string =>
  `${data.slice(0, -1)},"participants":${participants},"producers":${producers}}`;

/** Races between what a client asks for and what has just gone. */
const benign: ReadonlySet<ErrorCode> = new Set(['producer_not_found', 'consumer_not_found']);

const parseEnvelope = (text: string) => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new LatchkeyError('malformed', 'the message is not JSON');
  }
  return parseWith(clientEnvelope, json);
};

interface Schema<T> {
  safeParse(
    data: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } };
}

/** The first problem, with its path; values are never repeated, since they may be tokens. */
const parseWith = <T>(schema: Schema<T>, data: unknown): T => {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new LatchkeyError(
    'malformed',
    `${path === '' ? 'message' : path}: ${issue?.message ?? 'not as the protocol says'}`,
  );
};
