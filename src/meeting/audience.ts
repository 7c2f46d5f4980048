// What a meeting tells its participants: once, in order, to each over its own socket. Two kinds of notice go out here. What must arrive waits in
// the socket, whose queue is bounded. What a later notice makes up for (who is here, who speaks) is left out where much waits already; once
// that has left, whoever missed something is told all of it anew. Who falls behind again at once cannot keep up, and is dropped.

import type { Logger } from 'pino';
import type { NoticeData, ServerNotice } from '../protocol/signaling.ts';
import { limits } from '../protocol/timers.ts';
import type { Door } from './door.ts';
import { encodeNotice } from './member.ts';
import type { Member } from './member.ts';
import type { MeetingContext } from './meetingContext.ts';
import { Pace } from './pace.ts';
import { RosterFeed } from './rosterFeed.ts';

/** Behind twice within this time is too slow, in milliseconds. Shorter: whoever is slow for long is told everything again and again. */
const keepUpMs = 10_000;

const nobodySpeaks = encodeNotice('speakers', { participantIds: [] });

interface Surroundings {
  readonly context: Pick<MeetingContext, 'nowMs' | 'events'>;
  readonly log: Logger;
  readonly members: ReadonlyMap<string, Member>;
  readonly door: Door;
}

export class Audience {
  readonly roster: RosterFeed;
  readonly #at: Surroundings;
  readonly #guests: Pace;
  /** When a member that was behind was told everything anew. */
  readonly #resynchronised = new WeakMap<Member, number>();
  #speakers = nobodySpeaks;
  #closed = false;

  constructor(at: Surroundings) {
    this.#at = at;
    const { nowMs } = at.context;
    this.roster = new RosterFeed({
      members: at.members,
      nowMs,
      tell: (text) => at.context.events.rosterNotices(this.#tellState(text)),
    });
    this.#guests = new Pace(1_000 / limits.rosterDeltasPerSecond, nowMs, () => this.#tellGuests());
  }

  /** To everybody, and it must arrive. */
  broadcast<N extends ServerNotice>(notice: N, data: NoticeData<N>): void {
    if (this.#closed) return;
    const text = encodeNotice(notice, data);
    for (const { entered, outlet } of this.#at.members.values()) if (entered) outlet.sendText(text);
  }

  /** Told when they are others, or others are louder: whoever goes on speaking is no news, three times a second to everybody. */
  speakers(participantIds: string[]): void {
    const text = encodeNotice('speakers', { participantIds });
    if (text === this.#speakers) return;
    this.#speakers = text;
    this.#tellState(text);
  }

  doorChanged(): void {
    this.broadcast('door', this.#at.door.state);
  }

  guestsChanged(): void {
    if (!this.#closed) this.#guests.due();
  }

  /** It is a host now: the only ones who are told who waits. */
  becameHost({ outlet }: Member): void {
    if (this.#at.door.waiting > 0) outlet.sendText(encodeNotice('guests', this.#at.door.guests));
  }

  /** Its join was answered, or its new socket told who is here: what else goes on now. */
  entered(member: Member): void {
    member.behind = false;
    if (this.#speakers !== nobodySpeaks) member.outlet.sendText(this.#speakers);
    if (member.role === 'host') this.becameHost(member);
  }

  close(): void {
    this.#closed = true;
    this.roster.close();
    this.#guests.close();
  }

  /** To how many. */
  #tellState(text: string): number {
    if (this.#closed) return 0;
    let told = 0;
    for (const member of this.#at.members.values()) {
      if (!member.entered || member.behind) continue;
      if (member.outlet.sendState(text)) told++;
      else this.#fellBehind(member);
    }
    return told;
  }

  #fellBehind(member: Member): void {
    const { context, log } = this.#at;
    const { outlet, participantId: participant } = member;
    member.behind = true;
    const before = this.#resynchronised.get(member);
    if (before !== undefined && context.nowMs() - before < keepUpMs) {
      log.warn({ event: 'participant.too_slow', participant }, 'does not keep up with the meeting');
      outlet.end('tooSlow', 'too_slow');
      return;
    }
    outlet.whenDrained(() => {
      const here = this.#at.members.get(participant) === member && member.outlet === outlet;
      if (!here || this.#closed || !member.behind) return;
      member.behind = false;
      this.#resynchronised.set(member, context.nowMs());
      context.events.resynchronised();
      log.info(
        { event: 'participant.resynchronised', participant },
        'was behind and is told everything anew',
      );
      outlet.sendText(this.roster.everything);
      context.events.rosterNotices(1);
      outlet.sendText(this.#speakers);
    });
  }

  #tellGuests(): void {
    const text = encodeNotice('guests', this.#at.door.guests);
    for (const { entered, role, outlet } of this.#at.members.values()) {
      if (entered && role === 'host') outlet.sendText(text);
    }
  }
}
