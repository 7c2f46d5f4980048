// At most so often: the first time at once, and what comes before the spacing has passed in one go when it has.

export class Pace {
  readonly #spacingMs: number;
  readonly #nowMs: () => number;
  readonly #run: () => void;
  #ranAtMs = -Infinity;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** `run` is never called from within `due`. `nowMs`: monotonic. */
  constructor(spacingMs: number, nowMs: () => number, run: () => void) {
    this.#spacingMs = spacingMs;
    this.#nowMs = nowMs;
    this.#run = run;
  }

  /** There is something to do. */
  due(): void {
    if (this.#closed || this.#timer !== null) return;
    // Rounded up, or a timer that is early by less than a millisecond would run too often.
    const waitMs = Math.max(0, Math.ceil(this.#ranAtMs + this.#spacingMs - this.#nowMs()));
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#ranAtMs = this.#nowMs();
      this.#run();
    }, waitMs);
  }

  /** What was due has been done by other means. */
  done(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#ranAtMs = this.#nowMs();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
