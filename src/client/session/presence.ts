// Who is there, as the server tells it and as a resume finds it: from notices and answers to the roster, the leases of its people, and the
// events of what changed.

import { lease as toLease } from '../../protocol/names.ts';
import type { DepartureCause, EpochId } from '../../protocol/names.ts';
import type { Answer, NoticeData, Participant, Producer } from '../../protocol/signaling.ts';
import type { Emitter } from './emitter.ts';
import type { LeaseChange } from './keyAgent.ts';
import type { OwnMedia } from './ownMedia.ts';
import { Roster } from './roster.ts';
import type { SessionEvents } from './session.ts';

export interface PresenceEnds {
  readonly selfId: string;
  readonly events: Emitter<SessionEvents>;
  readonly own: OwnMedia;
  /** The first of which no key has come yet. */
  readonly nextEpoch: () => EpochId;
  /** In the order of the key messages. */
  readonly onLeases: (changes: readonly LeaseChange[]) => void;
}

export class Presence {
  /** The others. */
  readonly roster: Roster;
  readonly #ends: PresenceEnds;

  constructor(
    { participants, producers }: Pick<Answer<'join'>, 'participants' | 'producers'>,
    ends: PresenceEnds,
  ) {
    this.#ends = ends;
    this.roster = new Roster(this.#others(participants), this.#others(producers));
  }

  joined(participant: Participant): void {
    if (participant.participantId === this.#ends.selfId) return;
    if (this.roster.join(participant)) this.#ends.events.emit('participantJoined', participant);
  }

  left({ participantId, cause }: NoticeData<'participantLeft'>): void {
    const left = this.roster.leave(participantId);
    if (left !== null) this.#gone(left, cause);
  }

  producerAdded(producer: Producer): void {
    this.#noteLease(producer.participantId, producer.lease);
    if (this.roster.add(producer)) this.#ends.events.emit('producerAdded', producer);
  }

  producerChanged(change: NoticeData<'producerChanged'>): void {
    const producer = this.roster.change(change);
    if (producer !== null) this.#ends.events.emit('producerChanged', producer);
  }

  producerRemoved(producerId: string): void {
    const producer = this.roster.remove(producerId);
    if (producer !== null) this.#removed(producer);
  }

  leases(epoch: EpochId, leases: NoticeData<'leases'>['leases']): void {
    for (const { participantId, lease } of this.#others(leases)) this.#noteLease(participantId, lease, epoch);
  }

  /** What happened while nothing was heard. How those left who are not here any more, nobody told. */
  resumed({ participants, producers, gone }: Answer<'resume'>): void {
    const { events, own } = this.#ends;
    const theirs = this.#others(producers);
    const { joined, left, removed, added, changed } = this.roster.become(this.#others(participants), theirs);
    for (const { participantId, lease } of theirs) this.#noteLease(participantId, lease);
    for (const one of left) this.#gone(one, 'left');
    for (const producer of removed) this.#removed(producer);
    for (const participant of joined) events.emit('participantJoined', participant);
    for (const producer of changed) events.emit('producerChanged', producer);
    for (const producer of added) events.emit('producerAdded', producer);
    const lost = own.remove(gone);
    if (lost.producers.length + lost.consumers.length > 0) events.emit('gone', lost);
  }

  #others<T extends { readonly participantId: string }>(all: readonly T[]): T[] {
    return all.filter(({ participantId }) => participantId !== this.#ends.selfId);
  }

  #gone(
    { participant, producers }: { participant: Participant; producers: readonly Producer[] },
    cause: DepartureCause,
  ): void {
    for (const producer of producers) this.#removed(producer);
    this.#ends.events.emit('participantLeft', { participant, cause });
  }

  #removed(producer: Producer): void {
    this.#ends.own.producerRemoved(producer.producerId);
    this.#ends.events.emit('producerRemoved', producer);
  }

  /**
   * From this epoch on a participant's frames carry this lease. A producer with a lease of which no notice came, since it was sent while
   * nothing was heard, names no epoch: it is one whose key has not come yet either. The notice before that key, repeated, corrects it; before
   * that come those of the leases between the two, if there were any.
   */
  #noteLease(participantId: string, lease: number, from?: EpochId): void {
    const before = this.roster.leaseOf(participantId);
    this.roster.note(participantId, lease);
    if (before === null || (lease <= before && from === undefined)) return;
    const epoch = from ?? this.#ends.nextEpoch();
    this.#ends.onLeases([{ from: before, to: toLease(lease), epoch }]);
  }
}
