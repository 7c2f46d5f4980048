// What the rekey machine is told and what it tells: plain data, so that a meeting's loop, the ledger and the tests read the same.

import type { DepartureCause, EpochId, Lease, ReadmissionReason, Trigger } from '../protocol/names.ts';

export type RekeyInput =
  /** Admitted; waits for its first epoch. `stage`: its role may produce. */
  | { readonly kind: 'join'; readonly lease: Lease; readonly stage: boolean }
  /** Its role may produce now, or may not any more: how long its going may be gathered for. */
  | { readonly kind: 'stage'; readonly lease: Lease; readonly stage: boolean }
  /** Its transports are cut already. A lease that is not (or no longer) here is ignored: the first cause counts. */
  | { readonly kind: 'depart'; readonly lease: Lease; readonly cause: DepartureCause }
  /** The custodian answered the one `mint` in flight, and its messages were handed to every socket. 16 bytes of fingerprint. */
  | { readonly kind: 'minted'; readonly epoch: EpochId; readonly fingerprint: Uint8Array }
  /**
   * The custodian welcomed the joins of the one `mint` in flight, which allowed that, to this epoch, which was minted before. It is active:
   * tell the newcomers so, since no `activate` follows.
   */
  | { readonly kind: 'shared'; readonly epoch: EpochId }
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
  /**
   * Somebody asks for a new epoch now. `compromise`: and for everybody's being admitted anew, at once; to be told when no admission is on
   * its way that was asked for before, since whoever stole the keys may have that one too.
   */
  | { readonly kind: 'rekey'; readonly reason: 'operator' | 'compromise' }
  /** What `readmit` asked for: `newLease` waits at the custodian, `lease` stands until a mint moves the participant. Ignored for who is not here. */
  | { readonly kind: 'readmitted'; readonly lease: Lease; readonly newLease: Lease }
  /** All keys are gone, those of waiting admissions too, and a mint in flight has failed. */
  | { readonly kind: 'custodianLost' }
  /** Another one has opened the meeting again: it holds nobody. */
  | { readonly kind: 'custodianBack' }
  /** Time passed: call it at `nextDeadline`. */
  | { readonly kind: 'tick' }
  /** The meeting ended. Everything after it is ignored. */
  | { readonly kind: 'end' };

export interface Exposure {
  readonly lease: Lease;
  readonly cause: DepartureCause;
  /** From the cut until the last unpaused sender confirmed an epoch that the departed cannot derive. */
  readonly exposureMs: number;
  /** The first epoch that it cannot derive; null where none was needed, since nobody was left. */
  readonly epoch: EpochId | null;
  /** Of that epoch, when the exposure was over: members that had acknowledged it, and that had not. */
  readonly acknowledged: number;
  readonly missed: number;
  /** Senders that are paused since they have not confirmed. */
  readonly paused: number;
}

/** A participant that is admitted anew: from one lease to another in one rekey. */
export interface Move {
  readonly from: Lease;
  readonly to: Lease;
}

export type RekeyOutput =
  /** Ask the custodian for one rekey; answer with `minted` or `mintFailed`. */
  | {
      readonly kind: 'mint';
      /** Waiting at the custodian: newcomers, and the new leases of those who move. */
      readonly joins: readonly Lease[];
      /** In the custodian's tree: who departed, the old leases of those who move, and whom a renewal leaves behind. */
      readonly departures: readonly Lease[];
      readonly trigger: Trigger;
      /** The joins may be welcomed to the newest epoch instead: answer with `shared` then. */
      readonly share: boolean;
      /** From `minted` on these leases are the machine's names of these participants. */
      readonly moves: readonly Move[];
    }
  /**
   * Ask these participants to be admitted anew; answer with `readmitted` for each as it comes. Whoever goes on lagging, or was left behind and
   * does not answer, is asked again. Of two answers the last counts that no mint has named yet.
   */
  | { readonly kind: 'readmit'; readonly leases: readonly Lease[]; readonly reason: ReadmissionReason }
  /** Admitted but no mint will name it: the custodian may forget its admission key. */
  | { readonly kind: 'withdrawn'; readonly lease: Lease }
  /** No answer within `custodianAnswerMs`, and again each time that it passes: end the custodian, then say `custodianLost`. */
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
      /** Members that have acknowledged it by now, and that have not. */
      readonly acknowledged: number;
      readonly missed: number;
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
  /** The last unpaused sender confirmed this epoch; told once for each that is activated, unless the meeting ends before. */
  | { readonly kind: 'settled'; readonly epoch: EpochId }
  /** Nobody opens frames of this epoch any more. */
  | {
      readonly kind: 'retire';
      readonly epoch: EpochId;
      readonly acknowledged: number;
      readonly missed: number;
    };

/** `again`: somebody joined or left since the mint in flight was asked for; another follows. */
export type RekeyPhase = 'steady' | 'gathering' | 'minting' | 'distributing';
