// What a world's keys are made of: symbols, which show who can ever derive what, or real bytes under real HMAC-SHA-512 and AES-256-GCM.
// The same custodian's tree, participants, sealers and openers run over both.

import { createHash } from 'node:crypto';
import type { SealingKeys, SealUse } from '../../src/keys/keyStore.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import type { SyncCrypto } from '../../src/sframe/crypto.ts';
import type { EpochKey } from '../../src/sframe/epochKeys.ts';
import type { Term, Wire } from '../keys/treeSymbols.ts';

/** A participant's half of the key tree, as `OpeningKeys`, but at once: on a virtual clock nothing happens meanwhile. */
export interface SyncOpeningKeys<H> {
  step(key: H): H;
  wipe(key: H): void;
  open(under: H, use: SealUse, aad: Uint8Array, sealed: Uint8Array): H[] | null;
}

/** One custodian process. */
export interface CustodianKeys<H> {
  readonly sealing: SealingKeys<H>;
  /** How many keys it holds. */
  readonly held: () => number;
  /** What a thief of its memory has. */
  readonly stolen: () => readonly Term[];
}

export interface Suite<H, S, K> {
  readonly newCustodian: () => CustodianKeys<H>;
  readonly opening: SyncOpeningKeys<H>;
  /** The participant's copy of its admission key, which the custodian has as `key`. */
  readonly copy: (key: H) => H;
  readonly frames: SyncCrypto<S, K>;
  /** Takes the session key. */
  readonly epochKey: (
    session: H,
    told: { readonly incarnation: Uint8Array; readonly epoch: EpochId; readonly chain: Uint8Array },
  ) => EpochKey<S>;
  /** Names the base key, so that two uses of one are told. */
  readonly nameOf: (baseKey: S) => string;
  /** Where keys are symbols: what went over the wire, and the session key that participants were given for an epoch. */
  readonly symbols: { readonly wire: Wire; readonly sessionOf: (epoch: number) => Term | undefined } | null;
}

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest());
