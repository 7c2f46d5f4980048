// A meeting as the API knows it: a name that lasts, and while anybody is present an incarnation that runs.

import type { ErrorCode } from '../protocol/errors.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import type { EndReason, MeetingKind } from '../protocol/names.ts';
import { Door } from './door.ts';
import { Incarnation } from './incarnation.ts';
import type { JoinRequest, Member } from './member.ts';
import type { MeetingContext, MeetingDescription, MeetingSettings } from './meetingContext.ts';

export class Meeting {
  readonly description: MeetingDescription;
  readonly createdAt: Date;
  readonly door: Door;
  readonly #context: MeetingContext;
  #incarnation: Incarnation | null = null;
  /** Shared by everybody who joins while it starts. */
  #starting: Promise<Incarnation> | null = null;
  /** Let in, and not there yet. */
  #arriving = 0;
  #ended = false;
  #idleSinceMs: number;

  constructor(description: MeetingDescription, context: MeetingContext) {
    this.description = description;
    this.#context = context;
    this.createdAt = new Date();
    this.door = new Door(description.door, {
      most: description.limits.participants,
      onChanged: () => this.#incarnation?.audience.doorChanged(),
      onGuests: () => this.#incarnation?.audience.guestsChanged(),
    });
    this.#idleSinceMs = context.nowMs();
  }

  get id(): string {
    return this.description.id;
  }

  get kind(): MeetingKind {
    return this.description.kind;
  }

  get name(): string | undefined {
    return this.description.name;
  }

  get settings(): MeetingSettings {
    const { joinPolicy, timers, limits, door } = this.description;
    const { freshForMs, intervalMs, renewalIntervalMs } = timers;
    const keying = { joinPolicy, freshForMs, intervalMs, renewalIntervalMs };
    return { ...keying, ...limits, lobby: door.lobby, backstage: !door.live };
  }

  /** Present now. */
  get participants(): number {
    return this.members.length;
  }

  get incarnation(): Incarnation | null {
    return this.#incarnation;
  }

  /** Monotonic time since when nobody has been present; null while somebody is. */
  get idleSinceMs(): number | null {
    const idle = this.#incarnation === null && this.#starting === null && this.door.waiting === 0;
    return idle ? this.#idleSinceMs : null;
  }

  /** @throws LatchkeyError `meeting_idle` */
  get running(): Incarnation {
    if (this.#incarnation === null) throw new LatchkeyError('meeting_idle');
    return this.#incarnation;
  }

  get members(): readonly Member[] {
    return this.#incarnation?.members ?? [];
  }

  /** By somebody who is here, or who waits before the door. */
  tokenInUse(tokenId: string): boolean {
    return this.door.isWaiting(tokenId) || this.members.some((member) => member.tokenId === tokenId);
  }

  /** @throws LatchkeyError `meeting_full` */
  assertRoom(): void {
    if (this.participants + this.#arriving >= this.description.limits.participants)
      throw new LatchkeyError('meeting_full');
  }

  /** `admitted` is called in the moment in which there is room: it spends the token. @throws LatchkeyError `meeting_full`, and what it throws. */
  async join(
    request: JoinRequest,
    admitted: () => void,
  ): Promise<{ incarnation: Incarnation; member: Member }> {
    this.assertRoom();
    admitted();
    this.#arriving++;
    try {
      const incarnation = await this.#running();
      const member = await incarnation.join(request);
      return { incarnation, member };
    } finally {
      this.#arriving--;
    }
  }

  /** For good: its id is not used again. */
  end(reason: EndReason = 'meetingEnded', code?: ErrorCode): void {
    if (this.#ended) return;
    this.#ended = true;
    this.door.close(new LatchkeyError(reason === 'serverStopping' ? 'draining' : 'meeting_ended'));
    this.#incarnation?.close(reason, code);
  }

  async #running(): Promise<Incarnation> {
    if (this.#ended) throw new LatchkeyError('meeting_ended');
    if (this.#incarnation !== null) return this.#incarnation;
    this.#starting ??= this.#start();
    return await this.#starting;
  }

  async #start(): Promise<Incarnation> {
    try {
      const incarnation = await Incarnation.start(this.description, this.#context, {
        door: this.door,
        onEmpty: () => this.#stopped(incarnation),
      });
      if (this.#ended) {
        incarnation.close('meetingEnded');
        throw new LatchkeyError('meeting_ended');
      }
      this.#incarnation = incarnation;
      return incarnation;
    } finally {
      this.#starting = null;
    }
  }

  #stopped(incarnation: Incarnation): void {
    if (this.#incarnation !== incarnation) return;
    this.#incarnation = null;
    this.#idleSinceMs = this.#context.nowMs();
  }
}
