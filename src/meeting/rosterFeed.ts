// Who came, went or changed, and what they send, as it is told: in one notice for everything since the last, the same bytes for everybody, at
// most `rosterDeltasPerSecond` times a second. A thousand people who join within ten seconds are then 40 notices to each and not a thousand.
//
// Newcomers begin with a snapshot, which is encoded once for all who come before the next notice: they are told that notice as well, and
// whatever of it the snapshot had already changes nothing.

import { limits } from '../protocol/timers.ts';
import type { DepartureCause } from '../protocol/names.ts';
import { describeProducer } from './meetingMedia.ts';
import { describeMember, encodeNotice } from './member.ts';
import type { Member } from './member.ts';
import { Pace } from './pace.ts';

interface Surroundings {
  /** Those whose join was answered. */
  readonly members: ReadonlyMap<string, Member>;
  /** To every one of them. */
  readonly tell: (text: string) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** JSON arrays. */
export interface EncodedRoster {
  readonly participants: string;
  readonly producers: string;
}

/** Of one participant since the last notice. */
interface Change {
  /** It came, or is another now. */
  self: boolean;
  readonly producers: Set<string>;
}

export class RosterFeed {
  readonly #at: Surroundings;
  readonly #pace: Pace;
  readonly #changes = new Map<string, Change>();
  readonly #left = new Map<string, DepartureCause>();
  readonly #removed = new Set<string>();
  /** What everybody was told of and not yet that it is gone, by participant. */
  readonly #told = new Map<string, Set<string>>();
  #snapshot: EncodedRoster | null = null;

  constructor(at: Surroundings) {
    this.#at = at;
    this.#pace = new Pace(1_000 / limits.rosterDeltasPerSecond, at.nowMs, () => this.flush());
  }

  /** It came, or its role or hand is another. */
  changed({ participantId }: Member): void {
    this.#change(participantId).self = true;
    this.#pace.due();
  }

  left({ participantId }: Member, cause: DepartureCause): void {
    this.#changes.delete(participantId);
    // Who came and went between two notices was never here.
    if (!this.#told.delete(participantId)) return;
    this.#left.set(participantId, cause);
    this.#pace.due();
  }

  /** Made, muted or unmuted. */
  producerChanged({ participantId }: Member, producerId: string): void {
    this.#change(participantId).producers.add(producerId);
    this.#pace.due();
  }

  producerRemoved({ participantId }: Member, producerId: string): void {
    this.#changes.get(participantId)?.producers.delete(producerId);
    if (this.#told.get(participantId)?.delete(producerId) !== true) return;
    this.#removed.add(producerId);
    this.#pace.due();
  }

  /** Producers are to be described anew: their frames carry other leases from now on. */
  leasesChanged(): void {
    this.#snapshot = null;
  }

  /** As of the last notice, or later. */
  get snapshot(): EncodedRoster {
    this.#snapshot ??= this.#encodeAll();
    return this.#snapshot;
  }

  /** For one who was not told everything. */
  get everything(): string {
    const { participants, producers } = this.snapshot;
    return `{"notice":"roster","data":{"full":true,"participants":${participants},"left":[],"producers":${producers},"removed":[]}}`;
  }

  /** Tells what has not been told yet. */
  flush(): void {
    this.#pace.done();
    const { members, tell } = this.#at;
    const left = Array.from(this.#left, ([participantId, cause]) => ({ participantId, cause }));
    const removed = Array.from(this.#removed, (producerId) => ({ producerId }));
    const participants = [];
    const producers = [];
    for (const [participantId, change] of this.#changes) {
      const member = members.get(participantId);
      if (member === undefined || !member.entered) continue;
      const told = this.#told.get(participantId) ?? new Set();
      this.#told.set(participantId, told);
      if (change.self) participants.push(describeMember(member));
      for (const producerId of change.producers) {
        const producer = member.media.producer(producerId);
        if (producer === undefined) continue;
        told.add(producerId);
        producers.push(describeProducer(member, producer));
      }
    }
    this.#left.clear();
    this.#removed.clear();
    this.#changes.clear();
    if (left.length + removed.length + participants.length + producers.length === 0) return;
    this.#snapshot = null;
    tell(encodeNotice('roster', { full: false, participants, left, producers, removed }));
  }

  close(): void {
    this.#pace.close();
  }

  #change(participantId: string): Change {
    const change = this.#changes.get(participantId) ?? { self: false, producers: new Set() };
    this.#changes.set(participantId, change);
    return change;
  }

  #encodeAll(): EncodedRoster {
    const here = [...this.#at.members.values()].filter(({ entered }) => entered);
    // Whoever gets this has to be told when one of them goes, even before everybody else is told that it came.
    for (const { participantId, media } of here)
      this.#told.set(participantId, new Set(media.producers.map(({ id }) => id)));
    const producers = here.flatMap((member) =>
      member.media.producers.map((producer) => describeProducer(member, producer)),
    );
    return {
      participants: JSON.stringify(here.map((member) => describeMember(member))),
      producers: JSON.stringify(producers),
    };
  }
}
