// What the rekey machine is told and what it tells: plain data, so that a meeting's loop, the ledger and the tests read the same.

import type { DepartureCause, EpochId, Lease, Trigger } from '../protocol/names.ts';

export type RekeyInput =
  /** Admitted; waits for its first epoch. `stage`: its role may produce. */
  | { readonly kind: 'join'; readonly lease: Lease; readonly stage: boolean }
  /** Its transports are cut already. A lease that is not (or no longer) here is ignored: the first cause counts. */
  | { readonly kind: 'depart'; readonly lease: Lease; readonly cause: DepartureCause }
  /** The custodian answered the one `mint` in flight, and its messages were handed to every socket. 16 bytes of fingerprint. */
  | { readonly kind: 'minted'; readonly epoch: EpochId; readonly fingerprint: Uint8Array }
  /** It refused or is gone: nothing of this mint was handed out. Ignored when no mint is in flight. */
  | { readonly kind: 'mintFailed' }
  /** The lease holds the epoch's key where frames are sealed and opened. */
  | {
      readonly kind: 'acknowledged';
      readonly lease: Lease;
      readonly epoch: EpochId;
      readonly fingerprint: Uint8Array;
    }
  /** All that the lease sends is now sealed under the epoch. */
  | { readonly kind: 'confirmed'; readonly lease: Lease; readonly epoch: EpochId }
  /** The lease made a producer while it had none, or closed its last. */
  | { readonly kind: 'sends'; readonly lease: Lease; readonly sends: boolean }
  /** Time passed: call it at `nextDeadline`. */
  | { readonly kind: 'tick' }
  /** The meeting ended. Everything after it is ignored. */
  | { readonly kind: 'end' };

export interface Exposure {
  readonly lease: Lease;
  readonly cause: DepartureCause;
  /** From the cut until the last unpaused sender confirmed an epoch that the departed cannot derive. */
  readonly exposureMs: number;
}

export type RekeyOutput =
  /** Ask the custodian for one rekey; answer with `minted` or `mintFailed`. */
  | {
      readonly kind: 'mint';
      readonly joins: readonly Lease[];
      readonly departures: readonly Lease[];
      readonly trigger: Trigger;
    }
  /** Admitted but gone before any mint named it: the custodian may forget its admission key. */
  | { readonly kind: 'withdrawn'; readonly lease: Lease }
  /** No answer within `custodianAnswerMs`, and again each time that it passes: end the custodian, then say `mintFailed`. */
  | { readonly kind: 'custodianStalled'; readonly waitedMs: number }
  /** Tell everybody: senders use this epoch from now on. */
  | {
      readonly kind: 'activate';
      readonly epoch: EpochId;
      readonly fingerprint: Uint8Array;
      readonly trigger: Trigger;
      /** What was met. `deadline`: those who missed it were named by `lagging` just before. */
      readonly by: 'quorum' | 'deadline';
      /** From `mint` to here. */
      readonly tookMs: number;
    }
  /** Its first epoch is active and it acknowledged: resume its consumers. Its producers wait for `resume`. */
  | { readonly kind: 'start'; readonly lease: Lease }
  /**
   * Shut the gate before the lease's producers, here on the server, those it will make included; it is shut when a lease joins.
   * `unconfirmed`: it did not confirm an active epoch in time. `idle`: it has no producers; the next one waits for `resume` again.
   */
  | {
      readonly kind: 'pause';
      readonly lease: Lease;
      readonly epoch: EpochId;
      readonly why: 'unconfirmed' | 'idle';
    }
  /** Open the gate: it sends, and has confirmed the active epoch. */
  | { readonly kind: 'resume'; readonly lease: Lease; readonly epoch: EpochId }
  /** It missed the epoch's deadline and is not waited for until it acknowledges the active epoch. */
  | { readonly kind: 'lagging'; readonly lease: Lease; readonly epoch: EpochId }
  | { readonly kind: 'caughtUp'; readonly lease: Lease; readonly epoch: EpochId }
  /** It was told another story, or tells one: the acknowledgement counts for nothing. */
  | { readonly kind: 'mismatch'; readonly lease: Lease; readonly epoch: EpochId }
  | { readonly kind: 'exposed'; readonly departures: readonly Exposure[] }
  /** Nobody opens frames of this epoch any more. */
  | { readonly kind: 'retire'; readonly epoch: EpochId };

/** `again`: somebody joined or left since the mint in flight was asked for; another follows. */
export type RekeyPhase = 'steady' | 'gathering' | 'minting' | 'distributing';
