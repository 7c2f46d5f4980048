// A key agent's cryptography from what browsers' workers and Node have alike (WebCrypto), with a platform's own for frames.

import { LatchkeyError } from '../../protocol/errors.ts';
import { lengths } from '../../protocol/names.ts';
import type { AsyncCrypto } from '../../sframe/crypto.ts';
import type { AgentCrypto } from './agentCrypto.ts';
import { newAdmissionRecipient } from './hpke.ts';
import { createMemberKeys } from './memberKeys.ts';

const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** False, too, for what is no key or no signature at all. */
const verify = async (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> => {
  if (publicKey.length !== lengths.publicKey || signature.length !== lengths.signature) return false;
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey('raw', own(publicKey), 'Ed25519', false, ['verify']);
  return await subtle.verify('Ed25519', key, own(signature), own(message));
};

/** @throws LatchkeyError `media_unsupported` from `newRecipient` where the platform has no X25519. */
export const composeCrypto = <Secret, Key>(
  frames: AsyncCrypto<Secret, Key>,
  wipe: (baseKey: Secret) => void,
): AgentCrypto<Secret, Key> => ({
  async newRecipient() {
    try {
      return await newAdmissionRecipient();
    } catch (cause) {
      throw new LatchkeyError('media_unsupported', 'this platform lacks X25519', { cause });
    }
  },
  verify,
  hash: async (bytes) => new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', own(bytes))),
  treeKeys: createMemberKeys(),
  frames,
  wipe,
});
