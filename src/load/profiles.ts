// What load participants send: a talker, others in discontinuous transmission (RFC 7587 §3.1.3), and video of two sizes.

import { payloadTypes } from './mediaFormats.ts';
import type { VideoProfile } from './options.ts';
import type { SyntheticMedia } from './syntheticMedia.ts';

const microphone = {
  kind: 'audio',
  source: 'microphone',
  codec: 'opus',
  payloadType: payloadTypes.opus,
  clockRate: 48_000,
} as const;

const vp8 = {
  kind: 'video',
  source: 'camera',
  codec: 'vp8',
  payloadType: payloadTypes.vp8,
  clockRate: 90_000,
  // At its start, and when somebody asks.
  keyFrameEveryMs: null,
} as const;

/** From half of `mean` to one and a half times it, never twice the same in a row. */
const around = (mean: number, number: number): number =>
  Math.round(mean * (0.5 + ((number * 37) % 101) / 100));

export const streams = {
  /** Opus at 32 kbit/s with a variable rate. */
  talk: {
    ...microphone,
    framesPerSecond: 50,
    frameBytes: (_keyFrame, number) => around(80, number),
    levelDbov: 30,
  },
  /** Silence: comfort noise every 400 ms, of Opus' smallest frames. */
  silence: { ...microphone, framesPerSecond: 2.5, frameBytes: () => 6, levelDbov: 127 },
  /** 100 kbit/s: a face in a tile. */
  '100k': {
    ...vp8,
    framesPerSecond: 15,
    frameBytes: (keyFrame, number) => (keyFrame ? 4_000 : around(800, number)),
  },
  /** 1 Mbit/s: a face, or slides that move, in full. */
  '1m': {
    ...vp8,
    framesPerSecond: 25,
    frameBytes: (keyFrame, number) => (keyFrame ? 25_000 : around(4_900, number)),
  },
} as const satisfies Record<string, SyntheticMedia>;

export type StreamName = keyof typeof streams;

/** The first talks and is seen; the others listen with an open microphone. */
export const streamsOf = (publisher: number, video: VideoProfile): StreamName[] => {
  if (publisher > 0) return ['silence'];
  return video === 'none' ? ['talk'] : ['talk', video];
};
