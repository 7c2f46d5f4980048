import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dtlsSuites, srtpSuites, suiteLabel } from '../../src/observe/suites.ts';

test('what Chromium and what Firefox call a suite is one label', () => {
  assert.equal(suiteLabel('srtpCipher', 'AEAD_AES_256_GCM'), 'AEAD_AES_256_GCM');
  assert.equal(suiteLabel('srtpCipher', 'SRTP_AEAD_AES_256_GCM'), 'AEAD_AES_256_GCM');
  assert.equal(suiteLabel('srtpCipher', 'AES_CM_128_HMAC_SHA1_80'), 'AES128_CM_HMAC_SHA1_80');
  assert.equal(suiteLabel('srtpCipher', 'SRTP_AES128_CM_HMAC_SHA1_80'), 'AES128_CM_HMAC_SHA1_80');
  assert.equal(suiteLabel('tlsVersion', 'FEFD'), '1.2');
  assert.equal(suiteLabel('tlsVersion', 'fefc'), '1.3');
  const firefox = 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256';
  assert.equal(suiteLabel('dtlsCipher', firefox), firefox);
});

test('every suite of the list is its own label', () => {
  for (const suite of srtpSuites) assert.equal(suiteLabel('srtpCipher', suite), suite);
  for (const suite of dtlsSuites) assert.equal(suiteLabel('dtlsCipher', suite), suite);
});

test('whatever else a peer says is `other`, and what it does not say `unreported`', () => {
  const words = [
    '',
    'AEAD_AES_256_GCM ',
    'TLS_NULL',
    '__proto__',
    'constructor',
    'SRTP_',
    'FEFE',
    'x'.repeat(64),
  ];
  for (const word of words) {
    for (const field of ['srtpCipher', 'dtlsCipher', 'tlsVersion'] as const) {
      assert.equal(suiteLabel(field, word), 'other', word);
    }
  }
  assert.equal(suiteLabel('dtlsCipher', null), 'unreported');
  // One field's suites are not another's.
  assert.equal(suiteLabel('dtlsCipher', 'AEAD_AES_256_GCM'), 'other');
});
