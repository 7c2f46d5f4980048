// Who is heard, over all routers of a meeting: each has an observer of its own that reports when it likes; told is one list, the loudest first,
// at most once in an interval.

import type { HeardLevel } from './loudest.ts';

export interface SpeakerLevel extends HeardLevel {
  readonly participantId: string;
}

export interface SpeakersOptions {
  readonly intervalMs: number;
  /** Entries of one list. */
  readonly most: number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Loudest first; empty: nobody is heard. */
  readonly onLevels: (levels: readonly SpeakerLevel[]) => void;
}

export class Speakers {
  readonly #options: SpeakersOptions;
  /** Router → what its observer reported last. */
  readonly #levels = new Map<number, readonly SpeakerLevel[]>();
  #timer: NodeJS.Timeout | null = null;
  #toldAtMs = -Infinity;

  constructor(options: SpeakersOptions) {
    this.#options = options;
  }

  report(router: number, levels: readonly SpeakerLevel[]): void {
    if (levels.length === 0 && !this.#levels.delete(router)) return;
    if (levels.length > 0) this.#levels.set(router, levels);
    if (this.#timer !== null) return;
    const waitMs = this.#toldAtMs + this.#options.intervalMs - this.#options.nowMs();
    if (waitMs <= 0) this.#tell();
    else this.#timer = setTimeout(() => this.#tell(), waitMs).unref();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#levels.clear();
  }

  #tell(): void {
    this.#timer = null;
    this.#toldAtMs = this.#options.nowMs();
    const all = [...this.#levels.values()].flat().toSorted((a, b) => b.volume - a.volume);
    this.#options.onLevels(all.slice(0, this.#options.most));
  }
}
