// From an epoch's session key M_e (32 bytes) to its base key and its fingerprint, by HKDF-SHA-512 (RFC 5869), written out in
// HMAC-SHA-512 for whoever has that alone (the custodian):
//
//   PRK          = HMAC-SHA-512(key = incarnation, M_e)                                    64 bytes
//   base_key_e   = HMAC-SHA-512(key = PRK, baseKeyInfo(e)     ‖ 0x01), its first 32 bytes
//   fingerprint  = HMAC-SHA-512(key = PRK, fingerprintInfo(e) ‖ 0x01), its first 16 bytes
//
//   baseKeyInfo(e)     = uint16 15 ‖ "latchkey/1 base"        ‖ uint32 e                   21 bytes
//   fingerprintInfo(e) = uint16 22 ‖ "latchkey/1 fingerprint" ‖ uint32 e                   28 bytes
//
// Integers are big-endian, the incarnation is 16 bytes. The fingerprint is public: people compare it, logs hold it.

import { ByteWriter, toHex } from '../protocol/bytes.ts';
import { lengths } from '../protocol/names.ts';
import type { EpochId } from '../protocol/names.ts';
import type { AsyncCrypto, Derivation, SyncCrypto } from './crypto.ts';

export const baseKeyInfo = (epoch: EpochId): Uint8Array =>
  new ByteWriter(32).text('latchkey/1 base').u32(epoch).finish();

export const fingerprintInfo = (epoch: EpochId): Uint8Array =>
  new ByteWriter(32).text('latchkey/1 fingerprint').u32(epoch).finish();

/** What sealers and openers are given of an epoch. Whoever derived it owns `baseKey`, and wipes it when the epoch has ended. */
export interface EpochKey<Secret> {
  readonly epoch: EpochId;
  readonly baseKey: Secret;
  /** 16 bytes, public. */
  readonly fingerprint: Uint8Array;
}

interface SessionKey {
  /** M_e, 32 bytes; the caller wipes it. */
  readonly secret: Uint8Array;
  readonly incarnation: Uint8Array;
  readonly epoch: EpochId;
}

const derivations = ({
  secret,
  incarnation,
  epoch,
}: SessionKey): { base: Derivation; fingerprint: Derivation } => {
  if (secret.length !== lengths.key) {
    throw new RangeError(`"secret" expected ${lengths.key} bytes, got ${secret.length}`);
  }
  assertIncarnation(incarnation);
  const common = { hash: 'SHA-512', salt: incarnation } as const;
  return {
    base: { ...common, info: baseKeyInfo(epoch), length: lengths.key },
    fingerprint: { ...common, info: fingerprintInfo(epoch), length: lengths.fingerprint },
  };
};

export const assertIncarnation = (incarnation: Uint8Array): void => {
  if (incarnation.length !== lengths.incarnation) {
    throw new RangeError(`"incarnation" expected ${lengths.incarnation} bytes, got ${incarnation.length}`);
  }
};

export const deriveEpochKey = async <Secret, Key>(
  crypto: AsyncCrypto<Secret, Key>,
  session: SessionKey,
): Promise<EpochKey<Secret>> => {
  const { base, fingerprint } = derivations(session);
  const secret = await crypto.importSecret(session.secret);
  return {
    epoch: session.epoch,
    baseKey: await crypto.deriveSecret(secret, base),
    fingerprint: await crypto.deriveBytes(secret, fingerprint),
  };
};

export const deriveEpochKeySync = <Secret, Key>(
  crypto: SyncCrypto<Secret, Key>,
  session: SessionKey,
): EpochKey<Secret> => {
  const { base, fingerprint } = derivations(session);
  const secret = crypto.importSecret(session.secret);
  const epochKey = {
    epoch: session.epoch,
    baseKey: crypto.deriveSecret(secret, base),
    fingerprint: crypto.deriveBytes(secret, fingerprint),
  };
  crypto.wipe(secret);
  return epochKey;
};

/** As people read it aloud: `0011 2233 …`, eight groups. */
export const formatFingerprint = (fingerprint: Uint8Array): string =>
  (toHex(fingerprint).match(/.{4}/g) ?? []).join(' ');
