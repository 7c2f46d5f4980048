// A bad road for signalling. TCP loses and reorders nothing, so what a bad network does to it is to make it wait: a lost segment costs
// a retransmission, everything behind it waits too; a dead link stalls it; a middlebox resets it.

import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Seeded } from '../../src/load/seeded.ts';

export interface TcpConditions {
  /** One way. */
  readonly delayMs: number;
  /** Each piece is `delayMs` ± this late, and never before the one ahead of it. */
  readonly jitterMs: number;
  /** Probability that a piece must be sent again, and again: each time it waits twice as long, `retransmitMs` at first. */
  readonly loss: number;
  /** Bytes a second in each direction. */
  readonly bytesPerSecond: number;
}

export const perfectTcp: TcpConditions = { delayMs: 0, jitterMs: 0, loss: 0, bytesPerSecond: Infinity };

/** Linux's shortest retransmission timeout, in milliseconds. */
const retransmitMs = 200;
const mostRetransmissions = 5;
/** Bytes on the road of one direction before its sender has to wait. */
const windowBytes = 256 * 1024;

export interface TcpRelayOptions {
  readonly listenAddress: string;
  readonly serverAddress: string;
  readonly serverPort: number;
  readonly seed: number;
  readonly conditions: TcpConditions;
}

/** One direction of one connection. */
class Road {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #seeded: Seeded;
  readonly #conditions: () => TcpConditions;
  readonly #queue: { readonly piece: Buffer | null; readonly dueMs: number }[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #stalledUntilMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, seeded: Seeded, conditions: () => TcpConditions) {
    this.#from = from;
    this.#to = to;
    this.#seeded = seeded;
    this.#conditions = conditions;
    from.on('data', (piece) => this.#push(Buffer.from(piece)));
    from.on('end', () => this.#push(null));
  }

  stall(ms: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, performance.now() + ms);
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#queue.length = 0;
  }

  #push(piece: Buffer | null): void {
    const { delayMs, jitterMs, loss, bytesPerSecond } = this.#conditions();
    const bytes = piece?.length ?? 0;
    let lateMs = delayMs + this.#seeded.between(-jitterMs, jitterMs);
    for (let again = 0; again < mostRetransmissions && this.#seeded.chance(loss); again++) {
      lateMs += retransmitMs * 2 ** again;
    }
    const nowMs = performance.now();
    const transmitMs = (bytes * 1_000) / bytesPerSecond;
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + Math.max(0, lateMs)) + transmitMs;
    this.#queue.push({ piece, dueMs: this.#lastDueMs });
    this.#queuedBytes += bytes;
    if (this.#queuedBytes > windowBytes) this.#from.pause();
    if (this.#timer === null) this.#drain();
  }

  #drain(): void {
    this.#timer = null;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const waitMs = Math.max(head.dueMs, this.#stalledUntilMs) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#drain(), Math.ceil(waitMs));
        return;
      }
      this.#queue.shift();
      if (head.piece === null) {
        this.#to.end();
        continue;
      }
      this.#queuedBytes -= head.piece.length;
      if (!this.#to.destroyed) this.#to.write(head.piece);
      if (this.#queuedBytes <= windowBytes) this.#from.resume();
    }
  }
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly roads: readonly Road[];
}

export class TcpRelay {
  conditions: TcpConditions;
  readonly #options: TcpRelayOptions;
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  #accepted = 0;

  private constructor(options: TcpRelayOptions, listener: Server) {
    this.#options = options;
    this.conditions = options.conditions;
    this.#listener = listener;
    listener.on('connection', (client) => this.#accept(client));
  }

  static async open(options: TcpRelayOptions): Promise<TcpRelay> {
    const listener = createServer({ allowHalfOpen: true });
    listener.listen(0, options.listenAddress);
    await once(listener, 'listening');
    return new TcpRelay(options, listener);
  }

  get url(): string {
    const { address, port } = this.#listener.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Nothing passes on any connection that is open now, in either direction, for so long. */
  stall(ms: number): void {
    for (const { roads } of this.#connections) for (const road of roads) road.stall(ms);
  }

  /** Breaks every connection at both ends, as a middlebox would. */
  reset(): void {
    for (const connection of this.#connections) this.#break(connection);
  }

  async close(): Promise<void> {
    this.reset();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket): void {
    const { serverAddress, serverPort, seed } = this.#options;
    const server = createConnection({ host: serverAddress, port: serverPort, allowHalfOpen: true });
    for (const socket of [client, server]) socket.setNoDelay(true);
    const flow = 2 * this.#accepted++;
    const conditions = (): TcpConditions => this.conditions;
    const roads = [
      new Road(client, server, new Seeded(seed, flow), conditions),
      new Road(server, client, new Seeded(seed, flow + 1), conditions),
    ];
    const connection: Connection = { client, server, roads };
    this.#connections.add(connection);
    for (const socket of [client, server]) {
      // An end that breaks breaks the other one.
      socket.on('error', () => this.#break(connection));
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) this.#forget(connection);
      });
    }
  }

  #break(connection: Connection): void {
    this.#forget(connection);
    for (const socket of [connection.client, connection.server]) {
      // One that is still connecting or has said that it ends cannot be reset: libuv refuses, and Node would never close it.
      if (socket.connecting || socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    for (const road of connection.roads) road.end();
  }
}
