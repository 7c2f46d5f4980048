// What a sealed frame's header says of its epoch.

import { parseHeader } from '../sframe/header.ts';
import { parseKeyId } from '../sframe/keyId.ts';
import { clearPrefixBytes } from '../sframe/prefix.ts';
import type { Codec } from '../sframe/prefix.ts';

/** The epoch modulo 256; null for what is no sealed frame. */
export const residueOf = (codec: Codec, sealed: Uint8Array): number | null => {
  const prefixBytes = clearPrefixBytes(codec, sealed);
  if (prefixBytes === null) return null;
  const header = parseHeader(sealed, prefixBytes);
  return header.ok ? (parseKeyId(header.kid)?.residue ?? null) : null;
};
