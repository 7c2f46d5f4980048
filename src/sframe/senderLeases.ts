// Which lease one participant's frames carry, by epoch: it changes when the participant is admitted anew, from one epoch on. Senders of
// all epochs before it, and frames in flight, still carry the lease before.

import { LatchkeyError } from '../protocol/errors.ts';
import type { EpochId, Lease } from '../protocol/names.ts';

const beforeAll = -1;

interface LeaseSpan {
  /** Up to where the next span begins; before all epochs for the first, so that a guess at epoch 0 leaves it to be gone back to. */
  readonly from: number;
  readonly lease: Lease;
}

export class SenderLeases {
  readonly first: Lease;
  /** In rising order of epochs; the first begins with epoch 0, or with the first that is kept. */
  #spans: readonly LeaseSpan[];

  constructor(first: Lease) {
    this.first = first;
    this.#spans = [{ from: beforeAll, lease: first }];
  }

  get newest(): Lease {
    return this.at(Number.POSITIVE_INFINITY);
  }

  at(epoch: number): Lease {
    const span = this.#spans.findLast(({ from }) => from <= epoch) ?? this.#spans[0];
    if (span === undefined) throw new LatchkeyError('internal', 'a participant without a lease');
    return span.lease;
  }

  /** In whichever epoch. */
  has(lease: Lease): boolean {
    return this.#spans.some((span) => span.lease === lease);
  }

  /**
   * From this epoch on the frames carry this lease: said again with another epoch, the last word counts. An older lease that was to begin
   * later gives way, since nobody goes back to one; a newer one stays, since what comes late or is repeated says nothing of it.
   */
  change(lease: Lease, from: EpochId): void {
    const others = this.#spans.filter((span) => span.lease !== lease);
    const before = others.filter((span) => span.from < from);
    const after = others.filter((span) => span.from > from && span.lease > lease);
    this.#spans = [...before, { from: before.length === 0 ? beforeAll : from, lease }, ...after];
  }

  /** Epochs up to this one are over: answers the leases that only they had, which are forgotten. */
  forget(through: number): readonly Lease[] {
    const first = Math.max(
      0,
      this.#spans.findLastIndex(({ from }) => from <= through + 1),
    );
    const gone = this.#spans.slice(0, first).map(({ lease }) => lease);
    this.#spans = this.#spans.slice(first);
    return gone;
  }
}
