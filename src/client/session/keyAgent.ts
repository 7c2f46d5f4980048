// Whoever holds a participant's keys, as its session sees it: public keys in, signed and sealed messages in, epochs and counts
// out. No method answers a key. In a browser the keys live in the SFrame worker and a proxy implements this.

import type { EpochId, Lease, Role, StreamId, Trigger } from '../../protocol/names.ts';
import type { ErrorCode } from '../../protocol/errors.ts';

/** What the admission must say, as far as the session knows it; the agent adds its own public key. */
export interface AdmissionExpectation {
  readonly meeting: string;
  readonly participantId: string;
  readonly role: Role;
  /** The server's Ed25519 key, 32 bytes: every key message and transport is verified under it from then on. */
  readonly signingKey: Uint8Array;
}

export interface KeyTimers {
  /** How long receivers keep an epoch after the next one was activated. */
  readonly receiverGraceMs: number;
  /** How long after its arrival nothing is sealed or opened under an epoch any more. */
  readonly epochLifeMs: number;
}

export interface InstalledEpoch {
  readonly epoch: EpochId;
  /** Computed from the session key that was opened, 16 bytes. */
  readonly fingerprint: Uint8Array;
  /** 32 bytes: covers every epoch of the incarnation up to this one, and the ledger. */
  readonly chain: Uint8Array;
  readonly trigger: Trigger;
  /** The own lease that frames sealed under this epoch carry. */
  readonly lease: Lease;
}

/** Another participant was admitted anew: its frames carry `from` before this epoch, and `to` from it on. */
export interface LeaseChange {
  readonly from: Lease;
  readonly to: Lease;
  readonly epoch: EpochId;
}

/** KDF(resume secret, `resumeProofInput`) of one admission. */
export interface AdmissionProof {
  readonly lease: Lease;
  readonly proof: Uint8Array;
}

/** Frames since the agent was made; all but `sealed` and `opened` were dropped. */
export interface FrameCounts {
  readonly sealed: number;
  readonly opened: number;
  readonly missingKey: number;
  readonly badTag: number;
  readonly replayed: number;
  readonly staleEpoch: number;
  readonly foreignOrigin: number;
  readonly malformed: number;
  /** Not sent, since no key might be used. */
  readonly unsealed: number;
}

export interface SignedTransport {
  readonly participant: string;
  readonly transport: string;
  readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  readonly signature: Uint8Array;
}

export interface KeyAgentEvents {
  /** Frames of this stream open again after some did not: a decoder wants a key frame. At most twice a second a stream. */
  readonly recovered: { readonly lease: Lease; readonly stream: StreamId };
  /** Once: a frame of somebody else was opened. */
  readonly firstOpened: null;
  /** The epoch in use outlived its time: nothing is sent until another is activated. */
  readonly expired: { readonly epoch: EpochId };
  /** The agent is gone, and all keys with it. */
  readonly failed: { readonly code: ErrorCode; readonly message: string };
}

export interface KeyAgent {
  /** Makes the ephemeral key pair of one admission, the first or one more; 32 bytes of X25519. */
  begin(): Promise<{ readonly publicKey: Uint8Array }>;
  /**
   * Verifies and opens the admission; the private key is forgotten. One that follows another is held beside it, in the place of any
   * that still waits, until its welcome comes: from that epoch on frames are sealed with its lease, and the one before is wiped.
   * @throws LatchkeyError `key_message_malformed`, `key_message_forged`, `key_message_unopened`.
   */
  admit(
    admission: Uint8Array,
    expected: AdmissionExpectation,
    timers: KeyTimers,
  ): Promise<{ readonly lease: Lease; readonly incarnation: Uint8Array }>;
  /**
   * A welcome or a rekey: the epoch is ready to open frames when this resolves. A repeat answers its epoch again; a welcome for an
   * admission that another has replaced answers nothing.
   * @throws LatchkeyError `key_message_malformed`, `key_message_forged`, `key_message_unopened`, `key_message_gap`, `story_forked`
   *   where the epoch, or the one before it, is not the one that was told here earlier.
   */
  receive(message: Uint8Array): Promise<readonly InstalledEpoch[]>;
  /** Before the key message of the epoch: receivers of these participants go on with the new lease, without being made anew. */
  leases(changes: readonly LeaseChange[]): Promise<void>;
  /** For every admission that is held, the older first: that a new connection belongs to it. The secret stays where it is. */
  prove(challenge: Uint8Array): Promise<readonly AdmissionProof[]>;
  /**
   * Every stream seals under this epoch from its next frame on; older epochs are dropped after the receivers' grace.
   * @throws LatchkeyError `sframe_no_key` for an epoch that was not received.
   */
  activate(epoch: EpochId): Promise<void>;
  /** Nothing is sealed until the next `activate`. */
  stop(): Promise<void>;
  /** @throws LatchkeyError `key_message_forged` where the server's key did not sign these fingerprints for us. */
  verifyTransport(transport: SignedTransport): Promise<void>;
  counts(): Promise<FrameCounts>;
  on<E extends keyof KeyAgentEvents>(event: E, listener: (data: KeyAgentEvents[E]) => void): () => void;
  /** Overwrites what keys it can and drops the rest. Idempotent. */
  close(): void;
}
