// How many taps run at a time in the whole process: each costs the worker a consumer and the control process its packets, and meetings
// know nothing of each other. Who comes first taps first.

/**
 * Each costs 50 packets a second of audio, some 200 more where a camera is tapped too. Measured with 40 taps on a shared machine: 1 to 7 µs
 * a packet in the worker, 6 to 30 µs here, below 1 ms to set up; eight take 4 % of a core at most. More: they take more.
 * Fewer: where there are many meetings, a sender's turn comes later.
 */
const tapsAtATime = 8;

interface Place {
  readonly begin: () => void;
}

export class TapLimit {
  readonly #most: number;
  readonly #waiting = new Set<Place>();
  readonly #running = new Set<Place>();

  constructor(most: number = tapsAtATime) {
    this.#most = most;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Calls `begin` when it is this one's turn, never before it returned. The answer ends the tap, or the wait for it. */
  enter(begin: () => void): () => void {
    const place = { begin };
    this.#waiting.add(place);
    this.#next();
    return () => {
      this.#waiting.delete(place);
      if (this.#running.delete(place)) this.#next();
    };
  }

  #next(): void {
    for (const place of this.#waiting) {
      if (this.#running.size >= this.#most) return;
      this.#waiting.delete(place);
      this.#running.add(place);
      queueMicrotask(() => {
        if (this.#running.has(place)) place.begin();
      });
    }
  }
}
