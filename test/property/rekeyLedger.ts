// What happened to each epoch, participant and departure, told independently of the machine: from its inputs and from what it says.

import type { DepartureCause } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';

/** As the server may know it. */
export interface Person {
  readonly lease: number;
  readonly stage: boolean;
  readonly joinedAtMs: number;
  present: boolean;
  firstEpoch: number | null;
  acknowledged: number;
  confirmed: number;
  sends: boolean;
  started: boolean;
  lagging: boolean;
  gateOpen: boolean;
}

/** `earliestMs` where an eviction counts whose exposure was over already, since nobody was there. */
interface Deadline {
  earliestMs: number;
  latestMs: number;
}

export interface EpochLog {
  readonly epoch: number;
  readonly evicts: boolean;
  readonly evictsNow: boolean;
  readonly ackBy: Deadline;
  readonly awaited: Map<number, 'sender' | 'other'>;
  activeAtMs: number | null;
  confirmBy: Deadline;
  retired: boolean;
}

export interface DepartureLog {
  readonly lease: number;
  readonly stage: boolean;
  readonly cause: DepartureCause;
  readonly cutAtMs: number;
  /** The first epoch that it cannot derive. */
  cutEpoch: number | null;
  exposed: boolean;
  /** Everybody had left: nothing to rekey for until somebody joins. */
  emptied: boolean;
}

/** Straight from the sentence: every sender and 98 % of the others, of those who are here and do not lag. */
export const quorumMet = ({ awaited, epoch }: EpochLog, people: ReadonlyMap<number, Person>): boolean => {
  let others = 0;
  let acknowledged = 0;
  for (const [lease, as] of awaited) {
    const has = (people.get(lease)?.acknowledged ?? -1) >= epoch;
    if (as === 'sender' && !has) return false;
    if (as === 'other') others++;
    if (as === 'other' && has) acknowledged++;
  }
  return acknowledged * 100 >= others * Math.round(limits.ackQuorum * 100);
};

/** How often each thing happened, to show that histories reach it. */
export const newCounts = () => ({
  epochs: 0,
  byQuorum: 0,
  byDeadline: 0,
  again: 0,
  lagging: 0,
  caughtUp: 0,
  pauses: 0,
  resumes: 0,
  mismatches: 0,
  exposures: 0,
  withdrawals: 0,
  failures: 0,
  stalls: 0,
  retiredEarly: 0,
  emptied: 0,
  framesSent: 0,
  framesOpened: 0,
  framesLost: 0,
});

export type Counts = ReturnType<typeof newCounts>;
