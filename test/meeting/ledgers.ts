// A meeting's ledger as the server gives it, verified as anybody would.

import assert from 'node:assert/strict';
import { createPublicKey, hash, verify } from 'node:crypto';
import { verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import { toBase64Url } from '../../src/protocol/bytes.ts';
import { api } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';

export const ledgerTools = {
  hash: (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer')),
  verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(publicKey) };
    return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature);
  },
};

export const verifiedLedger = async (server: ServerProcess, meeting: string) => {
  const found = verifyLedger(await api(server).ledger(meeting), ledgerTools);
  assert.ok(found.ok, JSON.stringify(found));
  return found;
};
