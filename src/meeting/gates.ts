// The gates before participants' media (media/participantMedia.ts), moved as the rekey machine says, and what participants and the ledger
// are told when one is shut.

import type { Logger } from 'pino';
import type { EpochId } from '../protocol/names.ts';
import { encodeNotice } from './member.ts';
import type { Member } from './member.ts';
import type { MeetingLedger } from './meetingLedger.ts';

export class Gates {
  readonly #ledger: Pick<MeetingLedger, 'append'>;
  readonly #log: Logger;
  /** Told so, since they did not confirm in time. */
  readonly #paused = new Set<Member>();

  constructor(ledger: Pick<MeetingLedger, 'append'>, log: Logger) {
    this.#ledger = ledger;
    this.#log = log;
  }

  get paused(): number {
    return this.#paused.size;
  }

  start(member: Member): void {
    this.#follow(member, member.media.start());
  }

  pause(member: Member, epoch: EpochId, why: 'unconfirmed' | 'idle'): void {
    this.#follow(member, member.media.hold());
    if (why === 'unconfirmed' && !this.#paused.has(member)) {
      this.#paused.add(member);
      this.#tell(member, epoch, true);
    }
  }

  resume(member: Member, epoch: EpochId): void {
    this.#follow(member, member.media.release());
    if (this.#paused.delete(member)) this.#tell(member, epoch, false);
  }

  gone(member: Member): void {
    this.#paused.delete(member);
  }

  #tell(member: Member, epoch: EpochId, paused: boolean): void {
    const { participantId: participant, outlet } = member;
    this.#ledger.append({ type: paused ? 'paused' : 'resumed', participant, epoch });
    outlet.sendText(encodeNotice('sendingPaused', { paused, epoch }));
  }

  #follow(member: Member, moved: Promise<void>): void {
    moved.catch((thrown: unknown) => {
      if (member.media.closed) return;
      const { participantId: participant } = member;
      this.#log.error({ event: 'media.failed', participant, err: thrown }, 'media did not follow');
    });
  }
}
