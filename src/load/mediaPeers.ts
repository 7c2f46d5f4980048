// What a participant in Node sends and receives over: its two transports, and the streams that it sends. Where the worker of both died they are
// opened again, on whichever worker the server says, and the same streams produced again. A stream goes on meanwhile as a microphone does, and
// keeps its sealer: its counters may not begin again under the same key.

import type { Session } from '../client/session/session.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Transport } from '../protocol/signaling.ts';
import { MediaPeer } from './mediaPeer.ts';
import type { Direction } from './mediaPeer.ts';
import { OutgoingStream } from './outgoingStream.ts';
import { pictureLosses } from './pictureLoss.ts';
import { receiverCapabilities, rtpParametersOf } from './syntheticMedia.ts';
import type { SyntheticMedia } from './syntheticMedia.ts';

export interface MediaPeersParts {
  readonly session: Session;
  readonly name: string;
  /** Undefined: ICE finds the way. */
  readonly bindAddress: (transport: Transport) => string | undefined;
  /** Its stream's number is its place. */
  readonly sends: readonly SyntheticMedia[];
  readonly sealerOf: (
    media: SyntheticMedia,
    stream: number,
  ) => (frame: Uint8Array) => Promise<Uint8Array | null>;
  readonly onRtp: (packet: Buffer) => void;
  readonly onSent: () => void;
  readonly onState: (direction: Direction, state: string) => void;
  /** There is something to receive over, and nothing is consumed over it yet. */
  readonly onReceiving: () => void;
  /** It is gone, and what was consumed over it. */
  readonly onLost: () => void;
  /** Media could not be opened again. */
  readonly onFailed: (thrown: unknown) => void;
}

/** ICE or DTLS. */
export class MediaFailed extends Error {}

/** What is answered about what went with its worker. The server's `mediaLost` is on its way. */
export const lostCodes: ReadonlySet<string> = new Set(['transport_not_found', 'worker_died']);

/** Longer than any deadline of the protocol. */
const connectMs = 30_000;

let lastSsrc = 100_000;

/** From one `openMedia` to the loss of what it gave. */
class Opening {
  readonly peers: MediaPeer[] = [];
  readonly lost = Promise.withResolvers<never>();
  over = false;
  receiving = false;
  send: MediaPeer | null = null;

  constructor() {
    // Looked at by whoever waits for something over it; often nobody does.
    this.lost.promise.catch(() => undefined);
  }

  end(): void {
    this.over = true;
    this.receiving = false;
    this.send = null;
    this.lost.reject(new MediaFailed());
    for (const peer of this.peers) peer.close();
  }
}

export class MediaPeers {
  readonly #parts: MediaPeersParts;
  /** By stream. */
  readonly #outgoing = new Map<number, OutgoingStream>();
  #opening = new Opening();
  #opened: Promise<void> | null = null;
  #closed = false;

  constructor(parts: MediaPeersParts) {
    this.#parts = parts;
    parts.session.on('mediaLost', ({ ready }) => this.#lost(ready));
  }

  /** One for each stream that it sends, in their order. */
  get outgoing(): readonly OutgoingStream[] {
    return [...this.#outgoing.values()];
  }

  /** Something may be consumed. */
  get receiving(): boolean {
    return this.#opening.receiving;
  }

  /** Another one after each loss: what was asked before it is not answered for what there is now. */
  get path(): object {
    return this.#opening;
  }

  /** Connected, and sending. Also where media were lost meanwhile. @throws LatchkeyError, MediaFailed */
  async open(): Promise<void> {
    let opened: Promise<void> | null = null;
    while (opened !== (this.#opened ??= this.#open(this.#opening))) {
      opened = this.#opened;
      await opened;
    }
  }

  stop(): void {
    for (const stream of this.#outgoing.values()) stream.stop();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.stop();
    this.#opening.end();
  }

  /** `ready`: there is a worker again. */
  #lost(ready: boolean): void {
    if (this.#closed) return;
    if (!this.#opening.over) {
      this.#opening.end();
      this.#parts.onLost();
    }
    if (!ready) return;
    this.#opening = new Opening();
    this.#opened = this.#open(this.#opening);
    this.#opened.catch((thrown: unknown) => {
      if (!this.#closed) this.#parts.onFailed(thrown);
    });
  }

  async #open(opening: Opening): Promise<void> {
    try {
      await this.#connectAll(opening);
    } catch (thrown) {
      const lost = thrown instanceof LatchkeyError && lostCodes.has(thrown.code);
      if (this.#closed || (!opening.over && !lost)) throw thrown;
    }
  }

  async #connectAll(opening: Opening): Promise<void> {
    const { session, sends, onReceiving } = this.#parts;
    const { send, receive } = await session.openMedia({ rtpCapabilities: receiverCapabilities });
    if (opening.over) return;
    opening.receiving = true;
    onReceiving();
    await Promise.all([
      this.#connect(opening, receive, 'receive'),
      send === null || sends.length === 0 ? null : this.#publish(opening, send),
    ]);
  }

  async #publish(opening: Opening, transport: Transport): Promise<void> {
    const { session, sends } = this.#parts;
    const peer = await this.#connect(opening, transport, 'send');
    await session.keyed(connectMs);
    opening.send = opening.over ? null : peer;
    for (const [stream, media] of sends.entries()) {
      if (!opening.over) await this.#produce(opening, transport, media, stream);
    }
  }

  async #connect(opening: Opening, transport: Transport, direction: Direction): Promise<MediaPeer> {
    const connected = Promise.withResolvers<void>();
    const { session, name, bindAddress, onRtp, onState } = this.#parts;
    const peer = new MediaPeer(
      { name: `${name} ${direction}`, bindAddress: bindAddress(transport) },
      {
        onRtp,
        onRtcp: (packet) => this.#feedback(packet),
        onState: (state) => {
          if (state === 'connected') connected.resolve();
          else if (state === 'failed' || state === 'closed') connected.reject(new MediaFailed());
          onState(direction, state);
        },
      },
    );
    opening.peers.push(peer);
    // Looked at when it is awaited; a transport may fail before that.
    connected.promise.catch(() => undefined);
    const fingerprints = await Promise.race([peer.answer(transport, direction), opening.lost.promise]);
    const dtlsParameters = { role: 'client' as const, fingerprints };
    await session.request('connectTransport', { transportId: transport.id, dtlsParameters });
    await Promise.race([connected.promise, opening.lost.promise]);
    return peer;
  }

  async #produce(
    opening: Opening,
    transport: Transport,
    media: SyntheticMedia,
    stream: number,
  ): Promise<void> {
    const { session, sealerOf, onSent } = this.#parts;
    const { kind, source } = media;
    const before = this.#outgoing.get(stream);
    const ssrc = before?.ssrc ?? ++lastSsrc;
    const seal = before === undefined ? sealerOf(media, stream) : null;
    const rtpParameters = rtpParametersOf(media, ssrc);
    const transportId = transport.id;
    await session.request('produce', { transportId, kind, source, rtpParameters, paused: false, stream });
    if (opening.over || seal === null) return;
    const send = (packet: Buffer): void => {
      if (this.#opening.send?.send(packet) === true) onSent();
    };
    this.#outgoing.set(
      stream,
      new OutgoingStream({ media, ssrc, seal, send, nowMs: () => performance.now() }),
    );
  }

  #feedback(packet: Buffer): void {
    for (const ssrc of pictureLosses(packet))
      this.outgoing.find((stream) => stream.ssrc === ssrc)?.keyFrameWanted();
  }
}
