// The proxy through which Firefox would reach anybody but this machine: it reaches nobody, and each try is written down.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class StrayRequests {
  readonly seen: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(({ method, url }, response) => {
      this.seen.push(`${method} ${url}`);
      response.writeHead(502).end();
    });
    this.#server.on('connect', ({ url }, socket) => {
      this.seen.push(`CONNECT ${url}`);
      socket.destroy();
    });
  }

  static async listen(): Promise<StrayRequests> {
    const proxy = new StrayRequests();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
