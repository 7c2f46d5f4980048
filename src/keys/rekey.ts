// The rekey machine of one meeting: who is waited for, when an epoch is minted, activated and retired, who is paused.

import type { EpochId } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { RekeyInput, RekeyOutput, RekeyPhase } from './rekeyEvents.ts';

export type { Exposure, RekeyInput, RekeyOutput, RekeyPhase } from './rekeyEvents.ts';

/** The shape that `RekeyMachine` (next commit) has: `new RekeyMachine(timers)`. */
export interface Rekeying {
  readonly phase: RekeyPhase;
  readonly again: boolean;
  readonly activeEpoch: EpochId | null;
  /** Deterministic in its inputs and times. What it returns is to be done in order. */
  step(input: RekeyInput, nowMs: number): RekeyOutput[];
  /** When the next `tick` is due, or null while nothing waits for time. */
  nextDeadline(): number | null;
}

export type MakeRekeying = (timers: Timers) => Rekeying;
