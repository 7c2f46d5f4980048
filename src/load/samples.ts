// Times that were measured, in bounded memory: all of them while they are few, then a random choice in which each has the same chance to be
// (Vitter's algorithm R), so that quantiles stay true.

import type { Seeded } from './seeded.ts';

/** Of so many a 99th percentile is off by less than half a permille of them. */
const mostKept = 65_536;

export interface Quantiles {
  /** Milliseconds, to a tenth; null where nothing was measured. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

const toTenth = (value: number): number => Math.round(value * 10) / 10;

export class Samples {
  readonly #random: Seeded;
  #values = new Float64Array(64);
  #kept = 0;
  #seen = 0;

  constructor(random: Seeded) {
    this.#random = random;
  }

  /** All that were measured. */
  get count(): number {
    return this.#seen;
  }

  /** A copy of those that are kept. */
  get values(): Float64Array {
    return this.#values.slice(0, this.#kept);
  }

  add(value: number): void {
    this.#seen++;
    if (this.#kept < mostKept) {
      if (this.#kept === this.#values.length) this.#grow();
      this.#values[this.#kept++] = value;
      return;
    }
    const at = Math.floor(this.#random.next() * this.#seen);
    if (at < mostKept) this.#values[at] = value;
  }

  addAll(values: Iterable<number>): void {
    for (const value of values) this.add(value);
  }

  quantiles(): Quantiles {
    const sorted = this.values.sort();
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
  }

  #grow(): void {
    const larger = new Float64Array(Math.min(mostKept, 2 * this.#values.length));
    larger.set(this.#values);
    this.#values = larger;
  }
}

/** By linear interpolation between the two nearest. */
const quantile = (sorted: Float64Array, share: number): number | null => {
  if (sorted.length === 0) return null;
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return toTenth(low + (high - low) * (at - Math.floor(at)));
};
