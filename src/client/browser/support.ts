// Whether this browser can take part: it must seal and open encoded frames in a worker. There is no way in without that.

import { LatchkeyError } from '../../protocol/errors.ts';

const needed: readonly (readonly [what: string, there: () => boolean])[] = [
  ['a secure page (https, or this machine)', () => globalThis.isSecureContext],
  ['WebRTC', () => 'RTCPeerConnection' in globalThis],
  ['encoded transforms (RTCRtpScriptTransform)', () => 'RTCRtpScriptTransform' in globalThis],
  ['workers', () => 'Worker' in globalThis],
  ['VP8 video', () => codecsOf('video').includes('video/vp8')],
  ['Opus audio', () => codecsOf('audio').includes('audio/opus')],
];

const codecsOf = (kind: 'audio' | 'video'): string[] =>
  (RTCRtpReceiver.getCapabilities(kind)?.codecs ?? []).map(({ mimeType }) => mimeType.toLowerCase());

/** @throws LatchkeyError `media_unsupported`, naming what is missing. */
export const assertSupported = (): void => {
  for (const [what, there] of needed) {
    if (!there()) throw new LatchkeyError('media_unsupported', `this browser lacks ${what}`);
  }
};
