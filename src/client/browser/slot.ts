// Something that may be replaced while others wait for it: a transport goes with its worker or with a role, and another comes.

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export class Slot<T> {
  #current: T | null = null;
  /** Why there will be none, for now or for good. */
  #refused: Error | null = null;
  #closed = false;
  #waiters: Waiter<T>[] = [];

  get current(): T | null {
    return this.#current;
  }

  /** Not null: there will be none for now, and why. */
  get refused(): Error | null {
    return this.#refused;
  }

  /** The one that is there, or the next. @throws what `refuse` and `close` were given. */
  ready(): Promise<T> {
    if (this.#refused !== null) return Promise.reject(this.#refused);
    if (this.#current !== null) return Promise.resolve(this.#current);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  set(value: T): void {
    if (this.#closed) return;
    this.#current = value;
    this.#refused = null;
    for (const { resolve } of this.#waiters.splice(0)) resolve(value);
  }

  /** Another will come. */
  clear(): void {
    this.#current = null;
    if (!this.#closed) this.#refused = null;
  }

  /** None will come until one is set. */
  refuse(error: Error): void {
    if (this.#closed) return;
    this.#current = null;
    this.#refused = error;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  /** None will come any more. Idempotent. */
  close(error: Error): void {
    this.refuse(error);
    this.#closed = true;
  }
}
