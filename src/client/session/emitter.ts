// Typed events. A listener that throws is the listener's bug: it surfaces as an uncaught error and disturbs nobody else.

export type Listener<T> = (data: T) => void;

export class Emitter<Events> {
  readonly #listeners: { [E in keyof Events]?: Set<Listener<Events[E]>> } = {};

  /** @returns a function that takes the listener away. */
  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>): () => void {
    const listeners: Set<Listener<Events[E]>> = this.#listeners[event] ?? new Set();
    this.#listeners[event] = listeners;
    // Its own function each time: the same listener may stand here twice and be taken away once.
    const entry: Listener<Events[E]> = (data) => listener(data);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  emit<E extends keyof Events>(event: E, data: Events[E]): void {
    for (const listener of this.#listeners[event] ?? []) {
      try {
        listener(data);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }

  hasListeners(event: keyof Events): boolean {
    return (this.#listeners[event]?.size ?? 0) > 0;
  }

  clear(): void {
    for (const event of Object.keys(this.#listeners) as (keyof Events)[]) this.#listeners[event]?.clear();
  }
}
