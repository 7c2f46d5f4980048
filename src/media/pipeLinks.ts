// Pairs of pipe transports between routers of different workers, over loopback, always under SRTP (AES-256-GCM, the one suite of pipes). One
// pair serves all streams between its two routers, in both directions, and goes with the last of them.

import type { PipeTransport, Router, TransportListenInfo } from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';

export interface PipeSeat {
  /** Of its worker: a meeting has one router on each. */
  readonly index: number;
  readonly router: Router;
}

export interface PipeLink {
  /** The transport on this seat's router. */
  at(seat: PipeSeat): PipeTransport;
}

interface Link {
  streams: number;
  readonly opening: Promise<PipeLink>;
  transports: readonly PipeTransport[];
  closed: boolean;
}

const keyOf = (a: PipeSeat, b: PipeSeat): string => [a.router.id, b.router.id].sort().join(' ');

export class PipeLinks {
  readonly #listenInfo: TransportListenInfo;
  readonly #links = new Map<string, Link>();
  #closed = false;

  constructor(listenInfo: TransportListenInfo) {
    this.#listenInfo = listenInfo;
  }

  get size(): number {
    return this.#links.size;
  }

  /** Answers at once: the link, which may be opening still, and how to let it go. `opened` rejects where either router is gone. */
  hold(from: PipeSeat, to: PipeSeat): { readonly opened: Promise<PipeLink>; readonly letGo: () => void } {
    const key = keyOf(from, to);
    const link = this.#links.get(key) ?? this.#begin(key, from, to);
    link.streams++;
    let held = true;
    return {
      opened: link.opening,
      letGo: () => {
        if (!held) return;
        held = false;
        if (--link.streams === 0) this.#end(key, link);
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const [key, link] of this.#links) this.#end(key, link);
  }

  #begin(key: string, from: PipeSeat, to: PipeSeat): Link {
    const link: Link = {
      streams: 0,
      opening: Promise.resolve().then(() => this.#open(key, link, [from, to])),
      transports: [],
      closed: false,
    };
    this.#links.set(key, link);
    // Whoever holds it hears of it; nobody may be left.
    link.opening.catch(() => this.#end(key, link));
    return link;
  }

  async #open(key: string, link: Link, seats: readonly [PipeSeat, PipeSeat]): Promise<PipeLink> {
    const made = await Promise.allSettled(
      seats.map(({ router }) =>
        router.createPipeTransport({ listenInfo: this.#listenInfo, enableSrtp: true, enableRtx: true }),
      ),
    );
    link.transports = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const [a, b] = link.transports;
    const failed = made.find((one) => one.status === 'rejected');
    if (failed !== undefined || a === undefined || b === undefined || this.#closed || link.closed) {
      for (const transport of link.transports) transport.close();
      throw new LatchkeyError('worker_died', 'no pipe between two workers', { cause: failed?.reason });
    }
    // One end that is gone, as with its worker, takes the other with it: what came over it ends.
    for (const transport of [a, b]) transport.observer.once('close', () => this.#end(key, link));
    await Promise.all([this.#connect(a, b), this.#connect(b, a)]);
    if (link.closed) throw new LatchkeyError('worker_died', 'no pipe between two workers');
    return { at: (seat) => (seat.router.id === seats[0].router.id ? a : b) };
  }

  async #connect(here: PipeTransport, there: PipeTransport): Promise<void> {
    const { srtpParameters, tuple } = there;
    await here.connect({
      ip: tuple.localAddress,
      port: tuple.localPort,
      ...(srtpParameters === undefined ? {} : { srtpParameters }),
    });
  }

  #end(key: string, link: Link): void {
    if (link.closed) return;
    link.closed = true;
    if (this.#links.get(key) === link) this.#links.delete(key);
    for (const transport of link.transports) transport.close();
  }
}
