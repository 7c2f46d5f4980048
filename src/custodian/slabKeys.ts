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
import type { Randomness } from './randomness.ts';
import type { Slab, Slot } from './slab.ts';

const nonce = Buffer.alloc(12);
const stepInput = Buffer.from(stepInfo);

export class SlabKeys implements SealingKeys<Slot> {
  readonly #slab: Slab;
  readonly #randomness: Randomness;
  /** For what exists during one call only. */
  readonly #scratch = sodium.sodium_malloc(lengths.key);
  readonly #hmac = new GuardedHmac(sha512);
  readonly #prk = sodium.sodium_malloc(sha512.hashBytes);
  mints = 0;
  seals = 0;

  constructor(slab: Slab, randomness: Randomness) {
    this.#slab = slab;
    this.#randomness = randomness;
  }

  /** Keys that there is still room for. */
  get room(): number {
    return this.#slab.room;
  }

  /** So many more keys will find their memory there. @throws LatchkeyError `slab_full` */
  ensure(keys: number): void {
    this.#slab.ensure(keys);
  }

  mint(): Slot {
    const slot = this.#slab.take();
    try {
      this.renew(slot);
      return slot;
    } catch (thrown) {
      this.#slab.wipe(slot);
      throw thrown;
    }
  }

  /** @throws LatchkeyError `randomness_failed`: the key is zero then. */
  renew(slot: Slot): void {
    this.#randomness.fill(this.#slab.bytes(slot));
    this.mints++;
  }

  /** Two slots that `fill` fills. What it throws leaves none taken. */
  fillPair<T>(fill: (first: Buffer, second: Buffer) => T): {
    readonly slots: readonly [Slot, Slot];
    readonly filled: T;
  } {
    this.#slab.ensure(2);
    const slots = [this.#slab.take(), this.#slab.take()] as const;
    try {
      return { slots, filled: fill(this.#slab.bytes(slots[0]), this.#slab.bytes(slots[1])) };
    } catch (thrown) {
      for (const slot of slots) this.#slab.wipe(slot);
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

  /** Whether `mac` is KDF(key, input), in a time that does not depend on how much of it is right. */
  verify(key: Slot, input: Uint8Array, mac: Uint8Array): boolean {
    if (mac.length !== lengths.key) return false;
    return this.#derive(key, input, (expected) => sodium.sodium_memcmp(expected, Buffer.from(mac)));
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
