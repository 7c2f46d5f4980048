// A bad road for media: stands at one address in front of a server at another, with the same port, and loses, delays and reorders what
// passes, each direction on its own. Each client's address has one socket towards the server, so that the server tells them apart.

import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { Seeded } from '../../src/load/seeded.ts';

export interface UdpConditions {
  /** Probability that a packet is lost, 0 … 1. */
  readonly loss: number;
  readonly delayMs: number;
  /** Each packet is `delayMs` ± this late, evenly spread; whoever is late is overtaken. */
  readonly jitterMs: number;
}

export const perfectUdp: UdpConditions = { loss: 0, delayMs: 0, jitterMs: 0 };

export interface UdpRelayOptions {
  readonly listenAddress: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly serverAddress: string;
  readonly seed: number;
  readonly conditions: UdpConditions;
}

interface Flow {
  readonly client: RemoteInfo;
  readonly upstream: Socket;
  readonly up: Seeded;
  readonly down: Seeded;
}

export class UdpRelay {
  conditions: UdpConditions;
  forwarded = 0;
  lost = 0;
  readonly #options: UdpRelayOptions;
  readonly #socket: Socket;
  readonly #flows = new Map<string, Flow>();
  readonly #delayed = new Set<NodeJS.Timeout>();
  #closed = false;

  private constructor(options: UdpRelayOptions, socket: Socket) {
    this.#options = options;
    this.conditions = options.conditions;
    this.#socket = socket;
    socket.on('message', (packet, client) => this.#fromClient(packet, client));
  }

  static async open(options: UdpRelayOptions): Promise<UdpRelay> {
    const socket = createSocket('udp4');
    socket.bind(options.port, options.listenAddress);
    await once(socket, 'listening');
    return new UdpRelay(options, socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#delayed) clearTimeout(timer);
    for (const { upstream } of this.#flows.values()) upstream.close();
    this.#socket.close();
  }

  #fromClient(packet: Buffer, client: RemoteInfo): void {
    const name = `${client.address}:${client.port}`;
    const flow = this.#flows.get(name) ?? this.#newFlow(name, client);
    this.#pass(flow.up, () => flow.upstream.send(packet, this.port, this.#options.serverAddress));
  }

  #newFlow(name: string, client: RemoteInfo): Flow {
    const upstream = createSocket('udp4');
    const number = this.#flows.size;
    const flow: Flow = {
      client,
      upstream,
      up: new Seeded(this.#options.seed, 2 * number),
      down: new Seeded(this.#options.seed, 2 * number + 1),
    };
    this.#flows.set(name, flow);
    upstream.on('message', (packet) =>
      this.#pass(flow.down, () => this.#socket.send(packet, client.port, client.address)),
    );
    return flow;
  }

  #pass(seeded: Seeded, forward: () => void): void {
    const { loss, delayMs, jitterMs } = this.conditions;
    if (seeded.chance(loss)) {
      this.lost++;
      return;
    }
    const lateMs = delayMs + seeded.between(-jitterMs, jitterMs);
    const go = (): void => {
      this.forwarded++;
      if (!this.#closed) forward();
    };
    if (lateMs < 1) {
      go();
      return;
    }
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      go();
    }, lateMs);
    this.#delayed.add(timer);
  }
}
