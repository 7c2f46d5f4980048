// The door of a meeting: who comes in at once, who waits, who does not come in. It stands before the custodian and before the roster: whoever
// waits has no key, is told nothing of those inside, and its token is not spent.

import { LatchkeyError } from '../protocol/errors.ts';
import { mayProduce } from '../protocol/names.ts';
import type { Role, WaitingReason } from '../protocol/names.ts';
import type { Door as DoorState, Guest, NoticeData } from '../protocol/signaling.ts';
import { limits } from '../protocol/timers.ts';
import { newWaitingId } from './identifiers.ts';

/** One who asks to come in. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
  readonly tokenId: string;
  /** Told at once, and whenever the reason changes. */
  readonly onWaiting: (reason: WaitingReason) => void;
  /** Aborted when it goes away. */
  readonly gone: AbortSignal;
}

interface Waiting {
  readonly caller: Caller;
  reason: WaitingReason;
  readonly comeIn: () => void;
  readonly turnAway: (error: LatchkeyError) => void;
}

export interface DoorEnds {
  /** Of those who may wait at a time. */
  readonly most: number;
  /** It stands otherwise now. */
  readonly onChanged: () => void;
  /** Who waits has changed. */
  readonly onGuests: () => void;
}

export class Door {
  readonly #ends: DoorEnds;
  #state: DoorState;
  /** In the order in which they came. */
  readonly #waiting = new Map<string, Waiting>();
  #closed: LatchkeyError | null = null;

  constructor(state: DoorState, ends: DoorEnds) {
    this.#state = state;
    this.#ends = ends;
  }

  get state(): DoorState {
    return this.#state;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** By what they wait for. */
  get waitingFor(): Readonly<Record<WaitingReason, number>> {
    const counts = { lobby: 0, backstage: 0 };
    for (const { reason } of this.#waiting.values()) counts[reason]++;
    return counts;
  }

  /** For hosts: how many wait, and the first of them. */
  get guests(): NoticeData<'guests'> {
    const guests: Guest[] = [];
    for (const [waitingId, { caller, reason }] of this.#waiting) {
      if (guests.length >= limits.guestsNamed) break;
      guests.push({ waitingId, name: caller.name, role: caller.role, reason });
    }
    return { count: this.#waiting.size, guests };
  }

  isWaiting(tokenId: string): boolean {
    for (const { caller } of this.#waiting.values()) if (caller.tokenId === tokenId) return true;
    return false;
  }

  /** Resolves when it may come in. @throws LatchkeyError `meeting_locked`, `turned_away`, `meeting_full`, `meeting_ended`, `closed`. */
  async pass(caller: Caller): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    this.#assertUnlocked(caller.role);
    const reason = this.#reasonFor(caller.role);
    if (reason === null) return;
    if (this.#waiting.size >= this.#ends.most)
      throw new LatchkeyError('meeting_full', 'too many wait already');
    const waitingId = newWaitingId();
    try {
      await new Promise<void>((comeIn, turnAway) => {
        this.#waiting.set(waitingId, { caller, reason, comeIn, turnAway });
        const leave = (): void => turnAway(new LatchkeyError('closed'));
        caller.gone.addEventListener('abort', leave, { once: true });
        if (caller.gone.aborted) leave();
        else caller.onWaiting(reason);
        this.#ends.onGuests();
      });
    } finally {
      if (this.#waiting.delete(waitingId)) this.#ends.onGuests();
    }
  }

  /** What is not given stays. */
  change(change: { readonly [P in keyof DoorState]?: boolean | undefined }): void {
    const { locked = this.#state.locked, lobby = this.#state.lobby, live = this.#state.live } = change;
    const before = this.#state;
    if (locked === before.locked && lobby === before.lobby && live === before.live) return;
    this.#state = { locked, lobby, live };
    this.#ends.onChanged();
    for (const waiting of this.#waiting.values()) this.#look(waiting);
    if (this.#waiting.size > 0) this.#ends.onGuests();
  }

  /** Lets them in; without ids everybody. How many. */
  admit(waitingIds: readonly string[] | null): number {
    return this.#forEach(waitingIds ?? [...this.#waiting.keys()], ({ comeIn }) => comeIn());
  }

  turnAway(waitingIds: readonly string[]): number {
    return this.#forEach(waitingIds, ({ turnAway }) => turnAway(new LatchkeyError('turned_away')));
  }

  /** Nobody comes in any more. */
  close(error: LatchkeyError): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    for (const { turnAway } of this.#waiting.values()) turnAway(error);
  }

  /** Of one who waits, when the door stands otherwise: it comes in, or waits for something else. */
  #look(waiting: Waiting): void {
    const { caller, comeIn } = waiting;
    const reason = this.#reasonFor(caller.role);
    if (reason === null) {
      if (!this.#state.locked) comeIn();
    } else if (reason !== waiting.reason) {
      waiting.reason = reason;
      caller.onWaiting(reason);
    }
  }

  #reasonFor(role: Role): WaitingReason | null {
    if (role === 'host') return null;
    if (!this.#state.live && !mayProduce(role)) return 'backstage';
    return this.#state.lobby ? 'lobby' : null;
  }

  /** Hosts have the key. */
  #assertUnlocked(role: Role): void {
    if (this.#state.locked && role !== 'host') throw new LatchkeyError('meeting_locked');
  }

  #forEach(waitingIds: readonly string[], act: (waiting: Waiting) => void): number {
    const found = [...new Set(waitingIds)].flatMap((id) => this.#waiting.get(id) ?? []);
    for (const waiting of found) act(waiting);
    return found.length;
  }
}
