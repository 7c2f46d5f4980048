// The client's end of a participant's WebSocket: requests with their answers, notices, key messages. It checks that the server
// keeps to the schemas and knows nothing of what the messages mean. What the server sends is held until `deliverTo`, so that
// nothing overtakes the answer to `join` or `resume`. `waiting` alone is never held: it says that the answer to `join` takes longer, and
// the wait for it begins again.
//
// A socket that carries nothing any more (half-open) says so to nobody: pings are the server's, and a browser's JavaScript sees none of
// them. Here it is noticed by the first request that is not answered in time, which ends the connection. There is no probe of its own:
// while nothing is asked and nothing is told, nothing is missed but a rekey, whose absence ends the sealing (the epoch's life), and
// who knows better, a media transport that fails, asks at once (`Session.probe`).

import { LatchkeyError } from '../../protocol/errors.ts';
import { isServerNotice, requests, serverEnvelope, serverNotices } from '../../protocol/signaling.ts';
import type {
  Answer,
  Ask,
  ClientNotice,
  ClientNoticeData,
  Method,
  NoticeData,
  ServerNotice,
} from '../../protocol/signaling.ts';
import { limits } from '../../protocol/timers.ts';
import { protocolVersion } from '../../protocol/names.ts';
import type { WaitingReason } from '../../protocol/names.ts';
import type { Clock } from './clock.ts';
import { Pacer } from './pacer.ts';

export const subprotocol = `latchkey.${protocolVersion}`;

/** All that comes after the answer to `join`. */
export type DeliveredNotice = Exclude<ServerNotice, 'waiting'>;

export type AnyServerNotice = {
  [N in DeliveredNotice]: { readonly notice: N; readonly data: NoticeData<N> };
}[DeliveredNotice];

/** Called in the order in which the server sent; `closed` once and last. */
export interface SignalingSink {
  notice(notice: AnyServerNotice): void;
  keyMessage(message: Uint8Array): void;
  /** `connection_lost`, or what the server did wrong. Not called after our own `close`. */
  closed(error: LatchkeyError): void;
}

interface Pending {
  readonly method: Method;
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: LatchkeyError) => void;
  readonly waiting: (reason: WaitingReason) => void;
  /** Null until it is sent. */
  cancelTimeout: (() => void) | null;
}

/** Messages held before `deliverTo`: more than a server sends within the time it takes to read one answer. */
const maxHeld = 4_096;
/** RFC 6455 §7.4.2: 4000 and above are ours. */
const closeCodes = { done: 1000, malformed: 4010, unanswered: 4011 } as const;

/** `https://host/base` → `wss://host/base/v1/connect`; query and fragment are dropped, since they may hold tokens. */
export const endpoint = (url: string, path: string, webSocket = false): string => {
  const base = new URL(url);
  if (base.protocol !== 'https:' && base.protocol !== 'http:') {
    throw new TypeError(`"url" expected http: or https:, got ${base.protocol}`);
  }
  const full = new URL(path, `${base.origin}${base.pathname.replace(/\/*$/, '/')}`);
  if (webSocket) full.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:';
  return full.href;
};

export class Signaling {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pacer: Pacer;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #sink: SignalingSink | null = null;
  #held: ((sink: SignalingSink) => void)[] = [];
  #closed = false;

