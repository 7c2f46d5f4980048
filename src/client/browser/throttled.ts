// Does something at once, and then no more often than every so many milliseconds, always with the newest that it was given: people scroll.

import type { Clock } from '../session/clock.ts';

export class Throttled<T> {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #apply: (value: T) => void;
  #next: { readonly value: T } | null = null;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(clock: Clock, everyMs: number, apply: (value: T) => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#apply = apply;
  }

  give(value: T): void {
    if (this.#closed) return;
    this.#next = { value };
    if (this.#cancel === null) this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #run(): void {
    this.#cancel = null;
    const next = this.#next;
    this.#next = null;
    if (next === null) return;
    this.#cancel = this.#clock.after(this.#everyMs, () => this.#run());
    this.#apply(next.value);
  }
}
