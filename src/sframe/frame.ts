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

/** What a stream's frames have in common at both ends. */
export interface FrameFormat {
  readonly codec: Codec;
  readonly incarnation: Uint8Array;
}

/**
 * The AAD of a frame of which `prefixBytes` and then, up to `headerEnd`, the header are there.
 * By single bytes: a view of a short array costs V8 more than copying the array.
 */
export const frameAad = (
  frame: Uint8Array,
  prefixBytes: number,
  headerEnd: number,
  incarnation: Uint8Array,
): Uint8Array => {
  const headerBytes = headerEnd - prefixBytes;
  const aad = new Uint8Array(headerBytes + lengths.incarnation + prefixBytes);
  for (let i = 0; i < headerBytes; i++) aad[i] = frame[prefixBytes + i] ?? 0;
  aad.set(incarnation, headerBytes);
  for (let i = 0; i < prefixBytes; i++) aad[headerBytes + lengths.incarnation + i] = frame[i] ?? 0;
  return aad;
};
