// Who is in the meeting and what they send, as the server tells it. A model without behaviour: it takes notices and answers what
// changed. Repeated and late notices change nothing.

import type { NoticeData, Participant, Producer } from '../../protocol/signaling.ts';

export class Roster {
  readonly #participants = new Map<string, Participant>();
  readonly #producers = new Map<string, Producer>();

  constructor(participants: readonly Participant[], producers: readonly Producer[]) {
    for (const participant of participants) this.#participants.set(participant.participantId, participant);
    for (const producer of producers) this.#producers.set(producer.producerId, producer);
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
    return { participant, producers };
  }

  /** False where it was already here. */
  add(producer: Producer): boolean {
    if (this.#producers.has(producer.producerId)) return false;
    this.#producers.set(producer.producerId, producer);
    return true;
  }

  /** The producer as it is now; null where nothing changed. */
  change({ producerId, paused }: NoticeData<'producerChanged'>): Producer | null {
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
