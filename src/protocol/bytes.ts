// Bytes on the wire: a strict reader, a writer, text forms. Big-endian throughout; nothing is accepted that the
// writer would not have written (no short or trailing bytes, no second spelling of the same value).

import { LatchkeyError } from './errors.ts';
import type { ErrorCode } from './errors.ts';

/** Appends fields of fixed length or with a length before them, and gives the whole back once. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  #grow(extra: number): number {
    const at = this.#length;
    this.#length = at + extra;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }

  #uint(value: number, width: 1 | 2 | 4): this {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
      throw new RangeError(`${value} does not fit ${width} bytes`);
    }
    const at = this.#grow(width);
    for (let i = 0; i < width; i++) this.#bytes[at + i] = (value / 2 ** (8 * (width - 1 - i))) & 0xff;
    return this;
  }

  #append(bytes: Uint8Array): this {
    // Grown first: growing replaces the buffer.
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  u8(value: number): this {
    return this.#uint(value, 1);
  }

  u16(value: number): this {
    return this.#uint(value, 2);
  }

  u32(value: number): this {
    return this.#uint(value, 4);
  }

  /** A field whose length the format fixes. */
  fixed(bytes: Uint8Array, length: number): this {
    if (bytes.length !== length) throw new RangeError(`expected ${length} bytes, got ${bytes.length}`);
    return this.#append(bytes);
  }

  /** A field of at most 65,535 bytes, its length before it as two bytes. */
  sized(bytes: Uint8Array): this {
    return this.u16(bytes.length).#append(bytes);
  }

  text(value: string): this {
    return this.sized(encodeUtf8(value));
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads what ByteWriter wrote; every failure names the offset and is an error with `code`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #code: ErrorCode;
  #offset = 0;

  constructor(bytes: Uint8Array, code: ErrorCode = 'malformed') {
    this.#bytes = bytes;
    this.#code = code;
  }

  get offset(): number {
    return this.#offset;
  }

  fail(problem: string): never {
    throw new LatchkeyError(this.#code, `${problem} at byte ${this.#offset}`);
  }

  #take(length: number): number {
    const at = this.#offset;
    if (at + length > this.#bytes.length)
      this.fail(`${length} bytes expected, ${this.#bytes.length - at} left`);
    this.#offset = at + length;
    return at;
  }

  #uint(width: 1 | 2 | 4): number {
    const at = this.#take(width);
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[at + i] ?? 0);
    return value;
  }

  u8(): number {
    return this.#uint(1);
  }

  u16(): number {
    return this.#uint(2);
  }

  u32(): number {
    return this.#uint(4);
  }

  /** A copy of the next `length` bytes. */
  fixed(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  sized(): Uint8Array {
    return this.fixed(this.u16());
  }

  text(): string {
    const at = this.#offset;
    const value = decodeUtf8(this.sized());
    if (value === null) {
      this.#offset = at;
      this.fail('text that is not UTF-8');
    }
    return value;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#offset !== this.#bytes.length) this.fail(`${this.#bytes.length - this.#offset} bytes too many`);
  }
}

const utf8 = new TextEncoder();

export const encodeUtf8 = (text: string): Uint8Array => utf8.encode(text);

/** `null` where the bytes are not UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string | null => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
};

export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** Equal in contents, in a time that depends on the length alone. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
};

export const toHex = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
};

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const values = new Map(Array.from(alphabet, (letter, value) => [letter, value]));

/** base64url without padding (RFC 4648 §5). */
export const toBase64Url = (bytes: Uint8Array): string => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const letters = Math.min(bytes.length - i, 3) + 1;
    for (let j = 0; j < letters; j++) text += alphabet[(group >> (18 - 6 * j)) & 63];
  }
  return text;
};

/** `null` for anything but the one spelling that `toBase64Url` gives. */
export const fromBase64Url = (text: string): Uint8Array | null => {
  if (text.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of text) {
    const value = values.get(letter);
    if (value === undefined) return null;
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 0xff;
      held &= (1 << bits) - 1;
    }
  }
  return held === 0 ? bytes : null;
};
