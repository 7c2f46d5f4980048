// How many packets of one stream did not arrive, by RFC 3550 §A.3: those from the first to the highest sequence number, less those that came.

export class SequenceGaps {
  #first = -1;
  /** Extended: goes on where the sixteen bits wrap. */
  #highest = -1;
  #received = 0;

  note(sequence: number): void {
    this.#received++;
    if (this.#first < 0) {
      this.#first = sequence;
      this.#highest = sequence;
      return;
    }
    const ahead = (sequence - this.#highest) & 0xffff;
    if (ahead < 0x8000) this.#highest += ahead;
    // One that was overtaken by the first of all.
    else this.#first = Math.min(this.#first, this.#highest - (0x10000 - ahead));
  }

  get lost(): number {
    if (this.#first < 0) return 0;
    // Never below none: a packet that comes twice counts once too often.
    return Math.max(0, this.#highest - this.#first + 1 - this.#received);
  }
}
