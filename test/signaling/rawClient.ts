// A client that may send anything: one WebSocket, requests by hand, everything received kept.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface Received {
  readonly id?: number | null;
  readonly ok?: boolean;
  readonly data?: Record<string, unknown>;
  readonly error?: { readonly code: string; readonly message: string; readonly retryAfterMs?: number };
  readonly notice?: string;
}

export class RawClient {
  readonly received: Received[] = [];
  readonly keyMessages: Uint8Array[] = [];
  /** Called with every text message, after it was kept. */
  onMessage: (message: Received) => void = () => undefined;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  #waiting: { matches: (message: Received) => boolean; resolve: (message: Received) => void }[] = [];
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = once(socket, 'close').then(([code, reason]) => ({
      code: Number(code),
      reason: String(reason),
    }));
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) {
        this.keyMessages.push(new Uint8Array(data));
        return;
      }
      const message = JSON.parse(data.toString()) as Received;
      this.received.push(message);
      const waiting = this.#waiting;
      this.#waiting = waiting.filter(({ matches }) => !matches(message));
      for (const { matches, resolve } of waiting) if (matches(message)) resolve(message);
      this.onMessage(message);
    });
  }

  static async connect(serverUrl: string): Promise<RawClient> {
    const socket = new WebSocket(`${serverUrl.replace(/^http/, 'ws')}/v1/connect`, 'latchkey.1');
    const client = new RawClient(socket);
    await once(socket, 'open');
    return client;
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Reads nothing more: what comes waits in the network, and then at the server. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  send(message: string | Uint8Array): void {
    this.#socket.send(message);
  }

  /** The next message for which it is true, those received already left out. */
  next(matches: (message: Received) => boolean): Promise<Received> {
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  /** Sends and answers the next error that belongs to no request, or to this one. */
  async refused(message: string | Uint8Array): Promise<string> {
    const reply = this.next(({ ok }) => ok === false);
    this.send(message);
    return (await reply).error?.code ?? '';
  }

  async request(method: string, data: unknown): Promise<Received> {
    const id = this.#nextId++;
    const reply = this.next((message) => message.id === id);
    this.send(JSON.stringify({ id, method, data }));
    return await reply;
  }

  /** The code of the error, or 'ok'. */
  async outcome(method: string, data: unknown): Promise<string> {
    const { ok, error } = await this.request(method, data);
    return ok === true ? 'ok' : (error?.code ?? 'no code');
  }

  close(): void {
    this.#socket.close();
  }
}

/** A join that is right but for what is given. */
export const joinAsk = (token: string, changes: Record<string, unknown> = {}): Record<string, unknown> => {
  const { publicKey } = generateKeyPairSync('x25519');
  const { x } = publicKey.export({ format: 'jwk' });
  return { protocol: 1, token, publicKey: x, encodedTransforms: true, ...changes };
};
