// What happened to each epoch, participant and departure, told independently of the machine: from its inputs and from what it says.

import type { DepartureCause, Lease, ReadmissionReason } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';

/** As the server may know it. */
export interface Person {
  lease: Lease;
  /** All that it ever had, waiting ones included. */
  readonly leases: Lease[];
  stage: boolean;
  readonly joinedAtMs: number;
  present: boolean;
  /** It was given an epoch's key at least once. */
  given: boolean;
  firstEpoch: number | null;
  acknowledged: number;
  confirmed: number;
  sends: boolean;
  started: boolean;
  lagging: boolean;
  laggingSinceMs: number;
  gateOpen: boolean;
  /** Asked to be admitted anew, last. */
  asked: { readonly reason: ReadmissionReason; readonly atMs: number } | null;
  /** Admitted anew, and not moved yet. */
  answered: { readonly lease: Lease; readonly atMs: number } | null;
  answeredAtMs: number;
  /** Its admission went with a custodian, or a round left it behind: it has no place until it answers. */
  displaced: boolean;
  /** The epoch that moved it to its lease; −1 for the first. */
  movedIn: number;
  /** It shares its first epoch: its own deadline. */
  acknowledgesByMs: number;
}

export const newPerson = (lease: Lease, stage: boolean, joinedAtMs: number): Person => ({
  lease,
  leases: [lease],
  stage,
  joinedAtMs,
  present: true,
  given: false,
  firstEpoch: null,
  acknowledged: -1,
  confirmed: -1,
  sends: false,
  started: false,
  lagging: false,
  laggingSinceMs: Infinity,
  gateOpen: false,
  asked: null,
  answered: null,
  answeredAtMs: -Infinity,
  displaced: false,
  movedIn: -1,
  acknowledgesByMs: -Infinity,
});

/** `earliestMs` where an eviction counts whose exposure was over already, since nobody was there. */
interface Deadline {
  earliestMs: number;
  latestMs: number;
}

export interface EpochLog {
  readonly epoch: number;
  readonly fingerprint: Uint8Array;
  readonly askedAtMs: number;
  readonly evicts: boolean;
  readonly evictsNow: boolean;
  readonly ackBy: Deadline;
  readonly awaited: Map<Person, 'sender' | 'other'>;
  activeAtMs: number | null;
  confirmBy: Deadline;
  settled: boolean;
  retired: boolean;
}

export interface DepartureLog {
  readonly person: Person;
  readonly lease: Lease;
  readonly cause: DepartureCause;
  readonly cutAtMs: number;
  /** The mint that was asked for after it is in flight. */
  asked: boolean;
  /** The epoch of that mint. */
  cutEpoch: number | null;
  exposed: boolean;
  /** Everybody had left: nothing to rekey for until somebody joins. */
  emptied: boolean;
}

/** Straight from the sentence: every sender and 98 % of the others, of those who are here and do not lag. */
export const quorumMet = ({ awaited, epoch }: EpochLog): boolean => {
  let others = 0;
  let acknowledged = 0;
  for (const [person, as] of awaited) {
    const has = person.acknowledged >= epoch;
    if (as === 'sender' && !has) return false;
    if (as === 'other') others++;
    if (as === 'other' && has) acknowledged++;
  }
  return acknowledged * 100 >= others * Math.round(limits.ackQuorum * 100);
};

/** Everybody is being admitted anew. */
export interface RoundLog {
  readonly reason: Exclude<ReadmissionReason, 'lagging'>;
  readonly members: Set<Person>;
  readonly sinceMs: number;
  readonly askedAtMs: Map<Person, number>;
  /** Everybody has left since. */
  over: boolean;
}

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
  intervals: 0,
  demands: 0,
  shares: 0,
  moves: 0,
  readmissions: 0,
  renewals: 0,
  compromises: 0,
  restarts: 0,
  leftBehind: 0,
  custodiansLost: 0,
  drops: 0,
  socketsResumed: 0,
  resumesRefused: 0,
  windowsExpired: 0,
  looksAtCustodian: 0,
  healed: 0,
  framesSealed: 0,
  framesOpened: 0,
  framesLost: 0,
  framesUnsealed: 0,
});

export type Counts = ReturnType<typeof newCounts>;

export const addCounts = (total: Counts, more: Counts): void => {
  for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += more[name];
};
