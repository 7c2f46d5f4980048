// Who is there, as the server tells it and as a resume finds it: from rosters to the model of them, the leases of its people, and the events
// of what changed. A roster names this participant too: its role and its hand are taken from there. Of what it sends itself only
// the end is: a host, a change of role or a lost worker ends it without having been asked.

import { lease as toLease } from '../../protocol/names.ts';
import type { DepartureCause, EpochId } from '../../protocol/names.ts';
import type { Answer, NoticeData, Participant, Producer } from '../../protocol/signaling.ts';
import type { Emitter } from './emitter.ts';
import type { LeaseChange } from './keyAgent.ts';
import type { OwnMedia } from './ownMedia.ts';
import { differs, Roster } from './roster.ts';
import type { RosterDelta } from './roster.ts';
import type { SessionEvents } from './sessionEvents.ts';

export interface PresenceEnds {
  readonly events: Emitter<SessionEvents>;
  readonly own: OwnMedia;
  /** The first of which no key has come yet. */
  readonly nextEpoch: () => EpochId;
  /** In the order of the key messages. */
  readonly onLeases: (changes: readonly LeaseChange[]) => void;
}

type Joined = Pick<Answer<'join'>, 'participantId' | 'name' | 'role' | 'participants' | 'producers'>;

export class Presence {
  /** The others. */
  readonly roster: Roster;
  readonly #ends: PresenceEnds;
  #self: Participant;
  /** Those of its own producers that a roster has named: the first comes later than the answer to `produce`. */
  readonly #ownNamed = new Set<string>();

  constructor({ participantId, name, role, participants, producers }: Joined, ends: PresenceEnds) {
    this.#ends = ends;
    this.#self = { participantId, name, role, hand: null };
    this.#self = participants.find((one) => this.#isSelf(one)) ?? this.#self;
    this.roster = new Roster(this.#others(participants), this.#others(producers));
  }

  get self(): Participant {
    return this.#self;
  }

  /** What changed since the last, or all there is. */
  told(delta: RosterDelta): void {
    this.#take(delta);
    const ended = this.#endedOwn(delta);
    for (const producerId of ended) this.#ownNamed.delete(producerId);
    // What went with a worker is none of its own any more: `mediaLost` came before.
    if (ended.length > 0) this.#lost(this.#ends.own.remove({ producers: ended, consumers: [] }));
    for (const { producerId } of delta.producers.filter((one) => this.#isSelf(one)))
      this.#ownNamed.add(producerId);
  }

  leases(epoch: EpochId, leases: NoticeData<'leases'>['leases']): void {
    for (const { participantId, lease } of this.#others(leases)) this.#noteLease(participantId, lease, epoch);
  }

  /** What happened while nothing was heard. */
  resumed({ participants, producers, gone }: Answer<'resume'>): void {
    this.#take({ full: true, participants, producers, left: [], removed: [] });
    this.#lost(this.#ends.own.remove(gone));
  }

  #take(delta: RosterDelta): void {
    const { events } = this.#ends;
    const theirs = this.#others(delta.producers);
    for (const { participantId, lease } of theirs) this.#noteLease(participantId, lease);
    const { left, removed, joined, altered, changed, added } = this.roster.apply({
      ...delta,
      participants: this.#others(delta.participants),
      left: this.#others(delta.left),
      producers: theirs,
    });
    for (const { participant, producers, cause } of left) this.#gone(participant, producers, cause);
    for (const producer of removed) this.#removed(producer);
    for (const participant of joined) events.emit('participantJoined', participant);
    for (const participant of altered) events.emit('participantChanged', participant);
    for (const own of delta.participants.filter((one) => this.#isSelf(one))) this.#changed(own);
    for (const producer of changed) events.emit('producerChanged', producer);
    for (const producer of added) events.emit('producerAdded', producer);
  }

  #changed(self: Participant): void {
    const before = this.#self;
    if (!differs(before, self)) return;
    this.#self = self;
    this.#ends.events.emit('participantChanged', self);
    if (before.role !== self.role) this.#ends.events.emit('role', { role: self.role });
  }

  #endedOwn({ full, removed, producers }: RosterDelta): string[] {
    if (!full) return removed.map(({ producerId }) => producerId);
    const named = new Set(producers.map(({ producerId }) => producerId));
    return [...this.#ownNamed].filter((producerId) => !named.has(producerId));
  }

  #lost(lost: ReturnType<OwnMedia['remove']>): void {
    if (lost.producers.length + lost.consumers.length > 0) this.#ends.events.emit('gone', lost);
  }

  #isSelf({ participantId }: { readonly participantId: string }): boolean {
    return participantId === this.#self.participantId;
  }

  #others<T extends { readonly participantId: string }>(all: readonly T[]): T[] {
    return all.filter((one) => !this.#isSelf(one));
  }

  #gone(participant: Participant, producers: readonly Producer[], cause: DepartureCause): void {
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
