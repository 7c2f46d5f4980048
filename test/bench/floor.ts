// The bare WebSockets beside which a rekey is measured: a server of nothing else, and sockets of the same client processes.

import { createCipheriv, randomBytes } from 'node:crypto';
import { Child } from './childProcess.ts';
import type { FloorRound } from './floorServer.ts';

export class Floor {
  readonly #server = new Child(new URL('floorServer.ts', import.meta.url));
  readonly #key = randomBytes(32);
  readonly #sealed: Uint8Array;

  constructor() {
    const cipher = createCipheriv('aes-256-gcm', this.#key, new Uint8Array(12));
    this.#sealed = Buffer.concat([cipher.update(randomBytes(32)), cipher.final(), cipher.getAuthTag()]);
  }

  async connect(clients: readonly Child[], count: number): Promise<void> {
    const port = await this.#server.ask<number>('port');
    const share = Math.ceil(count / clients.length);
    await Promise.all(
      clients.map((client, at) =>
        client.ask('floor', { port, count: Math.min(share, count - at * share), key: this.#key }),
      ),
    );
  }

  broadcast(bytes: number): Promise<FloorRound> {
    return this.#server.ask('broadcast', { sealed: this.#sealed, bytes });
  }

  end(): Promise<void> {
    return this.#server.end();
  }
}
