// One member of the tests' server: what it was given and what it sent, over all its sockets.

import { once } from 'node:events';
import type { WebSocket } from 'ws';
import type { Lease, Role } from '../../src/protocol/names.ts';
import type {
  ClientNoticeData,
  NoticeData,
  Participant,
  ServerNotice,
} from '../../src/protocol/signaling.ts';

/** A waiter for something that a client sends. */
interface Waiter {
  readonly matches: (message: { name: string; data: unknown }) => boolean;
  readonly resolve: () => void;
}

/** A roster notice with this and nothing else. */
export const delta = (changes: Partial<NoticeData<'roster'>>): NoticeData<'roster'> => ({
  full: false,
  participants: [],
  left: [],
  producers: [],
  removed: [],
  ...changes,
});

export class Member {
  /** Another one after each resume. */
  socket: WebSocket;
  readonly name: string;
  /** What its token gave: every admission names it. */
  readonly tokenRole: Role;
  /** What it is now. */
  role: Role;
  hand: number | null = null;
  participantId = '';
  lease = 0 as Lease;
  /** Of the admission that waits for a rekey. */
  nextLease: Lease | null = null;
  tokenId = '';
  readonly producers = new Set<string>();
  readonly consumers = new Set<string>();
  acknowledged: { epoch: number; fingerprint: string }[] = [];
  confirmed: number[] = [];
  readonly reports: ClientNoticeData<'report'>[] = [];
  /** All that it sent, requests and notices. */
  readonly received: { name: string; data: unknown }[] = [];
  #waiters: Waiter[] = [];

  constructor(socket: WebSocket, name: string, role: Role) {
    this.socket = socket;
    this.name = name;
    this.tokenRole = role;
    this.role = role;
  }

  /** As a roster has it. */
  get entry(): Participant {
    const { participantId, name, role, hand } = this;
    return { participantId, name, role, hand };
  }

  notice<N extends ServerNotice>(notice: N, data: NoticeData<N>): void {
    this.socket.send(JSON.stringify({ notice, data }));
  }

  keyMessage(message: Uint8Array): void {
    this.socket.send(message);
  }

  /** As a network that fails: no goodbye. Resolves when the server has noticed. */
  async cut(): Promise<void> {
    this.socket.terminate();
    if (this.socket.readyState !== this.socket.CLOSED) await once(this.socket, 'close');
  }

  /** Resolves when it has sent this, now or before. */
  sent(name: string, matches: (data: never) => boolean = () => true): Promise<void> {
    const test = (message: { name: string; data: unknown }): boolean =>
      message.name === name && matches(message.data as never);
    if (this.received.some(test)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ matches: test, resolve }));
  }

  note(name: string, data: unknown): void {
    const message = { name, data };
    this.received.push(message);
    const waiting = this.#waiters.filter(({ matches }) => matches(message));
    this.#waiters = this.#waiters.filter((waiter) => !waiting.includes(waiter));
    for (const { resolve } of waiting) resolve();
  }
}
