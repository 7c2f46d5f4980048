// What SFrame needs of a platform's cryptography. Keys are handles that only their implementation looks into: `Secret` is what
// HKDF starts from, `Key` what AES-GCM seals with.
//
// There are two kinds of implementation, synchronous (node:crypto) and asynchronous (WebCrypto), of the same methods.
// Everything else (headers, nonces, counters, replay) is written once, in `sealing.ts` and `opening.ts`, around a call that
// it describes as data and leaves to be made; `FrameSealer` and `FrameSealerSync` differ in an `await`.

export type HashName = 'SHA-256' | 'SHA-512';

/** One HKDF (RFC 5869): extract with `salt`, expand with `info` to `length` bytes, at most one block of the hash. */
export interface Derivation {
  readonly hash: HashName;
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
  readonly length: number;
}

export interface Kdf<Secret, Key> {
  /** Takes a copy; the caller keeps, and wipes, its own bytes. */
  importSecret(bytes: Uint8Array): Secret;
  deriveBytes(secret: Secret, derivation: Derivation): Uint8Array;
  deriveSecret(secret: Secret, derivation: Derivation): Secret;
  /** An AES-GCM key of `derivation.length` bytes: 16 or 32. */
  deriveKey(secret: Secret, derivation: Derivation): Key;
}

/** AES-GCM with a nonce of 12 bytes and a tag of 16. */
export interface Aead<Key> {
  /** Writes ciphertext and tag into `out`, which is 16 bytes longer than `plaintext`. */
  seal(key: Key, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void;
  /** Whether the tag verified. Writes the plaintext into `out`, 16 bytes shorter than `sealed`; if the answer is no, `out` means nothing. */
  open(key: Key, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array, out: Uint8Array): boolean;
}

export interface SyncCrypto<Secret, Key> extends Kdf<Secret, Key>, Aead<Key> {
  /** Overwrites what the handle holds. Handles of WebCrypto cannot be: there, dropping the reference is all. */
  wipe(handle: Secret | Key): void;
}

type Asynchronous<T> = {
  [M in keyof T]: T[M] extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : never;
};

/** Implementations read every argument before they return their promise, as WebCrypto does. */
export type AsyncCrypto<Secret, Key> = Asynchronous<Kdf<Secret, Key> & Aead<Key>>;
