// A meeting as the API knows it: a name that lasts, and while anybody is present an incarnation that runs.

import type { ErrorCode } from '../protocol/errors.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import type { EndReason, MeetingKind } from '../protocol/names.ts';
import { Incarnation } from './incarnation.ts';
import type { JoinRequest } from './incarnation.ts';
import type { Member } from './member.ts';
import type { MeetingContext, MeetingDescription, MeetingSettings } from './meetingContext.ts';

export class Meeting {
  readonly description: MeetingDescription;
  readonly createdAt: Date;
  readonly #context: MeetingContext;
  #incarnation: Incarnation | null = null;
  /** Shared by everybody who joins while it starts. */
  #starting: Promise<Incarnation> | null = null;
  #ended = false;
  #idleSinceMs: number;

  constructor(description: MeetingDescription, context: MeetingContext) {
    this.description = description;
    this.#context = context;
    this.createdAt = new Date();
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

  /** How it is keyed. */
  get settings(): MeetingSettings {
    const { joinPolicy, timers } = this.description;
    const { freshForMs, intervalMs, renewalIntervalMs } = timers;
    return { joinPolicy, freshForMs, intervalMs, renewalIntervalMs };
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
    return this.#incarnation === null && this.#starting === null ? this.#idleSinceMs : null;
  }

  /** @throws LatchkeyError `meeting_idle` */
  get running(): Incarnation {
    if (this.#incarnation === null) throw new LatchkeyError('meeting_idle');
    return this.#incarnation;
  }

  get members(): readonly Member[] {
    return this.#incarnation?.members ?? [];
  }

  tokenInUse(tokenId: string): boolean {
    return this.members.some((member) => member.tokenId === tokenId);
  }

  /** @throws LatchkeyError `meeting_full`, before a token is spent. */
  assertRoom(): void {
    if ((this.#incarnation?.size ?? 0) >= this.#context.maxParticipants)
      throw new LatchkeyError('meeting_full');
  }

  async join(request: JoinRequest): Promise<{ incarnation: Incarnation; member: Member }> {
    const incarnation = await this.#running();
    const member = await incarnation.join(request);
    return { incarnation, member };
  }

  /** For good: its id is not used again. */
  end(reason: EndReason = 'meetingEnded', code?: ErrorCode): void {
    if (this.#ended) return;
    this.#ended = true;
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
      const incarnation = await Incarnation.start(this.description, this.#context, () =>
        this.#stopped(incarnation),
      );
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
