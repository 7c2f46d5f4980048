// A key agent's cryptography in Node, by node:crypto: in calls that answer at once, with keys that can be overwritten. HPKE alone, once an
// admission, is WebCrypto's.

import { createPublicKey, hash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { toBase64Url } from '../../protocol/bytes.ts';
import type { AgentCrypto } from './agentCrypto.ts';
import { isSignature, newRecipient } from './composeCrypto.ts';
import { nodeCrypto } from './nodeCrypto.ts';
import { createNodeMemberKeys, deriveByNode } from './nodeMemberKeys.ts';

type Verify = AgentCrypto<Buffer, Buffer>['verify'];

/** Keeps the key, which is the same for all of a session's messages. */
export const createVerify = (): Verify => {
  let known: { readonly name: string; readonly key: KeyObject } | null = null;
  return async (publicKey, message, signature) => {
    if (!isSignature(publicKey, signature)) return false;
    const x = toBase64Url(publicKey);
    if (known?.name !== x) {
      known = { name: x, key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }) };
    }
    return verify(null, message, known.key, signature);
  };
};

export const createNodeAgentCrypto = (
  verifySignature: Verify = createVerify(),
): AgentCrypto<Buffer, Buffer> => ({
  newRecipient,
  verify: verifySignature,
  hash: async (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
  treeKeys: createNodeMemberKeys(),
  derive: async (key, info) => deriveByNode(key, info),
  frames: {
    importSecret: async (bytes) => nodeCrypto.importSecret(bytes),
    deriveBytes: async (secret, derivation) => nodeCrypto.deriveBytes(secret, derivation),
    deriveSecret: async (secret, derivation) => nodeCrypto.deriveSecret(secret, derivation),
    deriveKey: async (secret, derivation) => nodeCrypto.deriveKey(secret, derivation),
    seal: async (...call) => nodeCrypto.seal(...call),
    open: async (...call) => nodeCrypto.open(...call),
  },
  wipe: (baseKey) => nodeCrypto.wipe(baseKey),
  soon: (work) => void setImmediate(work),
});
