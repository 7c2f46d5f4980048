// What every meeting is given by the process around it.

import type { Logger } from 'pino';
import type { Custodian } from '../custodian/custodian.ts';
import type { RoomLimits } from '../media/room.ts';
import type { TapLimit } from '../media/tapLimit.ts';
import type { MediaWorkers } from '../media/workers.ts';
import type {
  DepartureCause,
  JoinPolicy,
  MeetingKind,
  ReadmissionReason,
  Trigger,
} from '../protocol/names.ts';
import type { Door } from '../protocol/signaling.ts';
import type { Timers } from '../protocol/timers.ts';
import type { Told } from './happenings.ts';
import type { LedgerStore } from './ledgerStore.ts';

export interface MeetingDescription {
  readonly id: string;
  readonly kind: MeetingKind;
  readonly name?: string | undefined;
  readonly joinPolicy: JoinPolicy;
  /** The server's, with what this meeting has of its own. */
  readonly timers: Timers;
  readonly limits: MeetingLimits;
  /** How the door stands at first. */
  readonly door: Door;
}

export interface MeetingLimits {
  /** Present at a time. */
  readonly participants: number;
  /** Sending at a time. */
  readonly stage: number;
}

/** What its owner may choose of a meeting: how it is keyed (times in milliseconds), how many it takes, who waits before its door. */
export interface MeetingSettings extends MeetingLimits {
  readonly joinPolicy: JoinPolicy;
  readonly freshForMs: number;
  readonly intervalMs: number;
  readonly renewalIntervalMs: number;
  /** Whoever is no host waits until one lets it in. */
  readonly lobby: boolean;
  /** Viewers wait until the meeting goes live. */
  readonly backstage: boolean;
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
  /** A participant's worker died, and it was told to open media again on another. */
  mediaMoved(): void;
  /** A socket that did not keep up with what everybody is told was told all of it anew. */
  resynchronised(): void;
  /** So many notices of who is here. */
  rosterNotices(sent: number): void;
  /** From the handing of a key message to a participant to its acknowledgement, in milliseconds. */
  acknowledged(ms: number): void;
  /** From the answer to `join` until its first transport is connected, or its first epoch in use, in milliseconds. */
  joinStage(stage: 'transport' | 'activation', ms: number): void;
}

export interface MeetingContext {
  /** The custodian of now: a lost one is replaced. */
  readonly custodian: () => Custodian;
  /** Counts the custodians: what one admitted the next knows nothing of. */
  readonly custodianNumber: () => number;
  readonly ledgers: LedgerStore;
  readonly workers: MediaWorkers;
  readonly tapLimit: TapLimit;
  readonly mediaLimits: RoomLimits;
  readonly log: Logger;
  readonly events: MeetingEvents;
  /** What followers of this meeting are told. */
  readonly tell: (meeting: string, told: Told) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}
