// What a microphone and a camera would give, as far as keys and networks can tell: frames of the right sizes at the right times,
// no two alike.

import type { MediaKind, Source } from '../../src/protocol/names.ts';
import type { Codec } from '../../src/sframe/prefix.ts';
import { payloadTypes } from './mediaPeer.ts';

export interface SyntheticMedia {
  readonly kind: MediaKind;
  readonly source: Source;
  readonly codec: Codec;
  readonly payloadType: number;
  readonly clockRate: number;
  readonly framesPerSecond: number;
  /** Bytes of one frame. */
  readonly frameBytes: (keyFrame: boolean) => number;
}

/** Opus at 32 kbit/s. */
export const speech: SyntheticMedia = {
  kind: 'audio',
  source: 'microphone',
  codec: 'opus',
  payloadType: payloadTypes.opus,
  clockRate: 48_000,
  framesPerSecond: 50,
  frameBytes: () => 80,
};

/** VP8 at some 400 kbit/s: a frame is one to three packets, a key frame six. */
export const camera: SyntheticMedia = {
  kind: 'video',
  source: 'camera',
  codec: 'vp8',
  payloadType: payloadTypes.vp8,
  clockRate: 90_000,
  framesPerSecond: 20,
  frameBytes: (keyFrame) => (keyFrame ? 6_500 : 2_400),
};

/** The number makes it unlike all others; VP8's first byte tells key frames by its lowest bit (RFC 6386 §9.1). */
export const syntheticFrame = (media: SyntheticMedia, number: number, keyFrame: boolean): Uint8Array => {
  const frame = new Uint8Array(media.frameBytes(keyFrame));
  for (let i = 0; i < frame.length; i++) frame[i] = (i * 7 + number * 31) & 0xff;
  new DataView(frame.buffer).setUint32(frame.length - 4, number);
  if (media.codec === 'vp8') frame[0] = keyFrame ? 0x10 : 0x11;
  return frame;
};

export const rtpParametersOf = ({ kind, codec, payloadType, clockRate }: SyntheticMedia, ssrc: number) => ({
  codecs: [
    {
      mimeType: `${kind}/${codec}`,
      payloadType,
      clockRate,
      ...(kind === 'audio' ? { channels: 2 } : {}),
      // Nothing is sent again: what the network loses is lost.
      rtcpFeedback: kind === 'video' ? [{ type: 'nack', parameter: 'pli' }] : [],
    },
  ],
  encodings: [{ ssrc }],
  rtcp: { cname: 'synthetic' },
});

/** What a participant can receive: nothing that would have the server guess at bandwidths or send again. */
export const receiverCapabilities = {
  codecs: [speech, camera].map(({ kind, codec, payloadType, clockRate }) => ({
    kind,
    mimeType: `${kind}/${codec}`,
    preferredPayloadType: payloadType,
    clockRate,
    ...(kind === 'audio' ? { channels: 2 } : {}),
    rtcpFeedback: kind === 'video' ? [{ type: 'nack', parameter: 'pli' }] : [],
  })),
  headerExtensions: [],
};
