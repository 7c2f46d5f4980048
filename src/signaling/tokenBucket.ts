// A token bucket: `perSecond` on average, twice as many at once.

export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = 2 * perSecond;
    this.#filledAtMs = nowMs;
  }

  /** False when there is none left. */
  take(nowMs: number): boolean {
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(2 * this.#perSecond, filled);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
