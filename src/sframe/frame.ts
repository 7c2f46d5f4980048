// A sealed frame:  clear prefix ‖ SFrame header ‖ ciphertext ‖ tag (16 bytes)
// Its AAD:         SFrame header ‖ incarnation (16 bytes) ‖ clear prefix
//
// RFC 9605 §4.4.3's aad = header ‖ metadata, with metadata = incarnation ‖ prefix. The header tells its own length, the incarnation's
// is fixed and the prefix ends the AAD, so no two frames share one.

import { lengths } from '../protocol/names.ts';
import type { Codec } from './prefix.ts';

/**
 * Frames that one key seals at most. AES-GCM with 2^32 messages of 64 kB stays below an advantage of 2^-41 (NIST SP 800-38D's
 * figure for the count); at 1,000 frames a second it lasts 49 days, an epoch a few minutes.
 */
export const maxFramesPerKey = 2 ** 32;

/** Config byte, KID of 44 bits, CTR of 32: what SFrame adds to a frame at most, without the tag. */
export const maxFrameHeaderBytes = 1 + 6 + 4;

/** What a stream's frames have in common at both ends. */
export interface FrameFormat {
  readonly codec: Codec;
  readonly incarnation: Uint8Array;
}

export const frameAad = (header: Uint8Array, incarnation: Uint8Array, prefix: Uint8Array): Uint8Array => {
  const aad = new Uint8Array(header.length + lengths.incarnation + prefix.length);
  aad.set(header);
  aad.set(incarnation, header.length);
  aad.set(prefix, header.length + lengths.incarnation);
  return aad;
};
