// Who is in the meeting and what they send, as the server tells it. A model without behaviour: it takes notices and answers what
// changed. Repeated and late notices change nothing.
//
// A participant's lease is that of its frames. It changes when the participant is admitted anew, from one epoch on; leases only rise.

import { lease as toLease } from '../../protocol/names.ts';
import type { Lease } from '../../protocol/names.ts';
import type { NoticeData, Participant, Producer } from '../../protocol/signaling.ts';

/** What is different after a resume. */
export interface RosterChange {
  readonly joined: readonly Participant[];
  readonly left: readonly { readonly participant: Participant; readonly producers: readonly Producer[] }[];
  readonly removed: readonly Producer[];
  readonly added: readonly Producer[];
  readonly changed: readonly Producer[];
}

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

  /** Takes over what the server says is there. */
  become(participants: readonly Participant[], producers: readonly Producer[]): RosterChange {
    const present = new Set(participants.map(({ participantId }) => participantId));
    const sent = new Map(producers.map((producer) => [producer.producerId, producer]));
    const left = this.participants
      .filter(({ participantId }) => !present.has(participantId))
      .flatMap(({ participantId }) => this.leave(participantId) ?? []);
    const removed = this.producers.filter(({ producerId }) => !sent.has(producerId));
    for (const { producerId } of removed) this.#producers.delete(producerId);
    const joined = participants.filter((participant) => this.join(participant));
    const changed = producers.flatMap((producer) => this.change(producer) ?? []);
    const added = producers.filter((producer) => this.add(producer));
    return { joined, left, removed, added, changed };
  }

  /** False where it was already here. */
  join(participant: Participant): boolean {
    if (this.#participants.has(participant.participantId)) return false;
    this.#participants.set(participant.participantId, participant);
    return true;
  }

  /** The participant and what it sent, which goes with it; null where it was not here. */
  leave(participantId: string): { participant: Participant; producers: readonly Producer[] } | null {
    const participant = this.#participants.get(participantId);
    if (participant === undefined) return null;
    const producers = this.producersOf(participantId);
    for (const { producerId } of producers) this.#producers.delete(producerId);
    this.#participants.delete(participantId);
    this.#leases.delete(participantId);
    return { participant, producers };
  }

  /** False where it was already here. */
  add(producer: Producer): boolean {
    if (this.#producers.has(producer.producerId)) return false;
    this.#producers.set(producer.producerId, producer);
    return true;
  }

  /** The producer as it is now; null where nothing changed. */
  change({
    producerId,
    paused,
  }: Pick<NoticeData<'producerChanged'>, 'producerId' | 'paused'>): Producer | null {
    const before = this.#producers.get(producerId);
    if (before === undefined || before.paused === paused) return null;
    const producer = { ...before, paused };
    this.#producers.set(producerId, producer);
    return producer;
  }

  remove(producerId: string): Producer | null {
    const producer = this.#producers.get(producerId) ?? null;
    this.#producers.delete(producerId);
    return producer;
  }
}
