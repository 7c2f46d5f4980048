// One participant as the rekey machine sees it, and the count of those whom the rekey in flight waits for.

import type { EpochId, Lease } from '../protocol/names.ts';
import { limits } from '../protocol/timers.ts';

export interface RekeyMember {
  /** Changes when it is admitted anew, with the mint that moves it. */
  lease: Lease;
  /** Its role may produce. */
  stage: boolean;
  /** Its leaf is in the custodian's tree: the next rekey is sealed to it. */
  inTree: boolean;
  /** It was given an epoch's key at least once: its going takes a rekey. */
  given: boolean;
  /** Admitted anew: waits at the custodian to take the place of `lease`, and no mint has named it. */
  next: Lease | null;
  /** It has producers. */
  sends: boolean;
  /** It has producers and the server lets them run. Then its `confirmed` is the active epoch, or the grace is not over. */
  running: boolean;
  started: boolean;
  lagging: boolean;
  /** Of those that it can acknowledge; null until a mint that names it was answered, and again when a renewal left it behind. */
  firstEpoch: EpochId | null;
  /** It shares its first epoch, which was minted for others: until then it is not late. */
  acknowledgesByMs: number;
  /** The highest epoch; −1 before the first. */
  acknowledged: number;
  confirmed: number;
  /** The epoch that moved it to its lease, under which its frames carry that; −1 for the lease that it came with. */
  movedIn: number;
  /** As whom the rekey in flight waits, or waited, for it. */
  awaitedAs: 'sender' | 'other' | null;
}

export const newMember = (lease: Lease, stage: boolean): RekeyMember => ({
  lease,
  stage,
  inTree: false,
  given: false,
  next: null,
  sends: false,
  running: false,
  started: false,
  lagging: false,
  firstEpoch: null,
  acknowledgesByMs: -Infinity,
  acknowledged: -1,
  confirmed: -1,
  movedIn: -1,
  awaitedAs: null,
});

/**
 * Every sender and `ackQuorum` of the others. The members are those of the mint and only get fewer, so that whoever comes later
 * cannot hold a rekey up; counted, so that one acknowledgement among thousands costs the same as one among three.
 */
export class Quorum {
  readonly #epoch: EpochId;
  #sendersMissing = 0;
  #others = 0;
  #othersMissing = 0;

  constructor(epoch: EpochId) {
    this.#epoch = epoch;
  }

  get met(): boolean {
    const needed = Math.ceil(limits.ackQuorum * this.#others);
    return this.#sendersMissing === 0 && this.#others - this.#othersMissing >= needed;
  }

  /** A newcomer, which cannot be sending yet, is one of the others; so is whoever has not started. */
  await(member: RekeyMember): void {
    member.awaitedAs = member.sends && member.started ? 'sender' : 'other';
    this.#count(member, 1);
  }

  /** Call it before `acknowledged` is raised to this epoch or beyond, once. */
  acknowledge(member: RekeyMember): void {
    if (member.awaitedAs === 'sender') this.#sendersMissing--;
    if (member.awaitedAs === 'other') this.#othersMissing--;
  }

  /** It departed or lags. */
  release(member: RekeyMember): void {
    this.#count(member, -1);
    member.awaitedAs = null;
  }

  /** It has no producers any more. */
  stopSending(member: RekeyMember): void {
    if (member.awaitedAs !== 'sender') return;
    this.#count(member, -1);
    member.awaitedAs = 'other';
    this.#count(member, 1);
  }

  #count(member: RekeyMember, by: 1 | -1): void {
    const missing = member.acknowledged < this.#epoch ? by : 0;
    if (member.awaitedAs === 'sender') this.#sendersMissing += missing;
    if (member.awaitedAs === 'other') {
      this.#others += by;
      this.#othersMissing += missing;
    }
  }
}
