// What the ledger's verifier needs, by node:crypto.

import { createPublicKey, hash, verify } from 'node:crypto';
import type { LedgerTools } from '../keys/ledgerVerifier.ts';
import { toBase64Url } from '../protocol/bytes.ts';

export const nodeLedgerTools: LedgerTools = {
  hash: (bytes) => hash('sha256', bytes, 'buffer'),

  verify: (publicKey, message, signature) => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(publicKey) };
    try {
      return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature);
    } catch {
      // No point of the curve: nothing is signed by it.
      return false;
    }
  },
};
