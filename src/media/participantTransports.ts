// One participant's transports: at most one to send and one to receive, both at home on one worker. When that dies it is left without, and may
// `open` them again, on another.

import type {
  DtlsParameters,
  IceParameters,
  Producer,
  Router,
  WebRtcServer,
  WebRtcTransport,
} from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import { assertStrongFingerprints, isStrong } from './fingerprints.ts';
import { asPeerError } from './peerError.ts';
import type { StreamUse } from './roomStreams.ts';

export interface TransportLimits {
  /** Bits a second that one participant may send; asked of it by REMB or transport-cc. */
  readonly maxIncomingBitrate: number;
  /** Bits a second assumed for a receiver before its bandwidth is known. */
  readonly initialOutgoingBitrate: number;
}

/** Where a participant's transports are, until its worker dies. */
export interface Home {
  readonly router: Router;
  readonly server: WebRtcServer;
  /** Resolves when the router has the producer. @throws LatchkeyError `producer_not_found`, `worker_died`. */
  use(producerId: string): Promise<StreamUse>;
  /** A producer arrives here. */
  onProducer(producer: Producer): void;
}

export interface TransportSurroundings {
  readonly limits: TransportLimits;
  /** @throws LatchkeyError `worker_died` where there is no worker for long. */
  readonly place: () => Promise<Home>;
  /** Of what the meeting may send, this participant's share, in bits a second. */
  readonly share: () => number;
  /** The peer closed one in order (DTLS's close_notify). */
  readonly onClosedByPeer: () => void;
  /** A handshake has ended well. */
  readonly onConnected: () => void;
}

export interface Transports {
  readonly send: WebRtcTransport | null;
  readonly receive: WebRtcTransport;
}

/** Workers on which transports are tried: they die seldom, one after the other. */
const attempts = 3;
/** A share that moved by less is not worth asking the worker. */
const shareTolerance = 0.2;
/** Bits a second that are as good as no limit to one participant: nothing is set above. */
export const unlimitedBitrate = 100_000_000;

export class ParticipantTransports {
  readonly #at: TransportSurroundings;
  /** Null: not opened yet, or its worker died. */
  #home: Promise<Home> | null = null;
  /** Once `#home` resolved. */
  #settled: Home | null = null;
  #open: Transports | null = null;
  /** One after the other: who lost its connection asks again while the first time is still under way. */
  #opening: Promise<unknown> = Promise.resolve();
  /** By transport; from the first `connect` on. */
  readonly #connecting = new Map<string, Promise<void>>();
  /** Bits a second that the receive transport may carry, as last set. */
  #share = unlimitedBitrate;
  #closed = false;

  constructor(at: TransportSurroundings) {
    this.#at = at;
  }

  get send(): WebRtcTransport | null | undefined {
    return this.#open?.send;
  }

  get receive(): WebRtcTransport | undefined {
    return this.#open?.receive;
  }

  get home(): Promise<Home> | null {
    return this.#home;
  }

  /** @throws LatchkeyError `worker_died` where there is no worker for long. */
  async open(mayProduce: boolean): Promise<Transports> {
    const opening = this.#opening.then(() => this.#openOnce(mayProduce));
    this.#opening = opening.catch(() => undefined);
    return await opening;
  }

  async #openOnce(mayProduce: boolean): Promise<Transports> {
    for (let attempt = 1; ; attempt++) {
      const home = await this.settle();
      try {
        return await this.#openAt(home, mayProduce);
      } catch (thrown) {
        if (!home.router.closed || this.#closed || attempt === attempts) throw thrown;
        // Its death may not have been told yet.
        this.lost(home.router);
      }
    }
  }

