// Loaded before the server (`node --import`): a consumer on the server's side for every producer, by mediasoup's own observers, as
// whoever has taken over the control process could make one. What it sees goes to the test over IPC.

import { observer } from 'mediasoup';
import type { Producer, Router } from 'mediasoup/types';
import { parseRtp } from '../../src/load/rtpParsing.ts';
import { Vp8Frames } from './rtpFrames.ts';

export interface TappedFrame {
  readonly kind: 'frame';
  readonly producerId: string;
  readonly media: 'audio' | 'video';
  readonly frame: Uint8Array;
}

export type TapRequest =
  /** Since video starts with one: asks every producer for a key frame. */
  | { readonly kind: 'keyFrameWanted' }
  /** Something for the memory's scan to find: masked with 0x5a on its way, kept unmasked. */
  | { readonly kind: 'plant'; readonly masked: Uint8Array };

const planted: Buffer[] = [];

const wanted = new Set<() => void>();

/** `count` keys are held for the scan. */
export interface Planted {
  readonly kind: 'planted';
  readonly count: number;
}

const tell = (message: TappedFrame | Planted): void => {
  if (process.connected) process.send?.(message);
};

const listen = async (router: Router, producer: Producer): Promise<void> => {
  const transport = await router.createDirectTransport();
  const consumer = await transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
    paused: false,
  });
  const frames = new Vp8Frames();
  consumer.on('rtp', (bytes) => {
    const packet = parseRtp(bytes);
    const frame = producer.kind === 'video' ? frames.push(packet) : packet.payload;
    if (frame === null || frame.length === 0) return;
    tell({ kind: 'frame', producerId: producer.id, media: producer.kind, frame: new Uint8Array(frame) });
  });
  const askForKeyFrame = (): void => void consumer.requestKeyFrame().catch(gone);
  wanted.add(askForKeyFrame);
  consumer.observer.once('close', () => {
    wanted.delete(askForKeyFrame);
    transport.close();
  });
};

/** What was tapped may end at any time. */
const gone = (error: unknown): void => {
  if (process.env['TAP_VERBOSE'] !== undefined) process.stderr.write(`${String(error)}\n`);
};

observer.on('newworker', (worker) => {
  worker.observer.on('newrouter', (router) => {
    router.observer.on('newtransport', (transport) => {
      transport.observer.on('newproducer', (producer) => void listen(router, producer).catch(gone));
    });
  });
});

process.on('message', (message: TapRequest) => {
  if (message.kind === 'plant') {
    planted.push(Buffer.from(message.masked.map((byte) => byte ^ 0x5a)));
    tell({ kind: 'planted', count: planted.length });
    return;
  }
  for (const ask of wanted) ask();
});
// The channel must not keep the server alive.
process.channel?.unref();
