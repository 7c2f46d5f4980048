// All meetings of this node, by id. Names are kept while somebody is present or was not long ago; the number is bounded.

import { LatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason, MeetingKind, Role } from '../protocol/names.ts';
import { newMeetingId } from './identifiers.ts';
import { Meeting } from './meeting.ts';
import type { MeetingContext } from './meetingContext.ts';

export interface DirectoryLimits {
  readonly maxMeetings: number;
  /** A meeting that nobody has joined for this long may be forgotten. */
  readonly idleMs: number;
  readonly onEnded: (id: string) => void;
}

export interface Census {
  /** Meetings with somebody in them, by kind. */
  readonly meetings: Record<MeetingKind, number>;
  readonly participants: Record<Role, number>;
  /** Epochs of running meetings that are not retired. */
  readonly epochsHeld: number;
  readonly lagging: number;
  readonly paused: number;
}

export class MeetingDirectory {
  readonly #context: MeetingContext;
  readonly #limits: DirectoryLimits;
  readonly #meetings = new Map<string, Meeting>();
  /** Ids of meetings that ended, the oldest first: so that late-comers are told. */
  readonly #ended = new Set<string>();
  #draining = false;

  constructor(context: MeetingContext, limits: DirectoryLimits) {
    this.#context = context;
    this.#limits = limits;
  }

  /** @throws LatchkeyError `too_many_meetings`, `draining`. */
  create({ kind, name }: { kind: MeetingKind; name?: string | undefined }): Meeting {
    if (this.#draining) throw new LatchkeyError('draining');
    if (this.#meetings.size >= this.#limits.maxMeetings) this.#forgetIdle();
    if (this.#meetings.size >= this.#limits.maxMeetings) throw new LatchkeyError('too_many_meetings');
    const meeting = new Meeting({ id: newMeetingId(), kind, name }, this.#context);
    this.#meetings.set(meeting.id, meeting);
    this.#context.log.info({ event: 'meeting.created', meeting: meeting.id, kind }, 'meeting created');
    return meeting;
  }

  /** @throws LatchkeyError `meeting_ended`, `meeting_not_found`. */
  get(id: string): Meeting {
    const meeting = this.#meetings.get(id);
    if (meeting !== undefined) return meeting;
    throw new LatchkeyError(this.#ended.has(id) ? 'meeting_ended' : 'meeting_not_found');
  }

  list(): readonly Meeting[] {
    return [...this.#meetings.values()];
  }

  end(id: string): void {
    this.#end(this.get(id), 'meetingEnded');
  }

  /** No new meetings; those there are ended. */
  close(): void {
    this.#draining = true;
    for (const meeting of this.list()) this.#end(meeting, 'serverStopping');
  }

  /** What held keys is gone: running meetings cannot go on, their names can. */
  stopRunning(code: ErrorCode): void {
    for (const meeting of this.#meetings.values()) meeting.incarnation?.close('failed', code);
  }

  census(): Census {
    const census = {
      meetings: { interactive: 0, broadcast: 0 },
      participants: { host: 0, presenter: 0, viewer: 0 },
      epochsHeld: 0,
      lagging: 0,
      paused: 0,
    };
    for (const { description, incarnation } of this.#meetings.values()) {
      if (incarnation === null) continue;
      census.meetings[description.kind]++;
      for (const { role } of incarnation.members) census.participants[role]++;
      census.epochsHeld += incarnation.rekeyCounts.epochsHeld;
      census.lagging += incarnation.rekeyCounts.lagging;
      census.paused += incarnation.rekeyCounts.paused;
    }
    return census;
  }

  #end(meeting: Meeting, reason: EndReason): void {
    meeting.end(reason);
    this.#meetings.delete(meeting.id);
    this.#limits.onEnded(meeting.id);
    this.#ended.add(meeting.id);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= this.#limits.maxMeetings) break;
      this.#ended.delete(oldest);
    }
    this.#context.log.info({ event: 'meeting.ended', meeting: meeting.id, reason }, 'meeting ended');
  }

  #forgetIdle(): void {
    const before = this.#context.nowMs() - this.#limits.idleMs;
    for (const meeting of this.list()) {
      if (meeting.idleSinceMs !== null && meeting.idleSinceMs <= before) this.#end(meeting, 'meetingEnded');
    }
  }
}
