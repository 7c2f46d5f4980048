import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertStrongFingerprints, isStrong } from '../../src/media/fingerprints.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const value = (octets: number): string => Array.from({ length: octets }, () => 'AB').join(':');
const code = (expected: string) => (error: unknown) =>
  error instanceof LatchkeyError && error.code === expected;

describe('DTLS fingerprints', () => {
  it('sha-256 and stronger are taken, in any case', () => {
    assertStrongFingerprints([
      { algorithm: 'sha-256', value: value(32) },
      { algorithm: 'SHA-384', value: value(48).toLowerCase() },
      { algorithm: 'sha-512', value: value(64) },
    ]);
  });

  it('a weaker one is refused wherever it stands, since mediasoup may trust any', () => {
    const strong = { algorithm: 'sha-256', value: value(32) };
    for (const [algorithm, octets] of [
      ['sha-1', 20],
      ['sha-224', 28],
      ['md5', 16],
      ['toString', 32],
    ] as const) {
      const weak = { algorithm, value: value(octets) };
      assert.equal(isStrong(weak), false);
      assert.throws(() => assertStrongFingerprints([weak]), code('weak_fingerprint'));
      assert.throws(() => assertStrongFingerprints([strong, weak]), code('weak_fingerprint'));
    }
  });

  it('a value that is no hash of that length is malformed', () => {
    for (const wrong of [
      '',
      value(31),
      value(33),
      value(32).replace('AB', 'A'),
      value(32).replace('AB', 'GG'),
      `${value(32)}:`,
    ]) {
      assert.throws(
        () => assertStrongFingerprints([{ algorithm: 'sha-256', value: wrong }]),
        code('malformed'),
      );
    }
  });
});
