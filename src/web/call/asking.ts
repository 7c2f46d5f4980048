// What is asked of the meeting and needs no more than to be asked: hosts' controls, hands, stepping down. What became of it comes as
// an event; what went wrong is said.

import type { Door, Meeting, Role } from '../../client/browser/api.ts';
import type { Store } from '../state/store.ts';
import { adviceFor } from '../words/advice.ts';

/** Of somebody who has just gone there is nothing to say. */
const isGone = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && Reflect.get(thrown, 'code') === 'not_found';

export class Asking {
  readonly #store: Store;
  readonly #meeting: Meeting;
  #closed = false;

  constructor(store: Store, meeting: Meeting) {
    this.#store = store;
    this.#meeting = meeting;
  }

  /** The meeting ended: what is still on its way has nobody to tell. */
  close(): void {
    this.#closed = true;
  }

  raiseHand(raised: boolean): Promise<void> {
    return this.#ask(() => this.#meeting.raiseHand(raised));
  }

  stepDown(): Promise<void> {
    return this.#ask(() => this.#meeting.stepDown());
  }

  setRole(participantId: string, role: Role): Promise<void> {
    return this.#ask(() => this.#meeting.host.setRole(participantId, role));
  }

  mute(participantId: string): Promise<void> {
    return this.#ask(() => this.#meeting.host.mute(participantId));
  }

  muteAll(): Promise<void> {
    return this.#ask(() => this.#meeting.host.mute());
  }

  stopShare(participantId: string): Promise<void> {
    return this.#ask(() => this.#meeting.host.stopShare(participantId));
  }

  remove(participantId: string): Promise<void> {
    return this.#ask(() => this.#meeting.host.remove(participantId));
  }

  setDoor(change: Partial<Door>): Promise<void> {
    return this.#ask(() => this.#meeting.host.setDoor(change));
  }

  admit(waitingId: string): Promise<void> {
    return this.#ask(() => this.#meeting.host.admit([waitingId]));
  }

  admitAll(): Promise<void> {
    return this.#ask(() => this.#meeting.host.admit());
  }

  turnAway(waitingId: string): Promise<void> {
    return this.#ask(() => this.#meeting.host.turnAway([waitingId]));
  }

  end(): Promise<void> {
    return this.#ask(() => this.#meeting.host.end());
  }

  async #ask(what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (thrown) {
      if (!this.#closed && !isGone(thrown))
        this.#store.dispatch({ type: 'trouble', advice: adviceFor(thrown) });
    }
  }
}
