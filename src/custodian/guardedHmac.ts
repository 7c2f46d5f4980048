// HMAC (RFC 2104) and HKDF (RFC 5869) whose keys, messages and inner hashes stay in guarded memory. node:crypto and WebCrypto answer in
// ordinary memory, where copies outlive them until somebody else happens to write there.

import sodium from 'sodium-native';

interface Hash {
  readonly hashBytes: number;
  /** FIPS 180-4: what HMAC pads its key to. */
  readonly blockBytes: number;
  readonly digest: (out: Buffer, input: Buffer) => void;
}

export const sha256: Hash = {
  hashBytes: sodium.crypto_hash_sha256_BYTES,
  blockBytes: 64,
  digest: (out, input) => sodium.crypto_hash_sha256(out, input),
};

export const sha512: Hash = {
  hashBytes: sodium.crypto_hash_sha512_BYTES,
  blockBytes: 128,
  digest: (out, input) => sodium.crypto_hash_sha512(out, input),
};

/** Labels, contexts and one secret: no message here is longer. */
const maxMessageBytes = 1_024;

export class GuardedHmac {
  readonly hashBytes: number;
  readonly #hash: Hash;
  /** The padded key and the message after it. */
  readonly #input: Buffer;
  readonly #inner: Buffer;

  constructor(hash: Hash) {
    this.#hash = hash;
    this.hashBytes = hash.hashBytes;
    this.#input = sodium.sodium_malloc(hash.blockBytes + maxMessageBytes);
    this.#inner = sodium.sodium_malloc(hash.hashBytes);
  }

  /** HKDF's extract: `out` of `hashBytes`, from all parts of the keying material one after the other. */
  extract(out: Buffer, salt: Uint8Array, ...keyingMaterial: readonly Uint8Array[]): void {
    this.#mac(out, salt, keyingMaterial);
  }

  /** HKDF's expand where one block is enough: fills `out`, at most `hashBytes`. */
  expand(out: Buffer, key: Uint8Array, ...info: readonly Uint8Array[]): void {
    const block = out.length === this.hashBytes ? out : this.#block;
    this.#mac(block, key, [...info, Uint8Array.of(1)]);
    if (block === out) return;
    out.set(block.subarray(0, out.length));
    sodium.sodium_memzero(block);
  }

  #mac(out: Buffer, key: Uint8Array, message: readonly Uint8Array[]): void {
    try {
      this.#digest(this.#inner, key, 0x36, message);
      this.#digest(out, key, 0x5c, [this.#inner]);
    } finally {
      sodium.sodium_memzero(this.#input);
      sodium.sodium_memzero(this.#inner);
    }
  }

  #digest(out: Buffer, key: Uint8Array, pad: number, message: readonly Uint8Array[]): void {
    const { blockBytes } = this.#hash;
    if (key.length > blockBytes)
      throw new RangeError('a key longer than a block would have to be hashed first');
    this.#input.fill(pad, 0, blockBytes);
    for (let i = 0; i < key.length; i++) this.#input[i] = (key[i] as number) ^ pad;
    let end = blockBytes;
    for (const part of message) {
      if (end + part.length > this.#input.length) throw new RangeError('the message does not fit');
      this.#input.set(part, end);
      end += part.length;
    }
    this.#hash.digest(out, this.#input.subarray(0, end));
  }

  #lazyBlock: Buffer | null = null;

  get #block(): Buffer {
    return (this.#lazyBlock ??= sodium.sodium_malloc(this.hashBytes));
  }
}
