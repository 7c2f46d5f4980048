// Which counters of one KID were accepted (RFC 9605 §9.3, anti-replay): the newest 1,024, as bits in a ring. Older ones count as seen.
// It moves by `commit` alone, which is for frames whose tag verified: else anybody could push it past what is to come.

/** Beyond the reordering that jitter buffers mend: 10 s of video at 100 frames a second. Longer: 8 counters a byte, per stream and epoch. */
export const replayWindowCounters = 1024;

const words = replayWindowCounters / 32;

export class ReplayWindow {
  readonly #seen = new Uint32Array(words);
  #highest = -1;

  /** Whether the counter may still be accepted. */
  check(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - replayWindowCounters) return false;
    return ((this.#seen[this.#word(counter)] ?? 0) & this.#bit(counter)) === 0;
  }

  /** Accepts the counter; `false`, and nothing changes, where `check` says no by now (the same frame may have been opened twice at once). */
  commit(counter: number): boolean {
    if (!this.check(counter)) return false;
    if (counter > this.#highest) this.#moveTo(counter);
    const word = this.#word(counter);
    this.#seen[word] = (this.#seen[word] ?? 0) | this.#bit(counter);
    return true;
  }

  #moveTo(counter: number): void {
    const steps = counter - this.#highest;
    if (steps >= replayWindowCounters) this.#seen.fill(0);
    else for (let passed = this.#highest + 1; passed < counter; passed++) this.#clear(passed);
    this.#highest = counter;
  }

  #clear(counter: number): void {
    const word = this.#word(counter);
    this.#seen[word] = (this.#seen[word] ?? 0) & ~this.#bit(counter);
  }

  // Counters are safe integers, too long for bit operators until the remainder is taken.
  #word(counter: number): number {
    return (counter % replayWindowCounters) >>> 5;
  }

  #bit(counter: number): number {
    return 1 << (counter % 32);
  }
}
