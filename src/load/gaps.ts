// The longest time between two things that should happen all the time.

export class Gaps {
  #lastMs: number | null = null;
  #longestMs = 0;
  #endedAtMs: number | null = null;

  /** It happened. */
  note(nowMs: number): void {
    if (this.#endedAtMs !== null) return;
    if (this.#lastMs !== null) this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  /** Nothing is expected any more: what is still missing counts up to now. */
  end(nowMs: number): void {
    this.note(nowMs);
    this.#endedAtMs = nowMs;
  }

  /** From the first time on. */
  get longestMs(): number {
    return this.#longestMs;
  }
}
