// Since when one participant used which epoch, and how long it was there.

/** Beyond it the oldest are forgotten: at an epoch a second more than an hour. */
const mostKept = 4_096;

/** As it is told to the process that puts all of them together. Times are milliseconds since 1970. */
export interface Attendance {
  readonly participantId: string;
  readonly slow: boolean;
  /** From its first epoch on, or from the oldest that is remembered. */
  readonly fromMs: number;
  /** Null: it was there until the end. */
  readonly untilMs: number | null;
  /** Rising, each with its time. */
  readonly epochs: Uint32Array;
  readonly atMs: Float64Array;
}

export class EpochRecord {
  readonly #epochs: number[] = [];
  readonly #atMs: number[] = [];
  #untilMs: number | null = null;

  note(epoch: number, atMs: number): void {
    this.#epochs.push(epoch);
    this.#atMs.push(atMs);
    if (this.#epochs.length <= mostKept) return;
    this.#epochs.splice(0, mostKept / 2);
    this.#atMs.splice(0, mostKept / 2);
  }

  /** It is there no more. Once. */
  end(atMs: number): void {
    this.#untilMs ??= atMs;
  }

  attendance(participantId: string, slow: boolean): Attendance | null {
    const [fromMs] = this.#atMs;
    if (fromMs === undefined) return null;
    return {
      participantId,
      slow,
      fromMs,
      untilMs: this.#untilMs,
      epochs: Uint32Array.from(this.#epochs),
      atMs: Float64Array.from(this.#atMs),
    };
  }
}
