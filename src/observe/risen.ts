// Counters of ours that follow counters of others, which begin again at 0 when what they count in is replaced.

export class Risen {
  readonly #last = new Map<string, number>();

  /** How much more it is than the last time; all of it when it began again. `name`: of a bounded set. */
  by(name: string, value: number): number {
    const last = this.#last.get(name) ?? 0;
    this.#last.set(name, value);
    return value >= last ? value - last : value;
  }
}
