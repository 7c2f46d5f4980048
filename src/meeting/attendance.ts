// That a meeting began, who came and who went, and that it is over, said to everybody who wants to know: the roster, the log, metrics, and whoever follows the meeting.

import type { Logger } from 'pino';
import { toBase64Url } from '../protocol/bytes.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { DepartureCause, EndReason } from '../protocol/names.ts';
import type { Told } from './happenings.ts';
import type { Member } from './member.ts';
import type { MeetingDescription, MeetingEvents } from './meetingContext.ts';
import type { RosterFeed } from './rosterFeed.ts';

interface Surroundings {
  readonly roster: Pick<RosterFeed, 'left'>;
  readonly events: Pick<MeetingEvents, 'departed'>;
  readonly log: Logger;
  readonly tell: (told: Told) => void;
}

export class Attendance {
  readonly #at: Surroundings;

  constructor(at: Surroundings) {
    this.#at = at;
  }

  began({ kind, name }: Pick<MeetingDescription, 'kind' | 'name'>, incarnation: Uint8Array): void {
    this.#at.log.info({ event: 'meeting.started', kind }, 'meeting started');
    this.#at.tell({ type: 'meetingStarted', kind, name, incarnation: toBase64Url(incarnation) });
  }

  joined({ participantId: participant, name, role, lease }: Member): void {
    this.#at.log.info({ event: 'participant.joined', participant, role, lease }, 'participant joined');
    this.#at.tell({ type: 'participantJoined', participant, name, role });
  }

  left(member: Member, cause: DepartureCause): void {
    const { participantId: participant, name, role } = member;
    this.#at.roster.left(member, cause);
    this.#at.events.departed(cause);
    this.#at.log.info({ event: 'participant.left', participant, cause }, 'participant left');
    this.#at.tell({ type: 'participantLeft', participant, name, role, cause });
  }

  over(
    incarnation: Uint8Array,
    end: { readonly reason: EndReason; readonly code: ErrorCode | undefined; readonly participants: number },
  ): void {
    this.#at.log.info({ event: 'meeting.stopped', ...end }, 'meeting stopped');
    this.#at.tell({ type: 'meetingEnded', reason: end.reason, incarnation: toBase64Url(incarnation) });
  }
}
