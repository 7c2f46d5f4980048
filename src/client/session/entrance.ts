// The meeting's door as this participant sees it, and, for hosts, who waits before it.

import type { Door, NoticeData } from '../../protocol/signaling.ts';
import type { Emitter } from './emitter.ts';
import type { SessionEvents } from './sessionEvents.ts';

type Guests = NoticeData<'guests'>;

const nobody: Guests = { count: 0, guests: [] };

export class Entrance {
  readonly #events: Emitter<SessionEvents>;
  #door: Door;
  #guests: Guests = nobody;

  constructor(door: Door, events: Emitter<SessionEvents>) {
    this.#door = door;
    this.#events = events;
    events.on('role', ({ role }) => {
      if (role !== 'host' && this.#guests.count > 0) this.toldGuests(nobody);
    });
  }

  get door(): Door {
    return this.#door;
  }

  get guests(): Guests {
    return this.#guests;
  }

  /** What is told again changes nothing. */
  told(door: Door): void {
    const { locked, lobby, live } = this.#door;
    if (door.locked === locked && door.lobby === lobby && door.live === live) return;
    this.#door = door;
    this.#events.emit('door', door);
  }

  toldGuests(guests: Guests): void {
    this.#guests = guests;
    this.#events.emit('guests', guests);
  }
}
