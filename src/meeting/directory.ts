// All meetings of this node, by id. Names are kept while somebody is present or was not long ago; the number is bounded.

import { LatchkeyError } from '../protocol/errors.ts';
import type { EndReason, JoinPolicy, MeetingKind, Role } from '../protocol/names.ts';
import { newMeetingId } from './identifiers.ts';
import type { Incarnation } from './incarnation.ts';
import { Meeting } from './meeting.ts';
import type { MeetingContext, MeetingDescription, MeetingLimits, MeetingSettings } from './meetingContext.ts';
import { outlivesInterval } from '../protocol/timers.ts';
import type { Timers } from '../protocol/timers.ts';
import type { MeetingState } from '../observe/scrape.ts';
import type { EvictionReceipt, RekeyReceipt } from './receipts.ts';

export interface DirectoryLimits {
  readonly maxMeetings: number;
  /** A meeting that nobody has joined for this long may be forgotten. */
  readonly idleMs: number;
  readonly onEnded: (id: string) => void;
}

export interface MeetingDefaults {
  readonly joinPolicy: Readonly<Record<MeetingKind, JoinPolicy>>;
  readonly timers: Timers;
  readonly limits: MeetingLimits;
}

/** What a meeting has of its own; the server's where it does not say. */
type OwnSettings = { readonly [S in keyof MeetingSettings]?: MeetingSettings[S] | undefined };

export interface MeetingRequest {
  readonly kind: MeetingKind;
  readonly name?: string | undefined;
  readonly settings?: OwnSettings | undefined;
}

export interface ParticipantDescription {
  readonly participantId: string;
  readonly name: string;
  readonly role: Role;
  readonly away: boolean;
}

const noCounts = { epochsHeld: 0, lagging: 0, paused: 0 };

export class MeetingDirectory {
  readonly #context: MeetingContext;
  readonly #defaults: MeetingDefaults;
  readonly #limits: DirectoryLimits;
  readonly #meetings = new Map<string, Meeting>();
  /** Ids of meetings that ended, the oldest first: so that late-comers are told. */
  readonly #ended = new Set<string>();
  #draining = false;

  constructor(context: MeetingContext, defaults: MeetingDefaults, limits: DirectoryLimits) {
    this.#context = context;
    this.#defaults = defaults;
    this.#limits = limits;
  }

  /** @throws LatchkeyError `too_many_meetings`, `draining`. */
  create({ kind, name, settings = {} }: MeetingRequest): Meeting {
    if (this.#draining) throw new LatchkeyError('draining');
    if (this.#meetings.size >= this.#limits.maxMeetings) this.#forgetIdle();
    if (this.#meetings.size >= this.#limits.maxMeetings) throw new LatchkeyError('too_many_meetings');
    const meeting = new Meeting(
      { id: newMeetingId(), kind, name, ...this.#keying(kind, settings), ...this.#entrance(kind, settings) },
      this.#context,
    );
    this.#meetings.set(meeting.id, meeting);
    this.#context.log.info({ event: 'meeting.created', meeting: meeting.id, kind }, 'meeting created');
    return meeting;
  }

  /** @throws LatchkeyError `malformed` for an interval that outlives its epochs. */
  #keying(kind: MeetingKind, own: OwnSettings): { joinPolicy: JoinPolicy; timers: Timers } {
    const { joinPolicy, timers } = this.#defaults;
    const {
      freshForMs = timers.freshForMs,
      intervalMs = timers.intervalMs,
      renewalIntervalMs = timers.renewalIntervalMs,
    } = own;
    const merged = { ...timers, freshForMs, intervalMs, renewalIntervalMs };
    if (!outlivesInterval(merged)) {
      throw new LatchkeyError('malformed', 'intervalMs is longer than an epoch may live');
    }
    return { joinPolicy: own.joinPolicy ?? joinPolicy[kind], timers: merged };
  }

  /** A broadcast has a stage of so many; in an interactive meeting all may speak. @throws LatchkeyError `malformed` for more than is allowed. */
  #entrance(
    kind: MeetingKind,
    { participants, stage, lobby = false, backstage = false }: OwnSettings,
  ): Pick<MeetingDescription, 'limits' | 'door'> {
    const { limits } = this.#defaults;
    const most = {
      participants: limits.participants,
      stage: kind === 'broadcast' ? limits.stage : limits.participants,
    };
    for (const [name, given] of Object.entries({ participants, stage }) as [keyof MeetingLimits, number?][]) {
      if (given === undefined || given <= most[name]) continue;
      throw new LatchkeyError('malformed', `settings.${name}: this server allows ${most[name]}`);
    }
    const present = participants ?? most.participants;
    const sending = stage ?? Math.min(present, most.stage);
    return {
      limits: { participants: present, stage: sending },
      door: { locked: false, lobby, live: !backstage },
    };
  }

  participants(id: string): readonly ParticipantDescription[] {
    return this.get(id)
      .members.filter(({ entered }) => entered)
      .map(({ participantId, name, role, away }) => ({ participantId, name, role, away: away !== null }));
  }

  /** Resolves when the participant can open nothing more. @throws LatchkeyError `not_found`, and as `get`. */
  async evict(id: string, participantId: string): Promise<EvictionReceipt> {
    const { incarnation } = this.get(id);
    if (incarnation === null) throw new LatchkeyError('not_found', 'there is no such participant');
    return await incarnation.evict(participantId);
  }

  /** Resolves when the epoch is in use; null where the meeting ended first. @throws LatchkeyError `meeting_idle`, and as `get`. */
  async rekey(id: string, reason: 'operator' | 'compromise'): Promise<RekeyReceipt | null> {
    return await this.get(id).running.rekey(reason);
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

  /** Null where the meeting does not run, or is none. */
  running(id: string): Incarnation | null {
    return this.#meetings.get(id)?.incarnation ?? null;
  }

  custodianLost(): void {
    for (const meeting of this.#meetings.values()) meeting.incarnation?.custodianLost();
  }

  /** Every running meeting goes on with the next one. */
  custodianBack(): void {
    for (const meeting of this.#meetings.values()) void meeting.incarnation?.custodianBack();
  }

  /** What there is to see of each. */
  states(): MeetingState[] {
    return this.list().flatMap(({ id, kind, door, incarnation }) => {
      if (incarnation === null && door.waiting === 0) return [];
      incarnation?.senders.report();
      const participants = { host: 0, presenter: 0, viewer: 0 };
      for (const { role } of incarnation?.members ?? []) participants[role]++;
      const { epochsHeld, lagging, paused } = incarnation?.rekeyCounts ?? noCounts;
      const epoch = incarnation?.epochInUse ?? null;
      return { id, kind, participants, waiting: door.waitingFor, epoch, epochsHeld, lagging, paused };
    });
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
