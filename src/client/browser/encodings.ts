// How each source is encoded. What is sealed is Opus and VP8, and nothing else is ever offered.

import type { ProducerCodecOptions, ProducerOptions } from 'mediasoup-client/types';
import type { MediaKind, Source } from '../../protocol/names.ts';
import type { Codec } from '../../sframe/prefix.ts';

type Encodings = NonNullable<ProducerOptions['encodings']>;

/** In pixels, as MediaTrackSettings has it. */
interface PictureSize {
  readonly width?: number;
  readonly height?: number;
}

export const codecOf: Readonly<Record<MediaKind, Codec>> = { audio: 'opus', video: 'vp8' };

export const mimeTypeOf: Readonly<Record<MediaKind, string>> = { audio: 'audio/opus', video: 'video/vp8' };

export const defaultSource: Readonly<Record<MediaKind, Source>> = { audio: 'microphone', video: 'camera' };

export const kindOf: Readonly<Record<Source, MediaKind>> = {
  microphone: 'audio',
  camera: 'video',
  screen: 'video',
  screenAudio: 'audio',
};

/** Bits a second of a camera's sizes, smallest first: 320 × 180, 640 × 360, 1280 × 720. */
const cameraBitrates = [150_000, 500_000, 1_500_000];

/**
 * Pixels from which on a picture is worth one size more. They are libwebrtc's (`GetMaxSimulcastLayers`: 480 × 270, 960 × 540): of more encodings
 * than it allows, it leaves out the largest, and a camera of 640 × 480 was only ever seen at 320 × 240.
 */
const anotherSizeFrom = [480 * 270, 960 * 540];

/** Each half the next, so that each receiver gets the one that it can take; the largest is the camera's own. */
const camera = ({ width, height }: PictureSize): Encodings => {
  const pixels = width === undefined || height === undefined ? Infinity : width * height;
  const sizes = 1 + anotherSizeFrom.filter((least) => pixels >= least).length;
  return cameraBitrates.slice(0, sizes).map((maxBitrate, layer) => ({
    scaleResolutionDownBy: 2 ** (sizes - 1 - layer),
    maxBitrate,
    scalabilityMode: 'L1T3',
  }));
};

/** A small screen is not legible: one size. */
const screen: Encodings = [{ maxBitrate: 2_500_000, scalabilityMode: 'L1T3' }];

/** `size`: of the track; where that is not known it is taken for large. */
export const encodingsOf = (source: Source, size: PictureSize): Encodings | undefined => {
  if (source === 'camera') return camera(size);
  return source === 'screen' ? screen : undefined;
};

/**
 * Without DTX: when nothing is sent in silence, packet times tell who speaks and, roughly, what (RFC 6562 §3). It would save
 * some 30 kbit/s of a listener's microphone. Kilobits a second to begin with, for video.
 */
export const codecOptionsOf = (kind: MediaKind): ProducerCodecOptions =>
  kind === 'audio' ? { opusFec: true, opusDtx: false } : { videoGoogleStartBitrate: 600 };
