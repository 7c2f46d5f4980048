// All secrets of the custodian in guarded memory: locked where the limit allows, fenced by pages that may not be touched, wiped slot by
// slot. In a few large pages, since each costs four mappings of the process and more than some 16,000 of them would end it; they
// are added as they are needed, so that memory is not locked for meetings that never come.

import sodium from 'sodium-native';
import { LatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';

/** A slot that is in use. */
export type Slot = number & { readonly __brand: 'Slot' };

export interface SlabOptions {
  readonly pageSlots?: number;
  /** Bytes of this process that cannot be swapped out: what a page adds to them of its own is locked. */
  readonly lockedNow?: () => number;
}

/** 128 KiB. */
const leastPageSlots = 4_096;
const mostPages = 1_024;

const pageSlotsFor = (slots: number): number => Math.max(leastPageSlots, Math.ceil(slots / mostPages));

export class Slab {
  readonly #pageSlots: number;
  readonly #pages: Buffer[] = [];
  /** Of those that are mapped. */
  readonly #free: Slot[] = [];
  /** 1: in use. */
  readonly #taken: Uint8Array;
  #used = 0;
  #bytesLocked = 0;
  readonly #lockedNow: () => number;
  readonly total: number;
  /** Called when a page was added, the first excepted. */
  onPage: () => void = () => undefined;

  constructor(slots: number, { pageSlots = pageSlotsFor(slots), lockedNow = () => 0 }: SlabOptions = {}) {
    if (!Number.isInteger(slots) || slots < 1)
      throw new RangeError(`"slots" expected at least 1, got ${slots}`);
    this.total = slots;
    this.#pageSlots = pageSlots;
    this.#lockedNow = lockedNow;
    this.#taken = new Uint8Array(slots);
    this.#addPage();
  }

  get used(): number {
    return this.#used;
  }

  /** Slots that are free, or will be when their page is added. */
  get room(): number {
    return this.total - this.#used;
  }

  /** Slots of the pages that there are. */
  get mapped(): number {
    return Math.min(this.total, this.#pages.length * this.#pageSlots);
  }

  get bytesMapped(): number {
    return this.mapped * lengths.key;
  }

  /** Of those; less where the limit forbade locking. */
  get bytesLocked(): number {
    return this.#bytesLocked;
  }

  /** Adds the pages that so many more slots need, so that taking them later needs none. @throws LatchkeyError `slab_full` */
  ensure(slots: number): void {
    if (slots > this.room) throw new LatchkeyError('slab_full');
    while (this.#free.length < slots) this.#grow();
  }

  /** Zeroed. @throws LatchkeyError `slab_full`. */
  take(): Slot {
    if (this.#free.length === 0) this.ensure(1);
    const slot = this.#free.pop();
    if (slot === undefined) throw new LatchkeyError('slab_full');
    this.#taken[slot] = 1;
    this.#used++;
    return slot;
  }

  /** 32 bytes; never copied out of here but by sodium and OpenSSL. */
  bytes(slot: Slot): Buffer {
    this.#assertTaken(slot);
    const at = (slot % this.#pageSlots) * lengths.key;
    const page = this.#pages[Math.floor(slot / this.#pageSlots)];
    if (page === undefined) throw new RangeError(`slot ${slot} has no page`);
    return page.subarray(at, at + lengths.key);
  }

  wipe(slot: Slot): void {
    sodium.sodium_memzero(this.bytes(slot));
    this.#taken[slot] = 0;
    this.#used--;
    this.#free.push(slot);
  }

  #grow(): void {
    this.#addPage();
    this.onPage();
  }

  #addPage(): void {
    const first = this.mapped;
    const slots = Math.min(this.#pageSlots, this.total - first);
    const lockedBefore = this.#lockedNow();
    const page = sodium.sodium_malloc(slots * lengths.key);
    this.#bytesLocked += Math.min(page.length, Math.max(0, this.#lockedNow() - lockedBefore));
    // sodium fills it with a pattern.
    sodium.sodium_memzero(page);
    this.#pages.push(page);
    // The lowest on top, so that memory that was never used is touched last.
    for (let slot = first + slots - 1; slot >= first; slot--) this.#free.push(slot as Slot);
  }

  /** A slot that was freed may be another's by now: two owners of one key would be worse than an end. */
  #assertTaken(slot: Slot): void {
    if (this.#taken[slot] !== 1) throw new RangeError(`slot ${slot} is not in use`);
  }
}
