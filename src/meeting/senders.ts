// What a meeting tells the watch on its senders (media/senderWatch.ts), and what it does about those who broke a rule.

import type { Logger } from 'pino';
import type { SenderLease } from '../media/frameInspector.ts';
import type { MediaRoom, RoomEvents } from '../media/room.ts';
import type { ReportedViolation } from '../media/senderWatch.ts';
import type { EpochId } from '../protocol/names.ts';
import type { Member } from './member.ts';
import type { MeetingContext } from './meetingContext.ts';

interface Surroundings {
  readonly context: MeetingContext;
  readonly log: Logger;
  readonly room: MediaRoom;
  readonly member: (participantId: string) => Member | null;
  readonly liveEpochs: () => readonly EpochId[];
  /** It was told why, and is to go. */
  readonly onRefused: (member: Member) => void;
}

export class Senders {
  readonly #at: Surroundings;
  /** Of what the watch has counted, what was told. */
  #told = { inspected: 0, outOfOrder: 0 };

  constructor(at: Surroundings) {
    this.#at = at;
  }

  whois(participantId: string): { readonly leases: readonly SenderLease[] } | null {
    return this.#at.member(participantId);
  }

  get liveEpochs(): readonly EpochId[] {
    return this.#at.liveEpochs();
  }

  /** What it sent is not sealed as it must be: it is ended, and the key changed as for an eviction. */
  refuse(participantId: string, { kind, detail, producerId }: ReportedViolation): void {
    const { context, log, member: find, onRefused } = this.#at;
    const member = find(participantId);
    if (member === null) return;
    log.error(
      { event: 'sender.refused', participant: participantId, producer: producerId, kind, detail },
      'a sender broke a rule of sealing and is removed',
    );
    context.events.senderRefused(kind);
    member.outlet.end('protocolError', 'sender_refused');
    onRefused(member);
  }

  failed(cause: unknown): void {
    this.#at.log.warn({ event: 'watch.failed', err: cause }, 'a sender could not be watched');
  }

  /** Counts what was inspected since it was last asked. */
  report(): void {
    const { inspected, outOfOrder } = this.#at.room.inspected;
    const told = this.#told;
    this.#told = { inspected, outOfOrder };
    this.#at.context.events.inspected(inspected - told.inspected, outOfOrder - told.outOfOrder);
  }
}

/** `senders`: null until the meeting runs. */
export const watchedBy = (
  { nowMs, tapLimit }: MeetingContext,
  senders: () => Senders | null,
): RoomEvents['watch'] => ({
  nowMs,
  tapLimit,
  whois: (participantId) => senders()?.whois(participantId) ?? null,
  liveEpochs: () => senders()?.liveEpochs ?? [],
  onViolation: (participantId, violation) => senders()?.refuse(participantId, violation),
  onFailed: (cause) => senders()?.failed(cause),
});
