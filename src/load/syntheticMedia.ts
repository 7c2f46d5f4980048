// What a microphone and a camera would give, as far as keys and networks can tell: frames of the right sizes at the right times,
// no two alike.

import type { MediaKind, Source } from '../protocol/names.ts';
import type { Codec } from '../sframe/prefix.ts';
import { payloadTypes } from './mediaFormats.ts';

export interface SyntheticMedia {
  readonly kind: MediaKind;
  readonly source: Source;
  readonly codec: Codec;
  readonly payloadType: number;
  readonly clockRate: number;
  readonly framesPerSecond: number;
  /** Bytes of one frame, at least four. */
  readonly frameBytes: (keyFrame: boolean, number: number) => number;
  /** Unless somebody asks for one before; null: only the first, and those that are asked for. Of video. */
  readonly keyFrameEveryMs?: number | null;
  /** What the header extension says of the sound (RFC 6464): decibels below the loudest, 127 for silence. Where it is not given, none is sent. */
  readonly levelDbov?: number;
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
  keyFrameEveryMs: 2_000,
};

/** The number makes it unlike all others; VP8's first byte tells key frames by its lowest bit (RFC 6386 §9.1). */
export const syntheticFrame = (media: SyntheticMedia, number: number, keyFrame: boolean): Uint8Array => {
  const frame = new Uint8Array(media.frameBytes(keyFrame, number));
  for (let i = 0; i < frame.length; i++) frame[i] = (i * 7 + number * 31) & 0xff;
  new DataView(frame.buffer).setUint32(frame.length - 4, number);
  if (media.codec === 'vp8') frame[0] = keyFrame ? 0x10 : 0x11;
  return frame;
};

/** RFC 6464, under the sender's number for it. */
const levelHeader = { uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: 10 } as const;

/** RFC 8285's one-byte form of RFC 6464's level, padded to four bytes; its highest bit says that somebody speaks. */
export const levelExtension = ({ levelDbov }: SyntheticMedia): Uint8Array | undefined =>
  levelDbov === undefined
    ? undefined
    : Uint8Array.of(levelHeader.id << 4, (levelDbov < 127 ? 0x80 : 0) | levelDbov, 0, 0);

export const rtpParametersOf = (
  { kind, codec, payloadType, clockRate, levelDbov }: SyntheticMedia,
  ssrc: number,
) => ({
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
  ...(levelDbov === undefined ? {} : { headerExtensions: [levelHeader] }),
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
