// Up to which spatial layer somebody sees one video, so that its sender need not encode what nobody sees. Pure: times are handed to it. More is
// told at once, less only when it lasts: people turn pages back and forth.

/** For how long less must be wanted before it is told, in milliseconds. Shorter: senders begin and stop encoding more often. */
const lowerAfterMs = 1_000;

export class WantedLayer {
  /** Consumer → the layer that it prefers, while it flows. */
  readonly #viewers = new Map<string, number>();
  /** How many prefer layer n. */
  readonly #counts: number[] = [];
  /** Undefined: nothing yet; the sender encodes all. */
  #told: number | null | undefined;
  #lowerSinceMs: number | null = null;

  /** Null: it does not flow, or is gone. */
  set(consumerId: string, layer: number | null): void {
    const before = this.#viewers.get(consumerId);
    if (before !== undefined) this.#counts[before] = (this.#counts[before] ?? 1) - 1;
    if (layer === null) this.#viewers.delete(consumerId);
    else {
      this.#viewers.set(consumerId, layer);
      this.#counts[layer] = (this.#counts[layer] ?? 0) + 1;
    }
  }

  /** Null: nobody sees it. */
  get highest(): number | null {
    const layer = this.#counts.findLastIndex((count) => count > 0);
    return layer === -1 ? null : layer;
  }

  /** When `step` has something to say at the latest, if nothing changes before; null: nothing is waiting. */
  get dueAtMs(): number | null {
    return this.#lowerSinceMs === null ? null : this.#lowerSinceMs + lowerAfterMs;
  }

  /** What the sender is to be told now; undefined: nothing. */
  step(nowMs: number): number | null | undefined {
    const { highest } = this;
    const told = this.#told;
    if (highest === told) {
      this.#lowerSinceMs = null;
      return undefined;
    }
    if (highest === null || (told !== undefined && highest < (told ?? -1))) {
      this.#lowerSinceMs ??= nowMs;
      if (nowMs - this.#lowerSinceMs < lowerAfterMs) return undefined;
    }
    this.#lowerSinceMs = null;
    this.#told = highest;
    return highest;
  }
}
