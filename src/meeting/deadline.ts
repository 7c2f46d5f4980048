// One timer, at the next deadline of whoever owns it. Asked often, it is set seldom: of a thousand acknowledgements hardly one moves it.

export class Deadline {
  readonly #nowMs: () => number;
  readonly #passed: () => void;
  #timer: NodeJS.Timeout | null = null;
  #atMs: number | null = null;

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number, passed: () => void) {
    this.#nowMs = nowMs;
    this.#passed = passed;
  }

  /** Null: there is none. */
  set(atMs: number | null): void {
    if (atMs === this.#atMs) return;
    this.#atMs = atMs;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (atMs === null) return;
    // Rounded up: whoever is called before the deadline would only set the timer again.
    const delayMs = Math.max(0, Math.ceil(atMs - this.#nowMs()));
    this.#timer = setTimeout(() => {
      this.#atMs = null;
      this.#passed();
    }, delayMs);
  }
}
