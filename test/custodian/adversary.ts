// Whoever recorded a meeting, all that was on the wire, and came by some keys later: what it can open. Every key is tried in every part that a
// key has: leaf, node or root of any message, session key, epoch secret or base key of any epoch, HPKE's ephemeral key; whatever opens is
// tried again, stepped forward as often as the meeting was rekeyed, until nothing new comes of it.

import { createDecipheriv } from 'node:crypto';
import sodium from 'sodium-native';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { HpkeSender } from '../../src/custodian/hpkeSender.ts';
import { Randomness } from '../../src/custodian/randomness.ts';
import { sealInfo, stepInfo, storyInfo } from '../../src/keys/keyStore.ts';
import type { SealUse } from '../../src/keys/keyStore.ts';
import { equalBytes, toHex } from '../../src/protocol/bytes.ts';
import {
  admissionExports,
  decodeAdmission,
  decodeRekey,
  decodeWelcome,
  encodeAdmissionTerms,
  welcomeAad,
} from '../../src/protocol/keyMessages.ts';
import type { Admission, Rekey, Welcome } from '../../src/protocol/keyMessages.ts';
import { lengths } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import type { StreamOrigin } from '../../src/sframe/keyId.ts';
import type { AdmitAnswer, RekeyAnswer } from '../../src/custodian/custodian.ts';

interface Seal {
  readonly info: Buffer;
  readonly aad: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface RecordedFrame {
  readonly epoch: EpochId;
  readonly origin: StreamOrigin;
  readonly sealed: Uint8Array;
}

const nonce = Buffer.alloc(12);
const stepInput = Buffer.from(stepInfo);
const noAad = new Uint8Array(0);

const kdf = (key: Buffer, info: Buffer): Buffer => {
  const derived = Buffer.alloc(lengths.key);
  sodium.crypto_auth(derived, info, key);
  return derived;
};

export class Adversary {
  readonly #incarnation: Uint8Array;
  readonly #admissions: Admission[] = [];
  readonly #seals: Seal[] = [];
  readonly #chains = new Map<EpochId, Uint8Array>();
  readonly #frames: RecordedFrame[] = [];
  readonly #hpke = new HpkeSender(new Randomness());

  constructor(incarnation: Uint8Array) {
    this.#incarnation = incarnation;
  }

  recordAdmission({ admission }: AdmitAnswer): void {
    this.#admissions.push(decodeAdmission(admission));
  }

  recordEpoch({ epoch, chain, rekey, welcomes }: RekeyAnswer): void {
    this.#chains.set(epoch, chain);
    if (rekey !== null) this.#recordRekey(decodeRekey(rekey).rekey);
    for (const { message } of welcomes) this.#recordWelcome(decodeWelcome(message).welcome);
  }

  recordFrame(frame: RecordedFrame): void {
    this.#frames.push(frame);
  }

  get recorded(): { readonly seals: number; readonly frames: number } {
    return { seals: this.#seals.length, frames: this.#frames.length };
  }

  /** Epochs of which frames open with these keys and all that they lead to, ascending. */
  opens(keys: Iterable<Uint8Array>): EpochId[] {
    const known = this.#closure(keys);
    const opened = new Set<EpochId>();
    for (const key of known) {
      for (const [epoch, chain] of this.#chains) {
        if (opened.has(epoch)) continue;
        const secrets = [key, kdf(key, Buffer.from(storyInfo(chain)))];
        const baseKeys = secrets.map((secret) => this.#baseKeyOf(secret, epoch));
        if ([key, ...baseKeys].some((baseKey) => this.#opensFrameOf(epoch, baseKey))) opened.add(epoch);
      }
    }
    return [...opened].sort((a, b) => a - b);
  }

  #recordRekey({ incarnation, epoch, height, nodes, session }: Rekey): void {
    for (const { level, index, seals } of nodes) {
      const use: SealUse = { incarnation, epoch, level, index, purpose: 'node' };
      for (const { sealed } of seals) this.#record(use, noAad, sealed);
    }
    this.#record({ incarnation, epoch, level: height, index: 0, purpose: 'session' }, noAad, session);
  }

  #recordWelcome(welcome: Welcome): void {
    const { incarnation, epoch, leaf } = welcome;
    const use: SealUse = { incarnation, epoch, level: 0, index: leaf, purpose: 'welcome' };
    this.#record(use, welcomeAad(welcome), welcome.sealed);
  }

  #record(use: SealUse, aad: Uint8Array, sealed: Uint8Array): void {
    this.#seals.push({ info: Buffer.from(sealInfo(use)), aad, sealed });
  }

  #closure(keys: Iterable<Uint8Array>): Buffer[] {
    const known = new Map<string, Buffer>();
    const untried: Buffer[] = [];
    const learn = (bytes: Uint8Array): void => {
      let key: Buffer = Buffer.from(bytes);
      for (let steps = 0; steps <= this.#chains.size; steps++) {
        const name = toHex(key);
        if (known.has(name)) return;
        known.set(name, key);
        untried.push(key);
        key = kdf(key, stepInput);
      }
    };
    for (const key of keys) {
      learn(key);
      for (const exported of this.#asEphemeral(Buffer.from(key))) learn(exported);
    }
    for (let key = untried.pop(); key !== undefined; key = untried.pop())
      for (const seal of this.#seals) for (const secret of opened(key, seal)) learn(secret);
    return [...known.values()];
  }

  /** What it exported, if it was the private half of an admission's `enc`. */
  #asEphemeral(key: Buffer): Buffer[] {
    const enc = Buffer.alloc(lengths.encapsulated);
    sodium.crypto_scalarmult_base(enc, key);
    const made = this.#admissions.find((admission) => equalBytes(admission.enc, enc));
    if (made === undefined) return [];
    const out = Buffer.alloc(lengths.key);
    const exports = [{ context: admissionExports.admissionKey, out }];
    this.#hpke.exportWith(key, made.terms.publicKey, encodeAdmissionTerms(made.terms), exports);
    return [out];
  }

  #baseKeyOf(secret: Buffer, epoch: EpochId): Buffer {
    return deriveEpochKeySync(nodeCrypto, { secret, incarnation: this.#incarnation, epoch }).baseKey;
  }

  #opensFrameOf(epoch: EpochId, baseKey: Buffer): boolean {
    const frame = this.#frames.find((one) => one.epoch === epoch);
    if (frame === undefined) return false;
    const format = { codec: 'opus', incarnation: this.#incarnation } as const;
    const opener = new FrameOpenerSync(nodeCrypto, { ...format, origin: frame.origin });
    opener.install({
      epoch,
      baseKey: Buffer.from(baseKey),
      fingerprint: new Uint8Array(lengths.fingerprint),
    });
    return opener.open(frame.sealed).ok;
  }
}

const opened = (under: Buffer, { info, aad, sealed }: Seal): Buffer[] => {
  const end = sealed.length - lengths.tag;
  const cipher = createDecipheriv('aes-256-gcm', kdf(under, info), nonce);
  cipher.setAAD(aad);
  cipher.setAuthTag(sealed.subarray(end));
  const plain = cipher.update(sealed.subarray(0, end));
  try {
    cipher.final();
  } catch {
    return [];
  }
  return Array.from({ length: end / lengths.key }, (_, index) =>
    plain.subarray(index * lengths.key, (index + 1) * lengths.key),
  );
};
