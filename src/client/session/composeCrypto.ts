// A key agent's cryptography by WebCrypto, with a platform's own for frames: what browsers' workers have. In Node all but the admission
// is node:crypto's (nodeAgentCrypto.ts).

import { LatchkeyError } from '../../protocol/errors.ts';
import { lengths } from '../../protocol/names.ts';
import type { AsyncCrypto } from '../../sframe/crypto.ts';
import type { AdmissionRecipient, AgentCrypto } from './agentCrypto.ts';
import { newAdmissionRecipient } from './hpke.ts';
import { createMemberKeys, deriveBySubtle } from './memberKeys.ts';

const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** Whether these can be a key and a signature at all. */
export const isSignature = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  publicKey.length === lengths.publicKey && signature.length === lengths.signature;

const verify = async (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> => {
  if (!isSignature(publicKey, signature)) return false;
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey('raw', own(publicKey), 'Ed25519', false, ['verify']);
  return await subtle.verify('Ed25519', key, own(signature), own(message));
};

/** @throws LatchkeyError `media_unsupported` where the platform has no X25519. */
export const newRecipient = async (): Promise<AdmissionRecipient> => {
  try {
    return await newAdmissionRecipient();
  } catch (cause) {
    throw new LatchkeyError('media_unsupported', 'this platform lacks X25519', { cause });
  }
};

export const composeCrypto = <Secret, Key>(
  frames: AsyncCrypto<Secret, Key>,
  wipe: (baseKey: Secret) => void,
): AgentCrypto<Secret, Key> => ({
  newRecipient,
  verify,
  hash: async (bytes) => new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', own(bytes))),
  treeKeys: createMemberKeys(),
  derive: deriveBySubtle,
  frames,
  wipe,
  soon: (work) => void setTimeout(work, 0),
});
