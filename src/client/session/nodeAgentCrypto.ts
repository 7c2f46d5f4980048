// A key agent's cryptography in Node: frames by node:crypto, whose base keys can be overwritten.

import type { AgentCrypto } from './agentCrypto.ts';
import { composeCrypto } from './composeCrypto.ts';
import { nodeCrypto } from './nodeCrypto.ts';

export const createNodeAgentCrypto = (): AgentCrypto<Buffer, Buffer> =>
  composeCrypto(
    {
      importSecret: async (bytes) => nodeCrypto.importSecret(bytes),
      deriveBytes: async (secret, derivation) => nodeCrypto.deriveBytes(secret, derivation),
      deriveSecret: async (secret, derivation) => nodeCrypto.deriveSecret(secret, derivation),
      deriveKey: async (secret, derivation) => nodeCrypto.deriveKey(secret, derivation),
      seal: async (...call) => nodeCrypto.seal(...call),
      open: async (...call) => nodeCrypto.open(...call),
    },
    (baseKey) => nodeCrypto.wipe(baseKey),
  );
