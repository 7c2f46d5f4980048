// A participant's key tree over WebCrypto: for browsers' workers. Keys are bytes, since the tree steps
// them; they are overwritten when they are done with, as far as the engine has made no copies.

import { sealInfo, stepInfo, storyInfo } from '../../keys/keyStore.ts';
import type { OpeningKeys } from '../../keys/keyStore.ts';
import { lengths } from '../../protocol/names.ts';

/** WebCrypto takes no shared memory. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);

/** HMAC-SHA-512 cut to 32 bytes. */
export const deriveBySubtle = async (key: Uint8Array, info: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => {
  const { subtle } = globalThis.crypto;
  const hmac = { name: 'HMAC', hash: 'SHA-512' };
  const imported = await subtle.importKey('raw', own(key), hmac, false, ['sign']);
  const mac = new Uint8Array(await subtle.sign(hmac, imported, own(info)));
  const derived = mac.slice(0, lengths.key);
  mac.fill(0);
  return derived;
};

export const createMemberKeys = (): OpeningKeys<Uint8Array> => {
  const { subtle } = globalThis.crypto;
  const derive = deriveBySubtle;
  return {
    async bind(session, chain) {
      const secret = await derive(session, storyInfo(chain));
      session.fill(0);
      return secret;
    },
    async step(key) {
      const next = await derive(key, stepInfo);
      key.fill(0);
      return next;
    },
    wipe: (key) => void key.fill(0),
    async open(under, use, aad, sealed) {
      const sealing = await derive(under, sealInfo(use));
      try {
        const key = await subtle.importKey('raw', sealing, 'AES-GCM', false, ['decrypt']);
        const algorithm = {
          name: 'AES-GCM',
          iv: new Uint8Array(12),
          additionalData: own(aad),
          tagLength: 8 * lengths.tag,
        };
        const opened = new Uint8Array(await subtle.decrypt(algorithm, key, own(sealed)));
        const secrets = Array.from({ length: opened.length / lengths.key }, (_, index) =>
          opened.slice(index * lengths.key, (index + 1) * lengths.key),
        );
        opened.fill(0);
        return secrets;
      } catch (thrown) {
        // The one error that WebCrypto has for a tag that does not verify.
        if (thrown instanceof DOMException && thrown.name === 'OperationError') return null;
        throw thrown;
      } finally {
        sealing.fill(0);
      }
    },
  };
};
