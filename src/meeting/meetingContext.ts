// What every meeting is given by the process around it.

import type { Logger } from 'pino';
import type { Custodian } from '../custodian/custodian.ts';
import type { MediaLimits } from '../media/participantMedia.ts';
import type { TapLimit } from '../media/tapLimit.ts';
import type { MediaWorkers } from '../media/workers.ts';
import type {
  DepartureCause,
  JoinPolicy,
  MeetingKind,
  ReadmissionReason,
  Trigger,
} from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { LedgerStore } from './ledgerStore.ts';

export interface MeetingDescription {
  readonly id: string;
  readonly kind: MeetingKind;
  readonly name?: string | undefined;
  readonly joinPolicy: JoinPolicy;
  /** The server's, with what this meeting has of its own. */
  readonly timers: Timers;
}

/** How a meeting is keyed, as its owner may choose; times in milliseconds. */
export interface MeetingSettings {
  readonly joinPolicy: JoinPolicy;
  readonly freshForMs: number;
  readonly intervalMs: number;
  readonly renewalIntervalMs: number;
}

/** What is measured for the operator as it happens; what can be counted at any time is in `Census`. */
export interface MeetingEvents {
  minted(trigger: Trigger): void;
  /** From mint to activation, in milliseconds. */
  activated(trigger: Trigger, ms: number): void;
  /** From the departures' cut until the last unpaused sender left what they can derive, in milliseconds. */
  exposure(ms: number): void;
  departed(cause: DepartureCause): void;
  /** From the loss of the custodian until the meeting had an epoch of the next one in use, in milliseconds. */
  recovered(ms: number): void;
  /** A lost connection that came back, or did not. */
  resumed(result: 'ok' | 'refused' | 'expired'): void;
  /** Participants admitted anew, by why. */
  readmitted(reason: ReadmissionReason): void;
  /** Frames whose headers were looked at since the last time, and those of them out of order. */
  inspected(frames: number, outOfOrder: number): void;
  /** What was wrong with what a participant sent. */
  senderRefused(kind: string): void;
}

export interface MeetingContext {
  /** The custodian of now: a lost one is replaced. */
  readonly custodian: () => Custodian;
  /** Counts the custodians: what one admitted the next knows nothing of. */
  readonly custodianNumber: () => number;
  readonly ledgers: LedgerStore;
  readonly workers: MediaWorkers;
  readonly tapLimit: TapLimit;
  readonly mediaLimits: MediaLimits;
  readonly maxParticipants: number;
  readonly log: Logger;
  readonly events: MeetingEvents;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}
