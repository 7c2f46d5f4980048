// RFC 9605 §4.4.2, key derivation, and the nonce of §4.4.3:
//
//   sframe_secret = HKDF-Extract("", base_key)
//   sframe_key    = HKDF-Expand(sframe_secret, "SFrame 1.0 Secret key "  ‖ KID ‖ cipher_suite, Nk)
//   sframe_salt   = HKDF-Expand(sframe_secret, "SFrame 1.0 Secret salt " ‖ KID ‖ cipher_suite, Nn)
//   nonce         = sframe_salt ⊕ CTR
//
// KID is 8 bytes here, cipher_suite 2, CTR as long as the salt, all big-endian.

import { encodeUtf8 } from '../protocol/bytes.ts';
import type { CipherSuite } from './cipherSuites.ts';
import type { AsyncCrypto, Derivation, SyncCrypto } from './crypto.ts';
import { writeUint64 } from './uint64.ts';
import type { Uint64 } from './uint64.ts';

/** What one KID's frames are sealed with. */
export interface FrameKey<Key> {
  readonly key: Key;
  readonly salt: Uint8Array;
}

const label = (text: string, kid: Uint64, suite: CipherSuite): Uint8Array => {
  const prefix = encodeUtf8(text);
  const out = new Uint8Array(prefix.length + 10);
  out.set(prefix);
  writeUint64(out, prefix.length, kid, 8);
  writeUint64(out, prefix.length + 8, suite.id, 2);
  return out;
};

export const sframeKeyLabel = (suite: CipherSuite, kid: Uint64): Uint8Array =>
  label('SFrame 1.0 Secret key ', kid, suite);

export const sframeSaltLabel = (suite: CipherSuite, kid: Uint64): Uint8Array =>
  label('SFrame 1.0 Secret salt ', kid, suite);

export const frameKeyDerivations = (
  suite: CipherSuite,
  kid: Uint64,
): { key: Derivation; salt: Derivation } => {
  const common = { hash: suite.hash, salt: new Uint8Array(0) };
  return {
    key: { ...common, info: sframeKeyLabel(suite, kid), length: suite.keyBytes },
    salt: { ...common, info: sframeSaltLabel(suite, kid), length: suite.nonceBytes },
  };
};

export const deriveFrameKey = async <Secret, Key>(
  crypto: AsyncCrypto<Secret, Key>,
  suite: CipherSuite,
  baseKey: Secret,
  kid: Uint64,
): Promise<FrameKey<Key>> => {
  const derivations = frameKeyDerivations(suite, kid);
  const [key, salt] = await Promise.all([
    crypto.deriveKey(baseKey, derivations.key),
    crypto.deriveBytes(baseKey, derivations.salt),
  ]);
  return { key, salt };
};

export const deriveFrameKeySync = <Secret, Key>(
  crypto: SyncCrypto<Secret, Key>,
  suite: CipherSuite,
  baseKey: Secret,
  kid: Uint64,
): FrameKey<Key> => {
  const derivations = frameKeyDerivations(suite, kid);
  return {
    key: crypto.deriveKey(baseKey, derivations.key),
    salt: crypto.deriveBytes(baseKey, derivations.salt),
  };
};

/** A counter gives one nonce and a nonce one counter: whoever repeats a counter under a key gives the key away (GCM). */
export const frameNonce = (salt: Uint8Array, ctr: Uint64): Uint8Array => {
  const nonce = new Uint8Array(salt.length);
  writeUint64(nonce, salt.length - 8, ctr, 8);
  for (let i = 0; i < salt.length; i++) nonce[i] = (nonce[i] ?? 0) ^ (salt[i] ?? 0);
  return nonce;
};
