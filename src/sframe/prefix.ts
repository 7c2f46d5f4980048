// What of a frame stays clear (and is authenticated), so that the SFU still tells key frames from delta frames:
// nothing of Opus; of VP8 its uncompressed data chunk (RFC 6386 §9.1): 10 bytes of key frames, 3 of the others.
// Key frames are told by the P bit, the lowest of the first byte, 0 in key frames: part of the prefix itself, not metadata that
// the SFU could contradict. Whoever flips it moves the boundary, and the frame does not open.

export const codecs = ['opus', 'vp8'] as const;
export type Codec = (typeof codecs)[number];

export const vp8KeyFramePrefixBytes = 10;
export const vp8DeltaFramePrefixBytes = 3;

/** The length of the clear prefix of a frame, sealed or not; `null` where the frame is shorter than that. */
export const clearPrefixBytes = (codec: Codec, frame: Uint8Array): number | null => {
  if (codec === 'opus') return 0;
  const first = frame[0];
  if (first === undefined) return null;
  const length = (first & 1) === 0 ? vp8KeyFramePrefixBytes : vp8DeltaFramePrefixBytes;
  return frame.length < length ? null : length;
};