  /** Finds it a home, where it has none. */
  async settle(): Promise<Home> {
    this.#assertOpen();
    const home = (this.#home ??= this.#at.place());
    try {
      const settled = await home;
      this.#assertOpen();
      if (this.#home === home) this.#settled = settled;
      return settled;
    } catch (thrown) {
      if (this.#home === home) this.#home = null;
      throw thrown;
    }
  }

  async #openAt(home: Home, mayProduce: boolean): Promise<Transports> {
    const { send: sends = null, receive: receives } = this.#open ?? {};
    const made: WebRtcTransport[] = [];
    try {
      const send = sends ?? (mayProduce ? await this.#create(home, made) : null);
      const receive = receives ?? (await this.#create(home, made));
      if (send !== sends) await send?.setMaxIncomingBitrate(this.#at.limits.maxIncomingBitrate);
      if (receive !== receives) this.#share = unlimitedBitrate;
      await this.#limit(receive);
      this.#assertOpen();
      if (home.router.closed) throw new LatchkeyError('worker_died');
      return (this.#open = { send, receive });
    } catch (thrown) {
      for (const transport of made) transport.close();
      throw thrown;
    }
  }

  /** Lowered to the audience: what it sent ends, what it receives goes on. */
  closeSend(): void {
    if (this.#open === null) return;
    const { send, receive } = this.#open;
    this.#open = { send: null, receive };
    if (send !== null) this.#connecting.delete(send.id);
    send?.close();
  }

  /** This router's worker died. True: it was at home there, and all of this went with it. */
  lost(router: Router): boolean {
    if (this.#settled?.router !== router) return false;
    this.#home = null;
    this.#settled = null;
    this.#open = null;
    this.#connecting.clear();
    return true;
  }

  /** Asked again by who lost the answer with its connection, it does nothing more. */
  async connect(transportId: string, dtlsParameters: DtlsParameters): Promise<void> {
    assertStrongFingerprints(dtlsParameters.fingerprints);
    const transport = this.#own(transportId);
    const connecting =
      this.#connecting.get(transportId) ?? asPeerError(transport.connect({ dtlsParameters }));
    this.#connecting.set(transportId, connecting);
    try {
      await this.whileUp(transport, connecting);
    } catch (thrown) {
      this.#connecting.delete(transportId);
      throw thrown;
    }
  }

  /** The peer's network has changed: paths are looked for anew under these; DTLS and everything above it goes on. */
  async restartIce(transportId: string): Promise<IceParameters> {
    const transport = this.#own(transportId);
    return await this.whileUp(transport, transport.restartIce());
  }

  /** Sets its share of what the meeting may send, where that has moved. */
  async limitEgress(): Promise<void> {
    const receive = this.#open?.receive;
    if (receive !== undefined) await this.#limit(receive);
  }

  async #limit(receive: WebRtcTransport): Promise<void> {
    const share = Math.min(unlimitedBitrate, this.#at.share());
    const moved = Math.abs(share - this.#share) / Math.min(share, this.#share);
    if (receive.closed || moved <= shareTolerance) return;
    this.#share = share;
    try {
      await receive.setMaxOutgoingBitrate(share);
    } catch (cause) {
      // Gone while it was asked.
      if (!receive.closed) throw cause;
    }
  }

  /**
   * What fails because its transport went is told so. Where that went with its worker, the participant will be asked to open media again.
   */
  async whileUp<T>(transport: WebRtcTransport, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      if (thrown instanceof LatchkeyError || this.#closed || !transport.closed) throw thrown;
      const alone = this.#settled?.router.closed === false;
      throw new LatchkeyError(alone ? 'transport_not_found' : 'worker_died', undefined, { cause: thrown });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open?.send?.close();
    this.#open?.receive.close();
  }

  async #create({ router, server }: Home, made: WebRtcTransport[]): Promise<WebRtcTransport> {
    const transport = await router.createWebRtcTransport({
      webRtcServer: server,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      initialAvailableOutgoingBitrate: this.#at.limits.initialOutgoingBitrate,
    });
    made.push(transport);
    this.#assertOpen();
    transport.on('dtlsstatechange', (state) => {
      if (state === 'closed' && !this.#closed) this.#at.onClosedByPeer();
      if (state === 'connected' && !this.#closed) this.#at.onConnected();
    });
    return transport;
  }

  #assertOpen(): void {
    if (this.#closed) throw new LatchkeyError('closed');
  }

  #own(transportId: string): WebRtcTransport {
    const { send, receive } = this.#open ?? {};
    if (send?.id === transportId) return send;
    if (receive?.id === transportId) return receive;
    throw new LatchkeyError('transport_not_found');
  }
}

/** Offers sha-256 and stronger only. */
export const describeTransport = (transport: WebRtcTransport) => ({
  id: transport.id,
  iceParameters: transport.iceParameters,
  iceCandidates: transport.iceCandidates,
  dtlsParameters: {
    role: transport.dtlsParameters.role ?? ('auto' as const),
    fingerprints: transport.dtlsParameters.fingerprints.filter(isStrong),
  },
});
