// A participant that keeps what it may know: cryptography through which every epoch secret passes, and which copies it. And what it still
// holds: the key tree's keys and the resume secrets that were not overwritten.

import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import type { OpeningKeys } from '../../src/keys/keyStore.ts';

interface Live {
  readonly treeKeys: readonly Uint8Array[];
  readonly resumeSecrets: readonly Uint8Array[];
}

export interface Capture {
  readonly crypto: AgentCrypto<Buffer, Buffer>;
  /** Of every epoch, in order: KDF(M, chain), from which base key and fingerprint come. */
  readonly epochSecrets: Uint8Array[];
  /** Copies of all resume secrets, in order. */
  readonly resumeSecrets: Uint8Array[];
  readonly live: () => Live;
}

const isLive = (key: Uint8Array): boolean => key.some((byte) => byte !== 0);

export const capture = (): Capture => {
  const crypto = createNodeAgentCrypto();
  const epochSecrets: Uint8Array[] = [];
  const resumeSecrets: Uint8Array[] = [];
  const treeKeys: Uint8Array[] = [];
  const secrets: Uint8Array[] = [];
  const importSecret = (bytes: Uint8Array): Promise<Buffer> => {
    epochSecrets.push(bytes.slice());
    return crypto.frames.importSecret(bytes);
  };
  const newRecipient: typeof crypto.newRecipient = async () => {
    const recipient = await crypto.newRecipient();
    return {
      publicKey: recipient.publicKey,
      async open(enc, info) {
        const exports = await recipient.open(enc, info);
        treeKeys.push(exports.admissionKey);
        secrets.push(exports.resumeSecret);
        resumeSecrets.push(exports.resumeSecret.slice());
        return exports;
      },
    };
  };
  const { treeKeys: inner } = crypto;
  const kept: OpeningKeys<Uint8Array> = {
    ...inner,
    async step(key) {
      const stepped = await inner.step(key);
      treeKeys.push(stepped);
      return stepped;
    },
    async open(under, use, aad, sealed) {
      const opened = await inner.open(under, use, aad, sealed);
      treeKeys.push(...(opened ?? []));
      return opened;
    },
  };
  return {
    crypto: { ...crypto, newRecipient, treeKeys: kept, frames: { ...crypto.frames, importSecret } },
    epochSecrets,
    resumeSecrets,
    live: () => ({ treeKeys: treeKeys.filter(isLive), resumeSecrets: secrets.filter(isLive) }),
  };
};
