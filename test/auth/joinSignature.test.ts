import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { test } from 'node:test';
import { verifyJoinSignature } from '../../src/auth/joinSignature.ts';
import type { Confirmation } from '../../src/auth/tokens.ts';
import { toBase64Url } from '../../src/protocol/bytes.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { joinSignatureInput } from '../../src/protocol/keyMessages.ts';

const unbound = (thrown: unknown): boolean =>
  thrown instanceof LatchkeyError && thrown.code === 'token_unbound';

const pair = generateKeyPairSync('ed25519');
const x = String(pair.publicKey.export({ format: 'jwk' }).x);
const confirmation: Confirmation = { jwk: { kty: 'OKP', crv: 'Ed25519', x } };
const publicKey = randomBytes(32);
const token = 'header.payload.signature';

const signed = (join = { token, publicKey }, key = pair.privateKey): string =>
  toBase64Url(sign(null, joinSignatureInput(join), key));

test('a join signed by the key that the token names is let through', () => {
  verifyJoinSignature({ confirmation }, { token, signature: signed() }, publicKey);
});

test('a token that names no key asks for no signature', () => {
  verifyJoinSignature({}, { token }, publicKey);
  verifyJoinSignature({}, { token, signature: 'whatever' }, publicKey);
});

test('a join without a signature, or with one of another key, token or public key, is refused', () => {
  const other = generateKeyPairSync('ed25519').privateKey;
  const wrong = [
    undefined,
    '',
    'not base64url!',
    signed().slice(0, -1),
    `${signed()}AA`,
    toBase64Url(new Uint8Array(64)),
    signed({ token, publicKey }, other),
    signed({ token: `${token}x`, publicKey }),
    signed({ token, publicKey: randomBytes(32) }),
  ];
  for (const signature of wrong) {
    assert.throws(() => verifyJoinSignature({ confirmation }, { token, signature }, publicKey), unbound);
  }
});

test('a key that is no point of the curve lets nobody through', () => {
  for (const bytes of [new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(2)]) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(bytes) } as const;
    assert.throws(
      () => verifyJoinSignature({ confirmation: { jwk } }, { token, signature: signed() }, publicKey),
      unbound,
    );
  }
});
