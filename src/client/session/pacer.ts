// Keeps the client below the rate at which the server refuses messages (`limits.messagesPerSecond`): whoever enters a large
// meeting asks for many streams at once. What is over the rate waits its turn, in order.

import type { Clock } from './clock.ts';

export class Pacer {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #waiting: (() => void)[] = [];
  #tokens: number;
  #filledAtMs: number;
  #cancel: (() => void) | null = null;

  /** As many as `perSecond` at once, then `perSecond`. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Runs `send` now, or in its turn. */
  run(send: () => void): void {
    this.#waiting.push(send);
    if (this.#cancel === null) this.#drain();
  }

  /** Sends now, and lets what waits make up for it: the server's bucket holds twice what ours does. */
  runFirst(send: () => void): void {
    this.#tokens -= 1;
    send();
  }

  close(): void {
    this.#waiting.length = 0;
    this.#cancel?.();
    this.#cancel = null;
  }

  #drain(): void {
    this.#cancel = null;
    const now = this.#clock.monotonicMs();
    this.#tokens = Math.min(
      this.#perSecond,
      this.#tokens + ((now - this.#filledAtMs) / 1_000) * this.#perSecond,
    );
    this.#filledAtMs = now;
    while (this.#tokens >= 1) {
      const send = this.#waiting.shift();
      if (send === undefined) return;
      this.#tokens -= 1;
      send();
    }
    if (this.#waiting.length === 0) return;
    this.#cancel = this.#clock.after(Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1_000), () =>
      this.#drain(),
    );
  }
}
