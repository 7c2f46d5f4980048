// Whose sound is received. In a meeting of few, everybody's; beyond that, of those who were loud last: nobody hears more voices at a time than
// these, and each costs a stream.

export interface Voice {
  readonly producerId: string;
  readonly participantId: string;
}

/** More: more streams that carry silence. Fewer: whoever begins to speak after a pause is heard later. */
export const mostVoices = 20;

export class Voices {
  /** By participant: the higher, the more recently loud. */
  readonly #loud = new Map<string, number>();
  #serial = 0;
  #chosen: ReadonlySet<string> = new Set();

  /** Loudest first. */
  speak(participantIds: readonly string[]): void {
    for (const participantId of participantIds.toReversed()) this.#loud.set(participantId, ++this.#serial);
  }

  /** Of these, in the order in which they came, the producers to be received. */
  choose(voices: readonly Voice[]): ReadonlySet<string> {
    const here = new Set(voices.map(({ participantId }) => participantId));
    for (const participantId of this.#loud.keys())
      if (!here.has(participantId)) this.#loud.delete(participantId);
    // Sorting is stable: of those who were never loud, the ones that are received stay, and then the first.
    const ranked = voices.toSorted(
      (a, b) =>
        this.#loudness(b) - this.#loudness(a) ||
        Number(this.#chosen.has(b.producerId)) - Number(this.#chosen.has(a.producerId)),
    );
    this.#chosen = new Set(ranked.slice(0, mostVoices).map(({ producerId }) => producerId));
    return this.#chosen;
  }

  #loudness({ participantId }: Voice): number {
    return this.#loud.get(participantId) ?? 0;
  }
}
