// The key tree's keys as slots of the slab: minted, stepped and sealed under without leaving locked memory, but for what OpenSSL
// holds during one call and cleanses after it.

import { createCipheriv } from 'node:crypto';
import sodium from 'sodium-native';
import { sealInfo, stepInfo } from '../keys/keyStore.ts';
import type { SealingKeys, SealUse } from '../keys/keyStore.ts';
import { lengths } from '../protocol/names.ts';
import type { EpochId } from '../protocol/names.ts';
import { fingerprintInfo } from '../sframe/epochKeys.ts';
import type { Slab, Slot } from './slab.ts';

const hashBytes = sodium.crypto_hash_sha512_BYTES;
/** SHA-512's block (FIPS 180-4), which HMAC pads its key to (RFC 2104). */
const blockBytes = 128;
const nonce = Buffer.alloc(12);

export class SlabKeys implements SealingKeys<Slot> {
  readonly #slab: Slab;
  /** For what exists during one call only. */
  readonly #scratch = sodium.sodium_malloc(lengths.key);
  readonly #hmac = new SecretHmac();
  mints = 0;
  seals = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  mint(): Slot {
    const slot = this.#slab.take();
    this.renew(slot);
    return slot;
  }

  renew(slot: Slot): void {
    sodium.randombytes_buf(this.#slab.bytes(slot));
    this.mints++;
  }

  /** Takes the bytes over and overwrites them where they were. */
  adopt(secret: Uint8Array): Slot {
    const slot = this.#slab.take();
    this.#slab.bytes(slot).set(secret);
    secret.fill(0);
    return slot;
  }

  step(slot: Slot): void {
    this.#derive(slot, stepInfo, (derived) => this.#slab.bytes(slot).set(derived));
  }

  wipe(slot: Slot): void {
    this.#slab.wipe(slot);
  }

  seal(under: Slot, use: SealUse, aad: Uint8Array, secrets: readonly Slot[]): Uint8Array {
    this.seals++;
    return this.#derive(under, sealInfo(use), (key) => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(aad);
      const sealed = new Uint8Array(secrets.length * lengths.key + lengths.tag);
      secrets.forEach((secret, index) =>
        sealed.set(cipher.update(this.#slab.bytes(secret)), index * lengths.key),
      );
      cipher.final();
      sealed.set(cipher.getAuthTag(), secrets.length * lengths.key);
      return sealed;
    });
  }

  fingerprint(session: Slot, incarnation: Uint8Array, epoch: EpochId): Uint8Array {
    return this.#hmac
      .hkdf(this.#slab.bytes(session), incarnation, fingerprintInfo(epoch))
      .slice(0, lengths.fingerprint);
  }

  /** sodium's crypto_auth is HMAC-SHA-512 cut to 32 bytes: the tree's KDF. */
  #derive<T>(from: Slot, info: Uint8Array, use: (derived: Buffer) => T): T {
    try {
      sodium.crypto_auth(this.#scratch, Buffer.from(info), this.#slab.bytes(from));
      return use(this.#scratch);
    } finally {
      sodium.sodium_memzero(this.#scratch);
    }
  }
}

/** HMAC-SHA-512 (RFC 2104) whose keys, messages and inner hash stay in guarded memory. */
class SecretHmac {
  /** The padded key and what is hashed after it: at most another block. */
  readonly #input = sodium.sodium_malloc(2 * blockBytes);
  readonly #inner = sodium.sodium_malloc(hashBytes);
  readonly #prk = sodium.sodium_malloc(hashBytes);

  /** The first block of HKDF's output (RFC 5869 §2): 64 bytes, in ordinary memory. */
  hkdf(ikm: Buffer, salt: Uint8Array, info: Uint8Array): Buffer {
    const output = Buffer.alloc(hashBytes);
    try {
      this.#mac(this.#prk, salt, ikm);
      this.#mac(output, this.#prk, Buffer.concat([info, Buffer.of(1)]));
      return output;
    } finally {
      for (const secret of [this.#input, this.#inner, this.#prk]) sodium.sodium_memzero(secret);
    }
  }

  #mac(out: Buffer, key: Uint8Array, message: Buffer): void {
    this.#hash(this.#inner, key, 0x36, message);
    this.#hash(out, key, 0x5c, this.#inner);
  }

  #hash(out: Buffer, key: Uint8Array, pad: number, message: Buffer): void {
    this.#input.fill(pad, 0, blockBytes);
    for (const [i, byte] of key.entries()) this.#input[i] = byte ^ pad;
    this.#input.set(message, blockBytes);
    sodium.crypto_hash_sha512(out, this.#input.subarray(0, blockBytes + message.length));
  }
}
