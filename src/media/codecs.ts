// What may be sealed: Opus and VP8 (DESIGN: "Frames"). Everything else is refused before a producer exists, since its frames
// could not be told apart into clear prefix and sealed part.

import type { MediaKind as RtpKind, RouterRtpCodecCapability, RtpParameters } from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';

export const routerCodecs: RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48_000,
    channels: 2,
    parameters: { useinbandfec: 1, usedtx: 1 },
  },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
];

const sealed: Readonly<Record<RtpKind, readonly string[]>> = {
  audio: ['audio/opus'],
  video: ['video/vp8', 'video/rtx'],
};

/** @throws LatchkeyError `codec_refused`. */
export const assertSealable = (kind: RtpKind, rtpParameters: RtpParameters): void => {
  for (const { mimeType } of rtpParameters.codecs) {
    if (!sealed[kind].includes(mimeType.toLowerCase())) {
      throw new LatchkeyError('codec_refused', `${mimeType} cannot be sealed: only Opus and VP8 can`);
    }
  }
};
