// The cryptography that a LocalKeyAgent is handed: whoever composes it chooses the platform's, or wraps it.

import type { OpeningKeys } from '../../keys/keyStore.ts';
import type { AsyncCrypto } from '../../sframe/crypto.ts';

/** One ephemeral X25519 key pair: opens one admission and is forgotten. */
export interface AdmissionRecipient {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * HPKE (RFC 9180 §5.1.1) and its exports, 32 bytes each.
   * @throws LatchkeyError `key_message_unopened`.
   */
  open(enc: Uint8Array, info: Uint8Array): Promise<{ admissionKey: Uint8Array; resumeSecret: Uint8Array }>;
}

export interface AgentCrypto<Secret, Key> {
  newRecipient(): Promise<AdmissionRecipient>;
  /** Ed25519 (RFC 8032). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** SHA-256. */
  hash(bytes: Uint8Array): Promise<Uint8Array>;
  /** Of the key tree. */
  readonly treeKeys: OpeningKeys<Uint8Array>;
  /** The tree's KDF (keys/keyStore.ts): 32 bytes. */
  derive(key: Uint8Array, info: Uint8Array): Promise<Uint8Array>;
  readonly frames: AsyncCrypto<Secret, Key>;
  /** Overwrites an SFrame base key where the platform can. */
  wipe(baseKey: Secret): void;
  /** Runs `work` soon, once whatever waits for its turn by now, answers to the server above all, has had it. */
  soon(work: () => void): void;
}
