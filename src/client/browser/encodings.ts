// How each source is encoded. What is sealed is Opus and VP8, and nothing else is ever offered.

import type { ProducerCodecOptions, ProducerOptions } from 'mediasoup-client/types';
import type { MediaKind, Source } from '../../protocol/names.ts';
import type { Codec } from '../../sframe/prefix.ts';

type Encodings = NonNullable<ProducerOptions['encodings']>;

export const codecOf: Readonly<Record<MediaKind, Codec>> = { audio: 'opus', video: 'vp8' };

export const mimeTypeOf: Readonly<Record<MediaKind, string>> = { audio: 'audio/opus', video: 'video/vp8' };

export const defaultSource: Readonly<Record<MediaKind, Source>> = { audio: 'microphone', video: 'camera' };

export const kindOf: Readonly<Record<Source, MediaKind>> = {
  microphone: 'audio',
  camera: 'video',
  screen: 'video',
  screenAudio: 'audio',
};

/** Three sizes, so that each receiver gets the one that it can take; bits a second for 1280 × 720. */
const camera: Encodings = [
  { scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
  { scaleResolutionDownBy: 2, maxBitrate: 500_000, scalabilityMode: 'L1T3' },
  { scaleResolutionDownBy: 1, maxBitrate: 1_500_000, scalabilityMode: 'L1T3' },
];

/** A small screen is not legible: one size. */
const screen: Encodings = [{ maxBitrate: 2_500_000, scalabilityMode: 'L1T3' }];

export const encodingsOf = (source: Source): Encodings | undefined => {
  if (source === 'camera') return camera;
  return source === 'screen' ? screen : undefined;
};

/**
 * Without DTX: when nothing is sent in silence, packet times tell who speaks and, roughly, what (RFC 6562 §3). It would save
 * some 30 kbit/s of a listener's microphone. Kilobits a second to begin with, for video.
 */
export const codecOptionsOf = (kind: MediaKind): ProducerCodecOptions =>
  kind === 'audio' ? { opusFec: true, opusDtx: false } : { videoGoogleStartBitrate: 600 };
