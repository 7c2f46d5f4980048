// Which voices are forwarded in a large meeting: the loudest few. Pure: levels and times are handed to it. Whoever has a place keeps it until
// somebody is clearly louder, so that pauses between words change nothing, and the places change hands once in a while only.

export interface HeardLevel {
  readonly producerId: string;
  /** Decibels below full scale: −127 … 0. */
  readonly volume: number;
}

export interface LoudestLimits {
  /** Participants with an unmuted microphone beyond which only the loudest are forwarded. */
  readonly loudestFrom: number;
  /** Voices that are forwarded then. */
  readonly loudest: number;
}

/** Between two changes of hands. Longer: who begins to speak waits. Shorter: everybody's consumers move more often. */
const holdMs = 1_000;
/** By how much a challenger must be louder than the quietest that has a place, in decibels. */
const margin = 6;
/** What is not among the levels was below the observer's threshold. */
const silence = -100;
/** How much of the newest level enters the running one; levels come about three times a second. */
const weight = 0.5;

interface Voice {
  readonly producerId: string;
  readonly participantId: string;
  muted: boolean;
  level: number;
}

export class Loudest {
  readonly #limits: LoudestLimits;
  /** In the order in which they came. */
  readonly #voices = new Map<string, Voice>();
  /** Null: everybody is forwarded. */
  #places: Set<string> | null = null;
  #changedAtMs = -Infinity;

  constructor(limits: LoudestLimits) {
    this.#limits = limits;
  }

  isAudible(producerId: string): boolean {
    return this.#places === null || this.#places.has(producerId);
  }

  add(producerId: string, participantId: string, muted: boolean): void {
    this.#voices.set(producerId, { producerId, participantId, muted, level: silence });
  }

  remove(producerId: string): void {
    this.#voices.delete(producerId);
  }

  setMuted(producerId: string, muted: boolean): void {
    const voice = this.#voices.get(producerId);
    if (voice !== undefined) voice.muted = muted;
  }

  /** What was heard during the last interval, of all. */
  heard(levels: readonly HeardLevel[]): void {
    const now = new Map(levels.map(({ producerId, volume }) => [producerId, volume]));
    for (const voice of this.#voices.values()) {
      voice.level += weight * ((now.get(voice.producerId) ?? silence) - voice.level);
    }
  }

  /** Decides anew. True: who is audible has changed. */
  step(nowMs: number): boolean {
    const unmuted = [...this.#voices.values()].filter(({ muted }) => !muted);
    const before = this.#places;
    if (!this.#isLarge(unmuted)) {
      this.#places = null;
      return before !== null;
    }
    const places = new Set(unmuted.map(({ producerId }) => producerId).filter((id) => before?.has(id)));
    // Ties go to who came first: the sort is stable.
    const waiting = unmuted
      .filter(({ producerId }) => !places.has(producerId))
      .toSorted((a, b) => b.level - a.level);
    while (places.size < this.#limits.loudest && waiting.length > 0) {
      const next = waiting.shift();
      if (next !== undefined) places.add(next.producerId);
    }
    if (nowMs - this.#changedAtMs >= holdMs && this.#swap(places, waiting[0])) this.#changedAtMs = nowMs;
    this.#places = places;
    return before === null || before.size !== places.size || [...places].some((id) => !before.has(id));
  }

  /** A tenth fewer end it than begin it: people who mute and unmute at the edge do not move everybody's consumers. */
  #isLarge(unmuted: readonly Voice[]): boolean {
    const speakers = new Set(unmuted.map(({ participantId }) => participantId)).size;
    const from = this.#limits.loudestFrom;
    return speakers > (this.#places === null ? from : from - Math.ceil(from / 10));
  }

  #swap(places: Set<string>, challenger: Voice | undefined): boolean {
    const quietest = [...places]
      .map((id) => this.#voices.get(id))
      .filter((voice) => voice !== undefined)
      .toSorted((a, b) => a.level - b.level)[0];
    if (challenger === undefined || quietest === undefined) return false;
    if (challenger.level < quietest.level + margin) return false;
    places.delete(quietest.producerId);
    places.add(challenger.producerId);
    return true;
  }
}
