// All secrets of the custodian in one guarded allocation: locked into memory where the limit allows, fenced by pages that may
// not be touched, wiped slot by slot. One allocation, since each costs four mappings of the process.

import sodium from 'sodium-native';
import { LatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';

/** A slot that is in use. */
export type Slot = number & { readonly __brand: 'Slot' };

export class Slab {
  readonly #memory: Buffer;
  readonly #free: Slot[];
  /** 1: in use. */
  readonly #taken: Uint8Array;
  readonly total: number;

  constructor(slots: number) {
    if (!Number.isInteger(slots) || slots < 1)
      throw new RangeError(`"slots" expected at least 1, got ${slots}`);
    this.total = slots;
    this.#memory = sodium.sodium_malloc(slots * lengths.key);
    // sodium fills it with a pattern.
    sodium.sodium_memzero(this.#memory);
    this.#taken = new Uint8Array(slots);
    // The lowest first, so that memory that was never used is touched last.
    this.#free = Array.from({ length: slots }, (_, index) => (slots - 1 - index) as Slot);
  }

  get used(): number {
    return this.total - this.#free.length;
  }

  get bytesTotal(): number {
    return this.#memory.length;
  }

  get room(): number {
    return this.#free.length;
  }

  /** Zeroed. @throws LatchkeyError `slab_full`. */
  take(): Slot {
    const slot = this.#free.pop();
    if (slot === undefined) throw new LatchkeyError('slab_full');
    this.#taken[slot] = 1;
    return slot;
  }

  /** 32 bytes; never copied out of here but by sodium and OpenSSL. */
  bytes(slot: Slot): Buffer {
    this.#assertTaken(slot);
    return this.#memory.subarray(slot * lengths.key, (slot + 1) * lengths.key);
  }

  wipe(slot: Slot): void {
    sodium.sodium_memzero(this.bytes(slot));
    this.#taken[slot] = 0;
    this.#free.push(slot);
  }

  /** A slot that was freed may be another's by now: two owners of one key would be worse than an end. */
  #assertTaken(slot: Slot): void {
    if (this.#taken[slot] !== 1) throw new RangeError(`slot ${slot} is not in use`);
  }
}
