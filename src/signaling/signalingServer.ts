// WebSockets at /v1/connect, upgraded from the HTTP server. No compression (what is compressed is secret and its size would
// tell), no cookies, nothing in the address: who somebody is stands in the first message.

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Logger } from 'pino';
import type { ErrorCode } from '../protocol/errors.ts';
import { limits } from '../protocol/timers.ts';
import { Connection } from './connection.ts';
import type { ConnectionLimits } from './connection.ts';
import { Visit } from './visit.ts';
import type { VisitContext } from './visit.ts';

export const connectPath = '/v1/connect';
export const subprotocol = 'latchkey.1';

export interface SignalingOptions {
  readonly context: VisitContext;
  readonly limits: ConnectionLimits & {
    /** Sockets open at the same time, joined or not. */
    readonly maxConnections: number;
  };
  readonly log: Logger;
  readonly onError: (code: ErrorCode) => void;
}

export class SignalingServer {
  readonly #options: SignalingOptions;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<Connection>();
  #closed = false;

  constructor(options: SignalingOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.messageBytes,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
  }

  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Those who joined were told by their meetings; the others are told here. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const connection of this.#connections) connection.end('serverStopping');
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on('error', () => socket.destroy());
    if (request.url !== connectPath) refuse('404 Not Found');
    else if (this.#closed || this.#connections.size >= this.#options.limits.maxConnections)
      refuse('503 Service Unavailable');
    else this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#connect(webSocket));
  }

  #connect(webSocket: ConstructorParameters<typeof Connection>[0]): void {
    const { context, limits, log, onError } = this.#options;
    const connection = new Connection(webSocket, {
      limits,
      log,
      onError,
      handlers: (own) => new Visit(context, own),
      onClosed: (own) => this.#connections.delete(own),
    });
    this.#connections.add(connection);
  }
}
