// What every meeting is given by the process around it.

import type { Logger } from 'pino';
import type { Custodian } from '../custodian/custodian.ts';
import type { MediaLimits } from '../media/participantMedia.ts';
import type { MediaWorkers } from '../media/workers.ts';
import type { DepartureCause, MeetingKind, Trigger } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';

export interface MeetingDescription {
  readonly id: string;
  readonly kind: MeetingKind;
  readonly name?: string | undefined;
}

/** What is measured for the operator as it happens; what can be counted at any time is in `Census`. */
export interface MeetingEvents {
  minted(trigger: Trigger): void;
  /** From mint to activation, in milliseconds. */
  activated(trigger: Trigger, ms: number): void;
  /** From the departures' cut until the last unpaused sender left what they can derive, in milliseconds. */
  exposure(ms: number): void;
  departed(cause: DepartureCause): void;
}

export interface MeetingContext {
  /** The custodian of now: a lost one is replaced. */
  readonly custodian: () => Custodian;
  readonly workers: MediaWorkers;
  readonly mediaLimits: MediaLimits;
  readonly timers: Timers;
  readonly maxParticipants: number;
  readonly log: Logger;
  readonly events: MeetingEvents;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}
