// The one source of all that is secret by chance here: session and tree keys, HPKE's ephemeral keys; and of the incarnations, which must
// never be made twice. The kernel's generator by libsodium (getrandom(2)), with no state of our own between two draws, so that
// what is stolen now says nothing of what is drawn next. Each draw is tested on its way (healthTests.ts); after one failure
// nothing is given any more.

import sodium from 'sodium-native';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';
import { HealthTests } from './healthTests.ts';

/** Samples of the start-up test, eight windows; SP 800-90B §4.3 wants 1,024. They are used for nothing else. */
const startUpBytes = 4_096;

export class Randomness {
  readonly #draw: (bytes: Buffer) => void;
  readonly #tests: HealthTests;
  readonly #unused = sodium.sodium_malloc(lengths.key);
  #failed: LatchkeyError | null = null;

  /**
   * Runs the start-up test.
   * @throws LatchkeyError `randomness_failed`
   */
  constructor(draw: (bytes: Buffer) => void = (bytes) => sodium.randombytes_buf(bytes)) {
    this.#draw = draw;
    const digestKey = sodium.sodium_malloc(lengths.key);
    draw(digestKey);
    this.#tests = new HealthTests(digestKey);
    for (let drawn = 0; drawn < startUpBytes; drawn += this.#unused.length) this.fill(this.#unused);
    sodium.sodium_memzero(this.#unused);
  }

  /** @throws LatchkeyError `randomness_failed`, then and ever after: `bytes` are zero. */
  fill(bytes: Buffer): void {
    if (this.#failed !== null) {
      sodium.sodium_memzero(bytes);
      throw this.#failed;
    }
    try {
      this.#draw(bytes);
      this.#tests.take(bytes);
    } catch (thrown) {
      sodium.sodium_memzero(bytes);
      const cause = toLatchkeyError(thrown);
      this.#failed = cause.code === 'randomness_failed' ? cause : new LatchkeyError('randomness_failed');
      throw this.#failed;
    }
  }
}
