// A participant's key tree by node:crypto, for participants written in Node: as memberKeys.ts, but in calls that answer at once. WebCrypto
// sends each of a rekey's dozen of small calls to a thread and back (measured: 80 µs for an HMAC of which 3.6 µs are the HMAC).

import { createDecipheriv, createHmac } from 'node:crypto';
import { sealInfo, stepInfo, storyInfo } from '../../keys/keyStore.ts';
import type { OpeningKeys } from '../../keys/keyStore.ts';
import { lengths } from '../../protocol/names.ts';

const nonce = Buffer.alloc(12);
const options = { authTagLength: lengths.tag };

/** HMAC-SHA-512 cut to 32 bytes. */
export const deriveByNode = (key: Uint8Array, info: Uint8Array): Uint8Array => {
  const mac = createHmac('sha512', key).update(info).digest();
  const derived = new Uint8Array(mac.subarray(0, lengths.key));
  mac.fill(0);
  return derived;
};

/** Null where the tag does not verify. */
const open = (sealing: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array[] | null => {
  const end = sealed.length - lengths.tag;
  if (end < 0) return null;
  const decipher = createDecipheriv('aes-256-gcm', sealing, nonce, options);
  decipher.setAAD(aad).setAuthTag(sealed.subarray(end));
  const opened = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
    return Array.from(
      { length: opened.length / lengths.key },
      (_, index) => new Uint8Array(opened.subarray(index * lengths.key, (index + 1) * lengths.key)),
    );
  } catch {
    // All that `final` can say here, and Node gives that error no code.
    return null;
  } finally {
    opened.fill(0);
  }
};

export const createNodeMemberKeys = (): OpeningKeys<Uint8Array> => ({
  async bind(session, chain) {
    const secret = deriveByNode(session, storyInfo(chain));
    session.fill(0);
    return secret;
  },
  async step(key) {
    const next = deriveByNode(key, stepInfo);
    key.fill(0);
    return next;
  },
  wipe: (key) => void key.fill(0),
  async open(under, use, aad, sealed) {
    const sealing = deriveByNode(under, sealInfo(use));
    try {
      return open(sealing, aad, sealed);
    } finally {
      sealing.fill(0);
    }
  },
});
