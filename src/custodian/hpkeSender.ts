// The sender's half of HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, for its exports alone: nothing
// is sealed with the context. Written here although the participant's half is a library's (@hpke/core), because a library leaves
// the shared secret and what it exported in ordinary memory: whoever found an admission key there could open the recorded
// welcome. Here no secret leaves guarded memory, and all but the exports are wiped before `exportTo` returns.

import { createHmac } from 'node:crypto';
import sodium from 'sodium-native';
import { concatBytes, encodeUtf8 } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';
import { GuardedHmac, sha256 } from './guardedHmac.ts';
import type { Randomness } from './randomness.ts';

/** RFC 9180 §7: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
const kemId = Uint8Array.of(0x00, 0x20);
const kdfId = Uint8Array.of(0x00, 0x01);
const aeadId = Uint8Array.of(0x00, 0x02);
const kemSuite = concatBytes(encodeUtf8('KEM'), kemId);
const hpkeSuite = concatBytes(encodeUtf8('HPKE'), kemId, kdfId, aeadId);
const version = encodeUtf8('HPKE-v1');
const baseMode = Uint8Array.of(0);
const none = new Uint8Array(0);

export interface HpkeExport {
  readonly context: string;
  /** 32 bytes of guarded memory. */
  readonly out: Buffer;
}

export class HpkeSender {
  readonly #randomness: Randomness;
  readonly #hmac = new GuardedHmac(sha256);
  readonly #privateKey = sodium.sodium_malloc(lengths.key);
  readonly #dh = sodium.sodium_malloc(lengths.key);
  readonly #prk = sodium.sodium_malloc(lengths.key);
  readonly #secret = sodium.sodium_malloc(lengths.key);

  constructor(randomness: Randomness) {
    this.#randomness = randomness;
  }

  /**
   * A fresh context to `publicKey`, exported from and forgotten; answers `enc`.
   * @throws LatchkeyError `public_key_invalid` for a point of small order (RFC 9180 §7.1.4), `randomness_failed`.
   */
  exportTo(publicKey: Uint8Array, info: Uint8Array, exports: readonly HpkeExport[]): Uint8Array {
    try {
      this.#randomness.fill(this.#privateKey);
      return this.exportWith(this.#privateKey, publicKey, info, exports);
    } finally {
      for (const secret of [this.#privateKey, this.#dh, this.#prk, this.#secret])
        sodium.sodium_memzero(secret);
    }
  }

  /** With an ephemeral key that is given: for the RFC's vectors. Wipes nothing of the caller's. */
  exportWith(
    ephemeral: Buffer,
    publicKey: Uint8Array,
    info: Uint8Array,
    exports: readonly HpkeExport[],
  ): Uint8Array {
    const enc = Buffer.alloc(lengths.encapsulated);
    sodium.crypto_scalarmult_base(enc, ephemeral);
    this.#multiply(ephemeral, Buffer.from(publicKey));
    // §4.1, ExtractAndExpand: the shared secret into #secret.
    this.#extract(this.#prk, kemSuite, none, 'eae_prk', this.#dh);
    this.#expand(this.#secret, kemSuite, this.#prk, 'shared_secret', enc, publicKey);
    // §5.1, KeySchedule: the exporter secret into #secret.
    const schedule = concatBytes(baseMode, labeledHash('psk_id_hash', none), labeledHash('info_hash', info));
    this.#extract(this.#prk, hpkeSuite, this.#secret, 'secret', none);
    this.#expand(this.#secret, hpkeSuite, this.#prk, 'exp', schedule);
    // §5.3
    for (const { context, out } of exports)
      this.#expand(out, hpkeSuite, this.#secret, 'sec', encodeUtf8(context));
    return new Uint8Array(enc);
  }

  /** RFC 7748 §6.1: the all-zero secret of a small-order point is refused, by sodium too. */
  #multiply(privateKey: Buffer, publicKey: Buffer): void {
    try {
      sodium.crypto_scalarmult(this.#dh, privateKey, publicKey);
    } catch {
      throw new LatchkeyError('public_key_invalid');
    }
    if (sodium.sodium_is_zero(this.#dh, this.#dh.length)) throw new LatchkeyError('public_key_invalid');
  }

  /** §4, LabeledExtract. */
  #extract(
    out: Buffer,
    suite: Uint8Array,
    salt: Uint8Array,
    label: string,
    keyingMaterial: Uint8Array,
  ): void {
    this.#hmac.extract(out, salt, version, suite, encodeUtf8(label), keyingMaterial);
  }

  /** §4, LabeledExpand. */
  #expand(
    out: Buffer,
    suite: Uint8Array,
    key: Uint8Array,
    label: string,
    ...info: readonly Uint8Array[]
  ): void {
    const length = Uint8Array.of(out.length >> 8, out.length & 0xff);
    this.#hmac.expand(out, key, length, version, suite, encodeUtf8(label), ...info);
  }
}

/** LabeledExtract without salt, of what is public: in ordinary memory. */
const labeledHash = (label: string, input: Uint8Array): Uint8Array =>
  createHmac('sha256', none)
    .update(concatBytes(version, hpkeSuite, encodeUtf8(label), input))
    .digest();
