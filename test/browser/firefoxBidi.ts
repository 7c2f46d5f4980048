// One WebDriver BiDi connection: commands with their answers, and events.

import { once } from 'node:events';
import { WebSocket } from 'ws';

export type BidiData = Record<string, unknown>;

interface Asked {
  readonly resolve: (answer: BidiData) => void;
  readonly reject: (error: Error) => void;
}

export class BidiConnection {
  readonly #socket: WebSocket;
  readonly #asked = new Map<number, Asked>();
  readonly #listeners = new Set<(method: string, params: BidiData) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#read(JSON.parse(data.toString()) as BidiData));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('Firefox is gone'));
      this.#asked.clear();
    });
  }

  static async open(address: string): Promise<BidiConnection> {
    const socket = new WebSocket(`${address}/session`);
    await once(socket, 'open');
    return new BidiConnection(socket);
  }

  /** @throws Error with what Firefox says of a command that it could not do, or when it is gone. */
  send(method: string, params: BidiData): Promise<BidiData> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error('Firefox is gone'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  onEvent(listener: (method: string, params: BidiData) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.terminate();
  }

  #read({ type, id, result, error, message, method, params }: BidiData): void {
    if (type === 'event') {
      for (const listener of this.#listeners) listener(String(method), params as BidiData);
      return;
    }
    const asked = this.#asked.get(Number(id));
    this.#asked.delete(Number(id));
    if (type === 'success') asked?.resolve(result as BidiData);
    else asked?.reject(new Error(`${String(error)}: ${String(message)}`));
  }
}
