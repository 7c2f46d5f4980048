// A participant that keeps what it may know: cryptography through which every session key passes, and which copies it.

import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';

export interface Capture {
  readonly crypto: AgentCrypto<Buffer, Buffer>;
  /** M of every epoch, in order. */
  readonly sessionKeys: Uint8Array[];
}

export const capture = (): Capture => {
  const crypto = createNodeAgentCrypto();
  const sessionKeys: Uint8Array[] = [];
  const importSecret = (bytes: Uint8Array): Promise<Buffer> => {
    sessionKeys.push(bytes.slice());
    return crypto.frames.importSecret(bytes);
  };
  return { crypto: { ...crypto, frames: { ...crypto.frames, importSecret } }, sessionKeys };
};
