// The key tree's keys as slots of the slab: minted, stepped and sealed under without leaving locked memory, but for what OpenSSL
// holds during one call and cleanses after it.

import { createCipheriv, hash } from 'node:crypto';
import sodium from 'sodium-native';
import { sealInfo, stepInfo, storyInfo } from '../keys/keyStore.ts';
import type { SealingKeys, SealUse } from '../keys/keyStore.ts';
import { lengths } from '../protocol/names.ts';
import type { EpochId } from '../protocol/names.ts';
import { fingerprintInfo } from '../sframe/epochKeys.ts';
import { GuardedHmac, sha512 } from './guardedHmac.ts';
import type { Slab, Slot } from './slab.ts';

const nonce = Buffer.alloc(12);
const stepInput = Buffer.from(stepInfo);

export class SlabKeys implements SealingKeys<Slot> {
  readonly #slab: Slab;
  /** For what exists during one call only. */
  readonly #scratch = sodium.sodium_malloc(lengths.key);
  readonly #hmac = new GuardedHmac(sha512);
  readonly #prk = sodium.sodium_malloc(sha512.hashBytes);
  mints = 0;
  seals = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Keys that there is still room for. */
  get room(): number {
    return this.#slab.room;
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

  /** A slot that `fill` fills. What it throws leaves no slot taken. */
  fill(fill: (bytes: Buffer) => void): Slot {
    const slot = this.#slab.take();
    try {
      fill(this.#slab.bytes(slot));
      return slot;
    } catch (thrown) {
      this.#slab.wipe(slot);
      throw thrown;
    }
  }

  /** In place: HMAC has taken its key in before it answers. Every key of a meeting is stepped at every rekey. */
  step(slot: Slot): void {
    const key = this.#slab.bytes(slot);
    sodium.crypto_auth(key, stepInput, key);
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

  fingerprint(session: Slot, chain: Uint8Array, incarnation: Uint8Array, epoch: EpochId): Uint8Array {
    const fingerprint = Buffer.alloc(lengths.fingerprint);
    return this.#derive(session, storyInfo(chain), (secret) => {
      try {
        this.#hmac.extract(this.#prk, incarnation, secret);
        this.#hmac.expand(fingerprint, this.#prk, fingerprintInfo(epoch));
        return new Uint8Array(fingerprint);
      } finally {
        sodium.sodium_memzero(this.#prk);
      }
    });
  }

  hash(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(hash('sha256', bytes, 'buffer'));
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
