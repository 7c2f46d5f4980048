// A producer whose RTP the test makes: packets go to the worker over a direct transport, one every 20 ms, and are forwarded as any others.

import type { DirectTransport, Producer, Router } from 'mediasoup/types';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { rtpPacket, vp8Payloads } from '../../src/load/rtpPackets.ts';
import { incarnation, never, nodeEpochKey, now } from '../sframe/streams.ts';

export type Sealer = FrameSealerSync<Buffer, Buffer>;
type Seal = (plain: Uint8Array) => Uint8Array;
type Kind = 'audio' | 'video';

export interface SealerFor {
  readonly kind: Kind;
  readonly lease: number;
  readonly stream: number;
  readonly epoch: number;
}

export const sealerFor = ({ kind, lease: number, stream, epoch }: SealerFor): Sealer => {
  const claimed = new SenderStreams(lease(number)).claim(streamId(stream));
  const codec = kind === 'audio' ? 'opus' : 'vp8';
  const sealer = new FrameSealerSync(nodeCrypto, { stream: claimed, codec, incarnation });
  sealer.install(nodeEpochKey(epoch), never);
  return sealer;
};

export const moveTo = (sealer: Sealer, epoch: number): void => {
  epochId(epoch);
  sealer.install(nodeEpochKey(epoch), never);
};

const rtpParameters = (kind: Kind, ssrc: number) => ({
  codecs: [
    kind === 'audio'
      ? { mimeType: 'audio/opus', payloadType: 100, clockRate: 48_000, channels: 2 }
      : { mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 },
  ],
  encodings: [{ ssrc }],
});

const intervalMs = 20;
/** Every so many frames of video is a key frame: nobody asks this sender for one. */
const keyFrameEvery = 5;

let lastSsrc = 1_000;

export class InjectedSender {
  readonly producer: Producer;
  /** What becomes of each frame before it is sent; the honest sealer unless the test sets another. */
  seal: Seal;
  readonly #kind: Kind;
  readonly #ssrc: number;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #sequence = 0;

  private constructor(kind: Kind, producer: Producer, ssrc: number, seal: Seal) {
    this.#kind = kind;
    this.#ssrc = ssrc;
    this.producer = producer;
    this.seal = seal;
    this.#timer = setInterval(() => this.#send(), intervalMs);
    producer.observer.once('close', () => clearInterval(this.#timer));
  }

  static async start(
    transport: DirectTransport,
    at: { readonly kind: Kind; readonly participantId: string; readonly stream: number },
    sealer: Sealer,
  ): Promise<InjectedSender> {
    const ssrc = ++lastSsrc;
    const { kind, participantId, stream } = at;
    const producer = await transport.produce({
      kind,
      rtpParameters: rtpParameters(kind, ssrc),
      appData: { participantId, stream },
    });
    return new InjectedSender(kind, producer, ssrc, (plain) => sealer.seal(plain, now));
  }

  get sent(): number {
    return this.#sent;
  }

  #send(): void {
    const frame = this.#frame();
    const audio = this.#kind === 'audio';
    const payloads = audio ? [frame] : vp8Payloads(frame, this.#sent);
    for (const [index, payload] of payloads.entries()) {
      this.producer.send(
        rtpPacket(
          {
            payloadType: audio ? 100 : 101,
            sequence: this.#sequence++,
            timestamp: this.#sent * intervalMs * (audio ? 48 : 90),
            ssrc: this.#ssrc,
            marker: !audio && index === payloads.length - 1,
          },
          payload,
        ),
      );
    }
    this.#sent++;
  }

  #frame(): Uint8Array {
    const length = this.#kind === 'audio' ? 100 : 2_500;
    const plain = new Uint8Array(length).map((_, i) => (i * 31 + this.#sent * 7) & 0xff);
    // VP8's P bit.
    if (this.#kind === 'video') plain[0] = this.#sent % keyFrameEvery === 0 ? 0x10 : 0x11;
    return this.seal(plain);
  }
}

export const directTransport = (router: Router): Promise<DirectTransport> => router.createDirectTransport();
