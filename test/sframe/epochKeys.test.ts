import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { epochId } from '../../src/protocol/names.ts';
import {
  baseKeyInfo,
  deriveEpochKey,
  deriveEpochKeySync,
  fingerprintInfo,
  formatFingerprint,
} from '../../src/sframe/epochKeys.ts';
import { SymbolicCrypto, webCrypto } from './cryptos.ts';
import { hex, latchkeyVectors } from './vectors.ts';

const secret = hex(latchkeyVectors.sessionKey);
const incarnation = hex(latchkeyVectors.incarnation);

test('base key and fingerprint of an epoch are those computed apart from this code', async () => {
  for (const vector of latchkeyVectors.epochs) {
    const session = { secret, incarnation, epoch: epochId(vector.epoch) };
    const node = deriveEpochKeySync(nodeCrypto, session);
    assert.equal(toHex(node.baseKey), vector.baseKey);
    assert.equal(toHex(node.fingerprint), vector.fingerprint);
    const web = await deriveEpochKey(webCrypto, session);
    assert.equal(toHex(web.fingerprint), vector.fingerprint);
    assert.equal(web.epoch, vector.epoch);
  }
});

test('HMAC-SHA-512 alone gives the same figures', () => {
  const prk = createHmac('sha512', incarnation).update(secret).digest();
  const expand = (info: Uint8Array) => createHmac('sha512', prk).update(info).update('\x01').digest('hex');
  for (const vector of latchkeyVectors.epochs) {
    const epoch = epochId(vector.epoch);
    assert.equal(toHex(baseKeyInfo(epoch)), vector.baseKeyInfo);
    assert.equal(toHex(fingerprintInfo(epoch)), vector.fingerprintInfo);
    assert.equal(expand(baseKeyInfo(epoch)).slice(0, 64), vector.baseKey);
    assert.equal(expand(fingerprintInfo(epoch)).slice(0, 32), vector.fingerprint);
  }
});

test('in WebCrypto neither the base key nor a frame key can be exported', async () => {
  const { baseKey } = await deriveEpochKey(webCrypto, { secret, incarnation, epoch: epochId(1) });
  assert.equal(baseKey.extractable, false);
  const frameKey = await webCrypto.deriveKey(baseKey, {
    hash: 'SHA-512',
    salt: new Uint8Array(0),
    info: new Uint8Array(1),
    length: 32,
  });
  assert.equal(frameKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey('raw', frameKey));
});

test('the session key may be wiped as soon as the derivation was called', async () => {
  const copy = secret.slice();
  const pending = deriveEpochKey(webCrypto, { secret: copy, incarnation, epoch: epochId(1) });
  copy.fill(0);
  const expected = latchkeyVectors.epochs.find(({ epoch }) => epoch === 1)?.fingerprint;
  assert.equal(toHex((await pending).fingerprint), expected);
});

test('a session key or incarnation of another length is a RangeError', async () => {
  for (const length of [0, 16, 31, 33, 64]) {
    const session = { secret: new Uint8Array(length), incarnation, epoch: epochId(1) };
    assert.throws(() => deriveEpochKeySync(nodeCrypto, session), RangeError);
    await assert.rejects(deriveEpochKey(webCrypto, session), RangeError);
  }
  for (const length of [0, 15, 17, 32]) {
    const session = { secret, incarnation: new Uint8Array(length), epoch: epochId(1) };
    assert.throws(() => deriveEpochKeySync(nodeCrypto, session), RangeError);
  }
});

test('a fingerprint is read in eight groups of four', () => {
  assert.equal(
    formatFingerprint(hex('00112233445566778899aabbccddeeff')),
    '0011 2233 4455 6677 8899 aabb ccdd eeff',
  );
});

test('the imported session key is wiped once both figures are derived', () => {
  const crypto = new SymbolicCrypto();
  deriveEpochKeySync(crypto, { secret, incarnation, epoch: epochId(1) });
  assert.deepEqual(crypto.wiped, [latchkeyVectors.sessionKey]);
});
