// DTLS fingerprints: RFC 8122 §5's hash names. mediasoup trusts the first one that it is given, sha-1 included, so weak ones
// are turned away here, before it sees them.

import { LatchkeyError } from '../protocol/errors.ts';

/** Hash name → octets of the hash. */
const accepted: Readonly<Record<string, number>> = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 };

export interface DtlsFingerprint {
  readonly algorithm: string;
  readonly value: string;
}

export const isStrong = ({ algorithm }: DtlsFingerprint): boolean =>
  Object.hasOwn(accepted, algorithm.toLowerCase());

/** @throws LatchkeyError `weak_fingerprint` for any other hash, `malformed` for a value that is no such hash. */
export const assertStrongFingerprints = (fingerprints: readonly DtlsFingerprint[]): void => {
  for (const { algorithm, value } of fingerprints) {
    const octets = accepted[algorithm.toLowerCase()];
    if (octets === undefined) throw new LatchkeyError('weak_fingerprint');
    const pairs = value.split(':');
    if (pairs.length !== octets || !pairs.every((pair) => /^[0-9a-f]{2}$/i.test(pair))) {
      throw new LatchkeyError(
        'malformed',
        `a ${algorithm} fingerprint has ${octets} octets in hex, with colons`,
      );
    }
  }
};
