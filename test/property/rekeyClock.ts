// Virtual time: what was put in happens in order of its time, and of its putting in where times are equal.

interface Entry {
  readonly atMs: number;
  readonly act: () => void;
}

export class VirtualClock {
  readonly #entries: Entry[] = [];
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, act: () => void): void {
    if (!(atMs >= this.#nowMs)) throw new RangeError(`${atMs} is over: it is ${this.#nowMs}`);
    // Latest first, so that the next is popped; among equals the newest lies deepest.
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    this.#entries.splice(low, 0, { atMs, act });
  }

  after(ms: number, act: () => void): void {
    this.at(this.#nowMs + ms, act);
  }

  /** Until that moment, everything of it included. */
  runTo(untilMs: number): void {
    for (let next = this.#entries.at(-1); next !== undefined && next.atMs <= untilMs;) {
      this.#entries.pop();
      this.#nowMs = next.atMs;
      next.act();
      next = this.#entries.at(-1);
    }
    this.#nowMs = untilMs;
  }
}
