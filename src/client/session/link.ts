// One participant's connection over all the sockets that it has, one after the other:
//
//   open ──socket lost──▶ lost ──attempt: open, challenge, resume──▶ open
//                          │ ▲         └── failed: again after a pause ──┐
//                          │ └───────────────────────────────────────────┘
//                          └──the window has passed, or the server refuses──▶ over
//
// The first attempt is made at once, since most sockets are lost for a moment only; those after it at growing, random distances, so that
// everybody whom one failure cut off does not come back in the same moment. What is resumed, and how, is its owner's to say.

import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import type { ErrorClass } from '../../protocol/errors.ts';
import { Age } from './clock.ts';
import type { Clock } from './clock.ts';

/** Milliseconds. Shorter pauses: more load on a server that comes back; longer: more of the window is gone before the next try. */
const firstPauseMs = 250;
const longestPauseMs = 2_000;
/** Of one attempt, from opening the socket to the answer. Longer: one that hangs takes the window from those that would not. */
export const attemptMs = 3_000;

/** Whoever erred here, asking again may help: the network, a custodian that is being replaced, a server that starts. */
const mendable: ReadonlySet<ErrorClass> = new Set(['dependency', 'internal']);

/** What is looked at of a socket; `Signaling` is one. */
export interface Socket {
  readonly closed: boolean;
  close(): void;
}

export interface LinkEnds<S> {
  readonly clock: Clock;
  /** 0 ≤ r < 1; for the pauses alone. */
  readonly random: () => number;
  /** How long after the loss the server keeps the participant. */
  readonly windowMs: number;
  readonly open: (timeoutMs: number) => Promise<S>;
  /** Proves over the new socket who this is, and takes over what the answer says; resolves with what begins to deliver. */
  readonly resume: (socket: S) => Promise<() => void>;
  readonly onLost: () => void;
  readonly onResumed: () => void;
  /** Once: it will not come back. */
  readonly onOver: (error: LatchkeyError) => void;
}

interface Waiter<S> {
  readonly resolve: (socket: S) => void;
  readonly reject: (error: LatchkeyError) => void;
}

export class Link<S extends Socket> {
  readonly #ends: LinkEnds<S>;
  /** Null while it is lost, and when it is over. */
  #current: S | null;
  /** The socket of the attempt that is being made. */
  #attempt: S | null = null;
  #waiters: Waiter<S>[] = [];
  #cancelPause: () => void = () => undefined;
  #over: LatchkeyError | null = null;

  constructor(first: S, ends: LinkEnds<S>) {
    this.#current = first;
    this.#ends = ends;
  }

  get current(): S | null {
    return this.#current;
  }

  /** The connection, now or once it has been resumed. @throws LatchkeyError why it is over. */
  ready(): Promise<S> {
    if (this.#over !== null) return Promise.reject(this.#over);
    if (this.#current !== null) return Promise.resolve(this.#current);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Call it when the socket in use is gone. */
  lost(): void {
    if (this.#over !== null || this.#current === null) return;
    this.#current = null;
    this.#ends.onLost();
    void this.#comeBack(new Age(this.#ends.clock));
  }

  /** With `error` for whoever still waits. Idempotent. */
  close(error: LatchkeyError): void {
    if (this.#over !== null) return;
    this.#over = error;
    this.#cancelPause();
    this.#current?.close();
    this.#current = null;
    this.#attempt?.close();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(error);
  }

  async #comeBack(sinceLoss: Age): Promise<void> {
    const { windowMs } = this.#ends;
    let why = new LatchkeyError('connection_lost');
    for (let failed = 0; sinceLoss.ms < windowMs; failed++) {
      try {
        await this.#tryOnce(Math.min(attemptMs, windowMs - sinceLoss.ms));
        return;
      } catch (thrown) {
        if (this.#over !== null) return;
        const error = toLatchkeyError(thrown);
        // Our own deadline for the attempt closes its socket.
        why = error.code === 'closed' ? new LatchkeyError('connection_lost') : error;
      }
      if (!mendable.has(why.by)) break;
      await this.#pause(Math.min(this.#pauseAfter(failed), windowMs - sinceLoss.ms));
      if (this.#over !== null) return;
    }
    this.#ends.onOver(why);
  }

  async #tryOnce(withinMs: number): Promise<void> {
    const { clock, open, resume, onResumed } = this.#ends;
    const age = new Age(clock);
    const socket = await open(withinMs);
    this.#attempt = socket;
    const cancel = clock.after(Math.max(0, withinMs - age.ms), () => socket.close());
    try {
      this.#assertWanted(socket);
      const deliver = await resume(socket);
      this.#assertWanted(socket);
      this.#current = socket;
      onResumed();
      deliver();
      this.#release();
    } catch (thrown) {
      socket.close();
      throw thrown;
    } finally {
      cancel();
      this.#attempt = null;
    }
  }

  /** Unless what was delivered ended it all again. */
  #release(): void {
    const socket = this.#current;
    if (socket === null) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve(socket);
  }

  #assertWanted(socket: S): void {
    if (this.#over !== null) throw this.#over;
    // Gone again while what it answered was taken over.
    if (socket.closed) throw new LatchkeyError('connection_lost');
  }

  #pauseAfter(failed: number): number {
    const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** failed);
    return longest * (0.5 + this.#ends.random() / 2);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ends.clock.after(Math.max(0, ms), resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
