// SFrame's cryptography by WebCrypto, asynchronous: for the browser's SFrame worker. Keys are CryptoKeys that cannot be exported;
// frame keys never stand in JavaScript's memory at all.

import type { AsyncCrypto, Derivation } from '../../sframe/crypto.ts';

// WebCrypto takes no shared memory: bytes that are shared (no frame is) are copied.
const unshared = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);

const hkdf = ({ hash, salt, info }: Derivation) => ({
  name: 'HKDF',
  hash,
  salt: unshared(salt),
  info: unshared(info),
});

// As in nodeCrypto.ts: arrays of up to 64 bytes live in V8's heap, and are moved out of it, slowly, when they are handed to native
// code (a third of a small frame's time in Chromium). WebCrypto copies its parameters before it answers, so one place serves all calls.
const steadyNonce = new Uint8Array(new ArrayBuffer(12));
const steadyAads = Array.from({ length: 65 }, (_, length) => new Uint8Array(new ArrayBuffer(length)));

const steady = (place: Uint8Array<ArrayBuffer> | undefined, bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  if (place?.length !== bytes.length) return unshared(bytes);
  place.set(bytes);
  return place;
};

const aesGcm = (nonce: Uint8Array, aad: Uint8Array) => ({
  name: 'AES-GCM',
  iv: steady(steadyNonce, nonce),
  additionalData: steady(steadyAads[aad.length], aad),
  tagLength: 128,
});

/** `subtle` is there in secure contexts only: https, or loopback. */
export const createWebCrypto = (
  subtle: SubtleCrypto = globalThis.crypto.subtle,
): AsyncCrypto<CryptoKey, CryptoKey> => {
  const importSecret = (bytes: Uint8Array): Promise<CryptoKey> =>
    subtle.importKey('raw', unshared(bytes), 'HKDF', false, ['deriveBits', 'deriveKey']);

  const deriveBytes = async (secret: CryptoKey, derivation: Derivation): Promise<Uint8Array> =>
    new Uint8Array(await subtle.deriveBits(hkdf(derivation), secret, derivation.length * 8));

  return {
    importSecret,
    deriveBytes,

    // No algorithm derives an HKDF key directly: the bytes are here for a moment, and overwritten.
    async deriveSecret(secret, derivation) {
      const bytes = await deriveBytes(secret, derivation);
      try {
        return await importSecret(bytes);
      } finally {
        bytes.fill(0);
      }
    },

    deriveKey: (secret, derivation) =>
      subtle.deriveKey(hkdf(derivation), secret, { name: 'AES-GCM', length: derivation.length * 8 }, false, [
        'encrypt',
        'decrypt',
      ]),

    async seal(key, nonce, aad, plaintext, out) {
      out.set(new Uint8Array(await subtle.encrypt(aesGcm(nonce, aad), key, unshared(plaintext))));
    },

    async open(key, nonce, aad, sealed, out) {
      let plaintext: ArrayBuffer;
      try {
        plaintext = await subtle.decrypt(aesGcm(nonce, aad), key, unshared(sealed));
      } catch (thrown) {
        // A tag that does not verify is an OperationError; anything else is ours.
        if (thrown instanceof Error && thrown.name === 'OperationError') return false;
        throw thrown;
      }
      out.set(new Uint8Array(plaintext));
      return true;
    },
  };
};
