// What the key tree needs of whoever holds the keys: the tree itself handles only names of keys (`H`), so that the same code
// runs over the custodian's locked slab, over a participant's bytes, and over symbols in the tests.
//
// K is a uniformly random key of 32 bytes. The one KDF is HMAC-SHA-512 cut to 32 bytes:
//   step        K ← HMAC-SHA-512(K, stepInfo)[0..32]
//   sealing key     HMAC-SHA-512(K, sealInfo(use))[0..32]   for one use, so the AES-256-GCM nonce is all zero
//   epoch secret    HMAC-SHA-512(M, storyInfo(chain))[0..32]
//   sealed          AES-256-GCM(sealing key, 0¹², aad, secrets one after the other)

import { ByteWriter } from '../protocol/bytes.ts';
import { lengths } from '../protocol/names.ts';
import type { EpochId } from '../protocol/names.ts';

/** One use of a key for sealing; no two seals ever have the same (key, use). */
export interface SealUse {
  readonly incarnation: Uint8Array;
  /** The rekey's number. */
  readonly epoch: number;
  /** The node whose key is sealed (for `session` and `welcome`: the node under whose key it is sealed). */
  readonly level: number;
  readonly index: number;
  readonly purpose: keyof typeof sealPurposes;
}

export const sealPurposes = { node: 1, session: 2, welcome: 3 } as const;

/** M_e and the epoch's chain give the *epoch secret*, from which base key and fingerprint are derived: no media without the same story. */
export const storyInfo = (chain: Uint8Array): Uint8Array =>
  new ByteWriter(64).text('latchkey/1 story').fixed(chain, lengths.hash).finish();

export const stepInfo: Uint8Array = new ByteWriter().text('latchkey/1 next').finish();

/** 16-byte incarnation, numbers big-endian: every field of fixed length after the label. */
export const sealInfo = (use: SealUse): Uint8Array =>
  new ByteWriter(64)
    .text('latchkey/1 seal')
    .fixed(use.incarnation, lengths.incarnation)
    .u32(use.epoch)
    .u8(use.level)
    .u32(use.index)
    .u8(sealPurposes[use.purpose])
    .finish();

/** The custodian's side: synchronous, keys stay where they are. */
export interface SealingKeys<H> {
  /** A fresh random key. The only method that may fail for lack of room; nothing has changed then. */
  mint(): H;
  /** A fresh random key in the place of this one: needs no room, so that a departure never fails for lack of it. */
  renew(key: H): void;
  /** Replaces the key in place. */
  step(key: H): void;
  /** Zeroes the key; the handle is dead. */
  wipe(key: H): void;
  /** `secrets.length · 32 + 16` bytes. */
  seal(under: H, use: SealUse, aad: Uint8Array, secrets: readonly H[]): Uint8Array;
  /** By which both ends compare a session key and its chain: 16 bytes that say nothing about the key (`epochKeys.ts` of sframe). */
  fingerprint(session: H, chain: Uint8Array, incarnation: Uint8Array, epoch: EpochId): Uint8Array;
  /** SHA-256. */
  hash(bytes: Uint8Array): Uint8Array;
}

/** A participant's side: asynchronous, since WebCrypto is. */
export interface OpeningKeys<H> {
  /** The epoch secret of a session key, which is wiped where the platform can. */
  bind(session: H, chain: Uint8Array): Promise<H>;
  /** The stepped key; the given one is wiped where the platform can. */
  step(key: H): Promise<H>;
  wipe(key: H): void;
  /** The secrets in order, or null where the tag does not verify. */
  open(under: H, use: SealUse, aad: Uint8Array, sealed: Uint8Array): Promise<H[] | null>;
}
