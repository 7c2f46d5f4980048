// Work over many participants in small portions, one a turn of the event loop, so that messages and keys are not kept waiting by it. What is
// added again before its turn is done once.

export class Turns<T> {
  readonly #work: (item: T) => void;
  readonly #perTurn: number;
  readonly #waiting = new Set<T>();
  #turn: NodeJS.Immediate | null = null;
  #closed = false;

  constructor(perTurn: number, work: (item: T) => void) {
    this.#perTurn = perTurn;
    this.#work = work;
  }

  add(items: Iterable<T>): void {
    if (this.#closed) return;
    for (const item of items) this.#waiting.add(item);
    if (this.#waiting.size > 0) this.#turn ??= setImmediate(() => this.#take());
  }

  close(): void {
    this.#closed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    this.#waiting.clear();
  }

  #take(): void {
    this.#turn = null;
    let left = this.#perTurn;
    for (const item of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(item);
      this.#work(item);
    }
    this.add([]);
  }
}
