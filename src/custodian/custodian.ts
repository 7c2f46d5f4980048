// The narrow interface to whoever holds the keys. The control process sees through it epoch numbers, fingerprints, public keys
// and sealed bytes; no answer ever carries a session key, a tree key or the signing key.

import type { EpochId, Lease, Role, Trigger } from '../protocol/names.ts';

export interface AdmitRequest {
  readonly meeting: string;
  readonly participant: string;
  readonly role: Role;
  readonly tokenId: string;
  /** The participant's ephemeral X25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface AdmitAnswer {
  /** `encodeAdmission`, signed: to be carried to the participant as it is. */
  readonly admission: Uint8Array;
  readonly lease: Lease;
}

export interface RekeyRequest {
  readonly meeting: string;
  readonly trigger: Trigger;
  /** Admitted, not yet joined. To admit somebody anew, its new lease stands here and its old one among the departures. */
  readonly joins: readonly Lease[];
  /** Joined, or admitted and not yet joined: the latter are only wiped. */
  readonly departures: readonly Lease[];
}

export interface RekeyAnswer {
  readonly epoch: EpochId;
  /** Of the epoch's session key, 16 bytes. */
  readonly fingerprint: Uint8Array;
  /** `encodeRekey`, the same bytes for everybody who was there before and still is; null where nobody was. */
  readonly rekey: Uint8Array | null;
  /** `encodeWelcome`, one for each of `joins`, in their order. */
  readonly welcomes: readonly { readonly lease: Lease; readonly message: Uint8Array }[];
}

export interface TransportSignatureRequest {
  readonly meeting: string;
  readonly participant: string;
  readonly transport: string;
  readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
}

/** Counts since the process started, and what is held now. */
export interface CustodianStatistics {
  readonly meetings: number;
  /** Participants joined, in all meetings. */
  readonly leaves: number;
  /** Admitted and not yet joined, in all meetings. */
  readonly waiting: number;
  readonly slotsUsed: number;
  readonly slotsTotal: number;
  /** Bytes of key memory that cannot be swapped out; less than 32 · slotsTotal where the limit forbade locking. */
  readonly lockedBytes: number;
  /** Random keys made. */
  readonly mints: number;
  /** AES-256-GCM seals made. */
  readonly seals: number;
}

/**
 * Every method rejects with a LatchkeyError: `custodian_lost`, `custodian_timeout`, `custodian_refused` (a law would be broken),
 * `slab_full`, `public_key_invalid`, `meeting_not_found`, `malformed`. A rejected request changed nothing, the two first excepted, after which
 * nothing is known: treat the custodian as lost.
 */
export interface Custodian {
  readonly pid: number;
  /** The server's Ed25519 signing key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Makes the meeting's incarnation, 16 bytes; refused while the name is open. A name that was closed begins a new incarnation. */
  openMeeting(request: { readonly meeting: string }): Promise<{ readonly incarnation: Uint8Array }>;
  /** Gives a lease and its admission; the participant gets keys only once a rekey joins that lease. */
  admit(request: AdmitRequest): Promise<AdmitAnswer>;
  /**
   * Mints the next epoch and seals it: departures first, then joins. Null where there was nothing to rekey for, because all that
   * departed had never joined: they are wiped and the epoch stands.
   */
  rekey(request: RekeyRequest): Promise<RekeyAnswer | null>;
  /** Ed25519 over `transportSignatureInput`, 64 bytes. */
  signTransport(request: TransportSignatureRequest): Promise<Uint8Array>;
  /** Wipes all that the meeting has. */
  closeMeeting(request: { readonly meeting: string }): Promise<void>;
  statistics(): Promise<CustodianStatistics>;
  /** Called once, if the process ends without `close` having been called; at once where it already has. */
  onLost(listener: (reason: Error) => void): void;
  /** Ends the process, which wipes its keys; pending requests fail with `custodian_lost`. Resolves when it has exited. */
  close(): Promise<void>;
}
