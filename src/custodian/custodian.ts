// The narrow interface to whoever holds the keys. The control process sees through it epoch numbers, fingerprints, public keys
// and sealed bytes; no answer ever carries a session key, a tree key or the signing key.

import type { EpochId, JoinPolicy, Lease, Role, Trigger } from '../protocol/names.ts';

/** Where an incarnation goes on whose custodian was lost: what the control process knows of it. None of it is secret. */
export interface Continuation {
  readonly incarnation: Uint8Array;
  /** The highest that was ever given; leases go on above it. */
  readonly lastLease: number;
  /** The first epoch that nobody was ever given. */
  readonly nextEpoch: number;
  /** Of the newest epoch that anybody was given, 32 bytes; zeros where there was none. */
  readonly chain: Uint8Array;
}

export interface OpenRequest {
  readonly meeting: string;
  readonly joinPolicy: JoinPolicy;
  /** How long after its mint an epoch may be shared with those who join, where the policy is `first`; in milliseconds. */
  readonly freshForMs: number;
  readonly continues?: Continuation | undefined;
}

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
  /** Joined. May be empty, joins too: interval and operator rekey for nobody's coming or going. */
  readonly departures: readonly Lease[];
  /** SHA-256 of the ledger's last line, 32 bytes: the epoch is bound to it. */
  readonly ledger: Uint8Array;
  /**
   * Welcomes the joins to the newest epoch instead of minting one, if the join policy and the time since its mint allow that and no
   * key has to change for those who are there; else mints as ever. Refused with departures.
   */
  readonly share: boolean;
}

export interface RekeyAnswer {
  /** False: the joins share this epoch, which was minted before; `rekey` is null then. */
  readonly minted: boolean;
  readonly epoch: EpochId;
  readonly trigger: Trigger;
  /** Of the epoch, 16 bytes. */
  readonly fingerprint: Uint8Array;
  /** Of the epoch, 32 bytes: `chainInput`. */
  readonly chain: Uint8Array;
  /** SHA-256 of the rekey's body, 32 bytes; zeros where there is none. */
  readonly digest: Uint8Array;
  /** Ed25519 over `epochSignatureInput`, 64 bytes. */
  readonly signature: Uint8Array;
  /** When the session key was drawn and when it was sealed and forgotten, by the custodian's clock: ms since 1970. */
  readonly mintedAt: number;
  readonly sealedAt: number;
  /** `encodeRekey`, the same bytes for everybody who was there before and still is; null where nobody was. */
  readonly rekey: Uint8Array | null;
  /** `encodeWelcome`, one for each of `joins`, in their order. */
  readonly welcomes: readonly { readonly lease: Lease; readonly message: Uint8Array }[];
}

export interface ResumeRequest {
  readonly meeting: string;
  readonly lease: Lease;
  /** 32 bytes, fresh for the connection that resumes. */
  readonly challenge: Uint8Array;
  /** KDF(resume secret, `resumeProofInput`), 32 bytes. */
  readonly proof: Uint8Array;
}

export interface CloseRequest {
  readonly meeting: string;
  /** How many lines the ledger has, and the last one's SHA-256: to be signed. */
  readonly ledger: { readonly lines: number; readonly hash: Uint8Array };
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
  /** Slots of the slab's pages, which are added as they are needed, up to `slotsTotal`. */
  readonly slotsMapped: number;
  /** Bytes of those pages that cannot be swapped out; less than 32 · slotsMapped where the limit forbade locking. */
  readonly lockedBytes: number;
  /** Random keys made. */
  readonly mints: number;
  /** AES-256-GCM seals made. */
  readonly seals: number;
}

/**
 * Every method rejects with a LatchkeyError: `custodian_lost`, `custodian_timeout`, `custodian_refused` (a law would be broken),
 * `slab_full`, `public_key_invalid`, `randomness_failed`, `meeting_not_found`, `malformed`. A rejected request changed nothing,
 * the two first excepted, after which nothing is known: treat the custodian as lost. After `randomness_failed` it never mints or admits
 * again, and a meeting whose rekey it cut short has no keys any more: end it.
 */
export interface Custodian {
  readonly pid: number;
  /** The server's Ed25519 signing key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * Makes the meeting's incarnation, 16 bytes, or goes on with one; refused while the name is open. A name that was closed begins a
   * new incarnation.
   */
  openMeeting(request: OpenRequest): Promise<{ readonly incarnation: Uint8Array }>;
  /** Gives a lease and its admission; the participant gets keys only once a rekey joins that lease. */
  admit(request: AdmitRequest): Promise<AdmitAnswer>;
  /** Mints the next epoch and seals it: departures first, then joins. */
  rekey(request: RekeyRequest): Promise<RekeyAnswer>;
  /** Wipes admissions that never joined; the epoch stands. Leases that are not waiting are ignored. */
  withdraw(request: { readonly meeting: string; readonly leases: readonly Lease[] }): Promise<void>;
  /** Whether the proof is that of the lease's resume secret. False too for a lease that is not here. */
  verifyResume(request: ResumeRequest): Promise<boolean>;
  /** Ed25519 over `transportSignatureInput`, 64 bytes. */
  signTransport(request: TransportSignatureRequest): Promise<Uint8Array>;
  /** Wipes all that the meeting has, and answers Ed25519 over `ledgerSignatureInput`, 64 bytes. */
  closeMeeting(request: CloseRequest): Promise<Uint8Array>;
  statistics(): Promise<CustodianStatistics>;
  /** Called once, if the process ends without `close` having been called; at once where it already has. */
  onLost(listener: (reason: Error) => void): void;
  /** Ends the process, which wipes its keys; pending requests fail with `custodian_lost`. Resolves when it has exited. */
  close(): Promise<void>;
}
