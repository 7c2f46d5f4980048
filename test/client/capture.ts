// A participant that keeps what it may know: cryptography through which every epoch secret passes, and which copies it.

import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';

export interface Capture {
  readonly crypto: AgentCrypto<Buffer, Buffer>;
  /** Of every epoch, in order: KDF(M, chain), from which base key and fingerprint come. */
  readonly epochSecrets: Uint8Array[];
}

export const capture = (): Capture => {
  const crypto = createNodeAgentCrypto();
  const epochSecrets: Uint8Array[] = [];
  const importSecret = (bytes: Uint8Array): Promise<Buffer> => {
    epochSecrets.push(bytes.slice());
    return crypto.frames.importSecret(bytes);
  };
  return { crypto: { ...crypto, frames: { ...crypto.frames, importSecret } }, epochSecrets };
};
