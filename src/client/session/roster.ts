// Who is in the meeting and what they send, as the server tells it. A model without behaviour: it takes notices and answers what
// changed. Repeated and late entries change nothing.
//
// A participant's lease is that of its frames. It changes when the participant is admitted anew, from one epoch on; leases only rise.

import { lease as toLease } from '../../protocol/names.ts';
import type { DepartureCause, Lease } from '../../protocol/names.ts';
import type { NoticeData, Participant, Producer } from '../../protocol/signaling.ts';

export type RosterDelta = NoticeData<'roster'>;

/** What is different: who left is gone before who came, and what was removed before what was added. */
export interface RosterChange {
  readonly left: readonly (Departed & { readonly cause: DepartureCause })[];
  readonly removed: readonly Producer[];
  readonly joined: readonly Participant[];
  /** Another role, or another hand. */
  readonly altered: readonly Participant[];
  readonly changed: readonly Producer[];
  readonly added: readonly Producer[];
}

interface Departed {
  readonly participant: Participant;
  /** What it sent, which went with it. */
  readonly producers: readonly Producer[];
}

/** Of the same participant. */
export const differs = (a: Participant, b: Participant): boolean => a.role !== b.role || a.hand !== b.hand;

export class Roster {
  readonly #participants = new Map<string, Participant>();
  readonly #producers = new Map<string, Producer>();
  /** By participant, all that is known, rising. */
  readonly #leases = new Map<string, Lease[]>();

  constructor(participants: readonly Participant[], producers: readonly Producer[]) {
    for (const participant of participants) this.#participants.set(participant.participantId, participant);
    for (const producer of producers) {
      this.#producers.set(producer.producerId, producer);
      this.note(producer.participantId, producer.lease);
    }
  }

  get participants(): readonly Participant[] {
    return [...this.#participants.values()];
  }

  get producers(): readonly Producer[] {
    return [...this.#producers.values()];
  }

  participant(participantId: string): Participant | undefined {
    return this.#participants.get(participantId);
  }

  producer(producerId: string): Producer | undefined {
    return this.#producers.get(producerId);
  }

  producersOf(participantId: string): readonly Producer[] {
    return this.producers.filter((producer) => producer.participantId === participantId);
  }

  /** Whether frames of this lease are, were or will be this participant's. */
  carries(participantId: string, lease: number): boolean {
    return this.#leases.get(participantId)?.some((known) => known === lease) ?? false;
  }

  /** The newest that is known. */
  leaseOf(participantId: string): Lease | null {
    return this.#leases.get(participantId)?.at(-1) ?? null;
  }

  /** This participant's frames carry this lease, or will. An older one than is known says nothing new. */
  note(participantId: string, lease: number): void {
    const newest = this.leaseOf(participantId);
    if (newest !== null && lease <= newest) return;
    this.#leases.set(participantId, [...(this.#leases.get(participantId) ?? []), toLease(lease)]);
    for (const producer of this.producersOf(participantId)) {
      this.#producers.set(producer.producerId, { ...producer, lease });
    }
  }

  /** Takes over what the server says. How those left whom a whole roster does not name, nobody tells. */
  apply(delta: RosterDelta): RosterChange {
    const causes = new Map(delta.left.map(({ participantId, cause }) => [participantId, cause]));
    const { leaving, removing } = delta.full
      ? this.#unnamed(delta)
      : { leaving: [...causes.keys()], removing: delta.removed.map(({ producerId }) => producerId) };
    const left = leaving.flatMap((participantId) => {
      const departed = this.#leave(participantId);
      return departed === null
        ? []
        : [{ ...departed, cause: causes.get(participantId) ?? ('left' as const) }];
    });
    const removed = removing.flatMap((producerId) => this.#remove(producerId) ?? []);
    const joined: Participant[] = [];
    const altered: Participant[] = [];
    for (const now of delta.participants) {
      const before = this.#participants.get(now.participantId);
      if (before === undefined) joined.push(now);
      else if (differs(before, now)) altered.push(now);
      this.#participants.set(now.participantId, now);
    }
    const changed = delta.producers.flatMap((producer) => this.#change(producer) ?? []);
    const added = delta.producers.filter((producer) => this.#add(producer));
    return { left, removed, joined, altered, changed, added };
  }

  #unnamed({ participants, producers }: RosterDelta): { leaving: string[]; removing: string[] } {
    const here = new Set(participants.map(({ participantId }) => participantId));
    const sent = new Set(producers.map(({ producerId }) => producerId));
    return {
      leaving: [...this.#participants.keys()].filter((participantId) => !here.has(participantId)),
      removing: [...this.#producers.keys()].filter((producerId) => !sent.has(producerId)),
    };
  }

  /** Null where it was not here. */
  #leave(participantId: string): Departed | null {
    const participant = this.#participants.get(participantId);
    if (participant === undefined) return null;
    const producers = this.producersOf(participantId);
    for (const { producerId } of producers) this.#producers.delete(producerId);
    this.#participants.delete(participantId);
    this.#leases.delete(participantId);
    return { participant, producers };
  }

  /** False where it was already here. */
  #add(producer: Producer): boolean {
    if (this.#producers.has(producer.producerId)) return false;
    this.#producers.set(producer.producerId, producer);
    return true;
  }

  /** The producer as it is now; null where nothing changed. */
  #change({ producerId, paused }: Producer): Producer | null {
    const before = this.#producers.get(producerId);
    if (before === undefined || before.paused === paused) return null;
    const producer = { ...before, paused };
    this.#producers.set(producerId, producer);
    return producer;
  }

  #remove(producerId: string): Producer | null {
    const producer = this.#producers.get(producerId) ?? null;
    this.#producers.delete(producerId);
    return producer;
  }
}
