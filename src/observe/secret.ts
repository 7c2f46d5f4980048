// A value that must not reach a log, an error, a page or a terminal: it prints itself as `[secret]` whoever asks, and is
// compared in a time that does not depend on its contents. Best effort where the value came as a string: the engine may
// keep copies of strings that nobody can wipe.

import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const shown = '[secret]';

const digest = (value: Uint8Array | string): Buffer => createHash('sha256').update(value).digest();

export class Secret {
  readonly #bytes: Buffer;

  constructor(value: Uint8Array | string) {
    this.#bytes = Buffer.from(typeof value === 'string' ? Buffer.from(value, 'utf8') : value);
    if (this.#bytes.length === 0) throw new RangeError('a secret is not empty');
  }

  /** The value itself: hand it to what needs it, and nowhere else. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  revealText(): string {
    return this.#bytes.toString('utf8');
  }

  /** Both sides are hashed first, so that neither their contents nor where they differ nor their lengths show in the time. */
  equals(other: Secret | Uint8Array | string): boolean {
    const bytes = other instanceof Secret ? other.#bytes : other;
    return timingSafeEqual(digest(this.#bytes), digest(bytes));
  }

  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [Symbol.toPrimitive](): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
