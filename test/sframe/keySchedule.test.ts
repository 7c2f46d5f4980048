import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { concatBytes, toHex } from '../../src/protocol/bytes.ts';
import { cipherSuites } from '../../src/sframe/cipherSuites.ts';
import type { AsyncCrypto } from '../../src/sframe/crypto.ts';
import { encodeHeader } from '../../src/sframe/header.ts';
import {
  deriveFrameKey,
  frameKeyDerivations,
  frameNonce,
  sframeKeyLabel,
  sframeSaltLabel,
} from '../../src/sframe/keySchedule.ts';
import { uint64 } from '../../src/sframe/uint64.ts';
import { nodeCryptoAsync, webCrypto } from './cryptos.ts';
import { hex, rfcVectors } from './vectors.ts';

const suiteOf = (id: number) => {
  const suite = Object.values(cipherSuites).find((candidate) => candidate.id === id);
  assert.ok(suite);
  return suite;
};

test('the vectors cover both suites', () => {
  assert.deepEqual(
    rfcVectors.sframe.map((vector) => vector.cipher_suite),
    Object.values(cipherSuites).map((suite) => suite.id),
  );
});

const verify = async <Secret, Key>(
  crypto: AsyncCrypto<Secret, Key>,
  vector: (typeof rfcVectors.sframe)[number],
): Promise<void> => {
  const suite = suiteOf(vector.cipher_suite);
  const kid = uint64(BigInt(vector.kid));
  const ctr = uint64(BigInt(vector.ctr));
  const baseKey = await crypto.importSecret(hex(vector.base_key));
  const derivations = frameKeyDerivations(suite, kid);
  assert.equal(toHex(await crypto.deriveBytes(baseKey, derivations.key)), vector.sframe_key);

  const { key, salt } = await deriveFrameKey(crypto, suite, baseKey, kid);
  assert.equal(toHex(salt), vector.sframe_salt);
  const nonce = frameNonce(salt, ctr);
  assert.equal(toHex(nonce), vector.nonce);

  const header = encodeHeader({ kid, ctr });
  const aad = concatBytes(header, hex(vector.metadata));
  assert.equal(toHex(aad), vector.aad);
  const plaintext = hex(vector.pt);
  const sealed = new Uint8Array(plaintext.length + suite.tagBytes);
  await crypto.seal(key, nonce, aad, plaintext, sealed);
  assert.equal(toHex(concatBytes(header, sealed)), vector.ct);

  const opened = new Uint8Array(plaintext.length);
  assert.equal(await crypto.open(key, nonce, aad, sealed, opened), true);
  assert.deepEqual(opened, plaintext);
  sealed[0] = (sealed[0] ?? 0) ^ 1;
  assert.equal(await crypto.open(key, nonce, aad, sealed, new Uint8Array(plaintext.length)), false);
};

for (const vector of rfcVectors.sframe) {
  const name = `RFC 9605's figures for cipher suite ${vector.cipher_suite} come out`;
  test(`${name} of node:crypto`, () => verify(nodeCryptoAsync, vector));
  test(`${name} of WebCrypto`, () => verify(webCrypto, vector));

  test(`the labels and the secret of cipher suite ${vector.cipher_suite} are as published`, () => {
    const suite = suiteOf(vector.cipher_suite);
    const kid = Number(vector.kid);
    assert.equal(toHex(sframeKeyLabel(suite, kid)), vector.sframe_key_label);
    assert.equal(toHex(sframeSaltLabel(suite, kid)), vector.sframe_salt_label);
    // HKDF by hand: what the implementations must agree with, step by step.
    const hash = suite.hash === 'SHA-512' ? 'sha512' : 'sha256';
    const secret = createHmac(hash, '').update(hex(vector.base_key)).digest();
    assert.equal(secret.toString('hex'), vector.sframe_secret);
    const block = createHmac(hash, secret).update(hex(vector.sframe_key_label)).update('\x01').digest('hex');
    assert.equal(block.slice(0, 2 * suite.keyBytes), vector.sframe_key);
  });
}

test('a 64-bit counter reaches the last 8 bytes of the nonce and no other', () => {
  const salt = new Uint8Array(12).fill(0xff);
  assert.equal(toHex(frameNonce(salt, uint64(2n ** 64n - 1n))), 'ffffffff0000000000000000');
  assert.equal(toHex(frameNonce(salt, 2 ** 53 - 1)), 'ffffffffffe0000000000000');
  assert.equal(toHex(frameNonce(salt, 0)), 'ffffffffffffffffffffffff');
});