  private constructor(socket: WebSocket, clock: Clock, timeoutMs: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#pacer = new Pacer(clock, limits.messagesPerSecond);
    socket.addEventListener('message', (event: MessageEvent) => this.#receive(event.data));
    socket.addEventListener('close', () => this.#end(new LatchkeyError('connection_lost')));
  }

  /**
   * @param timeoutMs for opening, and unless told otherwise for each answer.
   * @throws LatchkeyError `connection_lost`, `unsupported_protocol`; TypeError for a URL that is none.
   */
  static async open(
    url: string,
    clock: Clock,
    timeoutMs: number,
    answerMs: number = timeoutMs,
  ): Promise<Signaling> {
    const socket = new WebSocket(endpoint(url, 'v1/connect', true), [subprotocol]);
    socket.binaryType = 'arraybuffer';
    return await new Promise((resolve, reject) => {
      const fail = (error: LatchkeyError): void => {
        cancelTimeout();
        socket.close();
        reject(error);
      };
      const cancelTimeout = clock.after(timeoutMs, () =>
        fail(new LatchkeyError('connection_lost', 'the server did not answer in time')),
      );
      // An `error` event says nothing about its cause, and `close` always follows it.
      socket.addEventListener('close', () =>
        fail(new LatchkeyError('connection_lost', 'the server could not be reached')),
      );
      socket.addEventListener('open', () => {
        if (socket.protocol !== subprotocol) {
          fail(new LatchkeyError('unsupported_protocol'));
          return;
        }
        cancelTimeout();
        resolve(new Signaling(socket, clock, answerMs));
      });
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From now on, and beginning with what was held. */
  deliverTo(sink: SignalingSink): void {
    if (this.#sink !== null) throw new TypeError('already delivering');
    this.#sink = sink;
    const held = this.#held;
    this.#held = [];
    for (const deliver of held) deliver(sink);
  }

  /**
   * @param arrived called with the answer before anything that the server sent after it is delivered.
   * @param waiting called each time the server says why the answer to `join` takes longer.
   * @throws LatchkeyError with the server's code; `connection_lost` where there was no answer in time; `closed`.
   */
  request<M extends Method>(
    method: M,
    ask: Ask<M>,
    arrived: (answer: Answer<M>) => void = () => undefined,
    waiting: (reason: WaitingReason) => void = () => undefined,
  ): Promise<Answer<M>> {
    if (this.#closed) return Promise.reject(new LatchkeyError('closed'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        method,
        resolve: (data) => {
          // The data are checked against this method's schema before they come here.
          const answer = data as Answer<M>;
          arrived(answer);
          resolve(answer);
        },
        reject,
        waiting,
        cancelTimeout: null,
      };
      this.#pending.set(id, pending);
      this.#pacer.run(() => {
        // From here on: whoever enters a large meeting asks for more than may be sent at once.
        this.#await(pending);
        this.#socket.send(JSON.stringify({ id, method, data: ask }));
      });
    });
  }

  notify<N extends ClientNotice>(notice: N, data: ClientNoticeData<N>): void {
    if (this.#closed) return;
    // Acknowledgements have a deadline; they do not queue behind requests for streams.
    this.#pacer.runFirst(() => this.#socket.send(JSON.stringify({ notice, data })));
  }

  close(): void {
    this.#shut(new LatchkeyError('closed'));
    this.#socket.close(closeCodes.done);
  }

  #deliver(deliver: (sink: SignalingSink) => void): void {
    if (this.#sink !== null) deliver(this.#sink);
    else if (this.#held.length < maxHeld) this.#held.push(deliver);
    else this.#breach('more messages than can be held');
  }

  #receive(data: unknown): void {
    if (this.#closed) return;
    if (data instanceof ArrayBuffer) {
      const message = new Uint8Array(data);
      this.#deliver((sink) => sink.keyMessage(message));
      return;
    }
    const envelope = parseEnvelope(data);
    if (envelope === null) this.#breach('a message that does not follow the protocol');
    else if ('notice' in envelope) this.#receiveNotice(envelope.notice, envelope.data);
    else if (envelope.id !== null) this.#receiveAnswer(envelope.id, envelope);
    // An error without an id answers something that cannot be told apart any more: its request runs into its timeout.
  }

  #receiveNotice(notice: string, data: unknown): void {
    // Servers of the same protocol version may tell more than this client knows of.
    if (!isServerNotice(notice)) return;
    const parsed = serverNotices[notice].safeParse(data);
    if (!parsed.success) {
      this.#breach(`a ${notice} notice that does not follow the protocol`);
      return;
    }
    if (notice === 'waiting') {
      this.#waiting((parsed.data as NoticeData<'waiting'>).reason);
      return;
    }
    const known = { notice, data: parsed.data } as AnyServerNotice;
    this.#deliver((sink) => sink.notice(known));
  }

  #receiveAnswer(id: number, answer: AnswerEnvelope): void {
    const pending = this.#pending.get(id);
    // Too late, or for nothing that was asked: the first happens, the second is harmless.
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.cancelTimeout?.();
    if (!answer.ok) {
      const { code, message, retryAfterMs } = answer.error;
      pending.reject(new LatchkeyError(code, message, { retryAfterMs }));
      return;
    }
    const parsed = requests[pending.method].answer.safeParse(answer.data);
    if (parsed.success) pending.resolve(parsed.data);
    else {
      const problem = `an answer to ${pending.method} that does not follow the protocol`;
      pending.reject(new LatchkeyError('malformed', problem));
      this.#breach(problem);
    }
  }

  #await(pending: Pending): void {
    pending.cancelTimeout?.();
    pending.cancelTimeout = this.#clock.after(this.#timeoutMs, () => this.#unanswered(pending.method));
  }

  /** Said where nothing is asked any more, it means nothing. */
  #waiting(reason: WaitingReason): void {
    for (const pending of this.#pending.values()) {
      if (pending.method !== 'join' || pending.cancelTimeout === null) continue;
      this.#await(pending);
      pending.waiting(reason);
    }
  }

  /** Whatever else was asked would not be answered either. */
  #unanswered(method: Method): void {
    if (this.#closed) return;
    this.#end(new LatchkeyError('connection_lost', `no answer to ${method} in ${this.#timeoutMs} ms`));
    this.#socket.close(closeCodes.unanswered, 'unanswered');
  }

  /** The server broke the protocol: nothing that it says after that is believed. */
  #breach(problem: string): void {
    if (this.#closed) return;
    this.#end(new LatchkeyError('malformed', `the server sent ${problem}`));
    this.#socket.close(closeCodes.malformed, 'malformed');
  }

  #end(error: LatchkeyError): void {
    if (this.#closed) return;
    this.#shut(error);
    const deliver = (sink: SignalingSink): void => sink.closed(error);
    if (this.#sink === null) this.#held.push(deliver);
    else deliver(this.#sink);
  }

  #shut(error: LatchkeyError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pacer.close();
    for (const { reject, cancelTimeout } of this.#pending.values()) {
      cancelTimeout?.();
      reject(error);
    }
    this.#pending.clear();
  }
}

type Envelope = NonNullable<ReturnType<typeof parseEnvelope>>;
type AnswerEnvelope = Extract<Envelope, { readonly ok: boolean }>;

const parseEnvelope = (data: unknown) => {
  if (typeof data !== 'string') return null;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return null;
  }
  const parsed = serverEnvelope.safeParse(json);
  return parsed.success ? parsed.data : null;
};
