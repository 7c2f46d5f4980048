// Numbers that a seed decides: the same for the nth packet of a flow, whatever the clock does. No test of randomness: a linear congruential
// generator (Knuth's choice of constants, "Seminumerical Algorithms" §3.3.4), of which the high bits are taken.

export class Seeded {
  #state: number;

  /** `flow` tells generators of one seed apart. */
  constructor(seed: number, flow = 0) {
    this.#state = (Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) ^ Math.imul(flow + 1, 0x85ebca6b)) >>> 0;
    for (let i = 0; i < 4; i++) this.next();
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.#state >>> 8) / 2 ** 24;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** From `low` to `high`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.next() * from.length)];
  }
}
