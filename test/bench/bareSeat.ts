// A seat at the bare server: its requests and answers, over the same kind of socket as a session has.

import { randomFillSync } from 'node:crypto';
import type { Role } from '../../src/protocol/names.ts';
import { mayProduce } from '../../src/protocol/names.ts';
import { receiverCapabilities, rtpParametersOf } from './mediaParts.ts';
import type { Fingerprint, Produced, Seal, Seat, Transports } from './seat.ts';

interface Joined {
  readonly producers: readonly { readonly producerId: string }[];
}

interface Reply {
  readonly id: number;
  readonly ok: boolean;
  readonly data?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (why: Error) => void;
}

const sealNothing: Seal = async (frame, wantedBytes) => {
  const padded = new Uint8Array(Math.max(frame.length, wantedBytes));
  padded.set(frame);
  randomFillSync(padded, frame.length);
  return padded;
};

export class BareSeat implements Seat {
  producerIds: readonly string[] = [];
  readonly #socket: WebSocket;
  readonly #sends: boolean;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(socket: WebSocket, role: Role) {
    this.#socket = socket;
    this.#sends = mayProduce(role);
    socket.addEventListener('message', ({ data }: MessageEvent) => this.#answered(JSON.parse(String(data))));
    socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the bare server closed the socket'));
      this.#waiting.clear();
    });
  }

  static async join(url: string, role: Role): Promise<BareSeat> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('close', () => reject(new Error('the bare server does not answer')));
    });
    const seat = new BareSeat(socket, role);
    const { producers } = await seat.#request<Joined>('join', {});
    seat.producerIds = producers.map(({ producerId }) => producerId);
    return seat;
  }

  openMedia(): Promise<Transports> {
    return this.#request('openMedia', { rtpCapabilities: receiverCapabilities, sends: this.#sends });
  }

  async connectTransport(transportId: string, fingerprints: readonly Fingerprint[]): Promise<void> {
    await this.#request('connectTransport', {
      transportId,
      dtlsParameters: { role: 'client', fingerprints },
    });
  }

  async produce({ media, transportId, ssrc }: Produced): Promise<Seal> {
    const rtpParameters = rtpParametersOf(media, ssrc);
    await this.#request('produce', { transportId, kind: media.kind, rtpParameters });
    return sealNothing;
  }

  async consume(producerId: string): Promise<void> {
    const { consumerId } = await this.#request<{ consumerId: string }>('consume', { producerId });
    await this.#request('resumeConsumer', { consumerId });
  }

  async keyed(): Promise<void> {
    // There are no keys.
  }

  close(): void {
    this.#socket.close();
  }

  #request<T>(method: string, data: unknown): Promise<T> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as T), reject });
      this.#socket.send(JSON.stringify({ id, method, data }));
    });
  }

  #answered({ id, ok, data, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (ok) waiting?.resolve(data);
    else waiting?.reject(new Error(error));
  }
}
