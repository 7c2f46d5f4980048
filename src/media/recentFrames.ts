// Which ciphertext was seen under which (KID, counter), of the frames that were looked at last: one of them with two ciphertexts is one
// nonce with two plaintexts, and gives both away (law 5). Bounded, since it grows with what peers send; what it has forgotten it cannot find.
//
// A frame is compared by the first bytes of its ciphertext, all in its first packet however it was packetised, so that the same frame
// sent twice is the same. GCM encrypts like a stream cipher: of two plaintexts that begin alike for so long, nothing would be found.

/** Bytes of ciphertext compared. Fewer: frames that begin alike (a still picture) are taken for one. More: short packets say nothing. */
const comparedBytes = 64;

export class RecentFrames {
  readonly #limit: number;
  readonly #digest: (bytes: Uint8Array) => string;
  readonly #seen = new Map<string, string>();

  /** `digest`: collision-resistant. */
  constructor(limit: number, digest: (bytes: Uint8Array) => string) {
    this.#limit = limit;
    this.#digest = digest;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** True: another ciphertext was seen under this name, of one key and counter. `whole`: the frame ends within these bytes. */
  repeats(name: string, ciphertext: Uint8Array, whole: boolean): boolean {
    // Of a frame that goes on elsewhere, too little to compare.
    if (!whole && ciphertext.length < comparedBytes) return false;
    const digest = this.#digest(ciphertext.subarray(0, comparedBytes));
    const before = this.#seen.get(name);
    if (before !== undefined) return before !== digest;
    this.#seen.set(name, digest);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= this.#limit) break;
      this.#seen.delete(oldest);
    }
    return false;
  }
}
