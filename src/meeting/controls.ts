// What participants do about one another: hands, roles, and what only hosts may. None of it touches a key: who sends under which, and who can
// open it, is the same before and after, but for somebody who is removed.

import type { Logger } from 'pino';
import { LatchkeyError } from '../protocol/errors.ts';
import { mayProduce, roles } from '../protocol/names.ts';
import type { Role, Source } from '../protocol/names.ts';
import type { Ask } from '../protocol/signaling.ts';
import type { Audience } from './audience.ts';
import type { Door } from './door.ts';
import { encodeNotice } from './member.ts';
import type { Member } from './member.ts';
import type { Rekeying } from './rekeying.ts';

interface Surroundings {
  readonly log: Logger;
  readonly members: ReadonlyMap<string, Member>;
  readonly audience: Audience;
  readonly door: Door;
  readonly rekeying: Pick<Rekeying, 'stage'>;
  readonly onRole: (member: Member) => void;
  readonly evict: (member: Member) => void;
}

const shared: ReadonlySet<Source> = new Set(['screen', 'screenAudio']);

/** @throws LatchkeyError `forbidden` */
export const assertHost = ({ role }: Member): void => {
  if (role !== 'host') throw new LatchkeyError('forbidden', 'only hosts may do that');
};

export class Controls {
  readonly #at: Surroundings;
  #lastHand = 0;

  constructor(at: Surroundings) {
    this.#at = at;
  }

  raiseHand(member: Member, raised: boolean): void {
    if ((member.hand !== null) === raised) return;
    member.hand = raised ? ++this.#lastHand : null;
    this.#at.audience.roster.changed(member);
  }

  /** Live: the participant keeps its place, its lease and its key. @throws LatchkeyError `forbidden`, `not_found` */
  setRole(by: Member, { participantId, role }: Ask<'setRole'>): void {
    const steppingDown = by.participantId === participantId && isLower(role, by.role);
    if (!steppingDown) assertHost(by);
    const member = this.#find(participantId);
    const before = member.role;
    if (before === role) return;
    const { audience, rekeying, log } = this.#at;
    member.role = role;
    member.hand = null;
    if (mayProduce(before) !== mayProduce(role)) rekeying.stage(member, mayProduce(role));
    // Before anybody is told: what it sent ends here, whatever it believes.
    if (!mayProduce(role)) {
      this.#end(member, () => true);
      member.media.closeSend();
    }
    audience.roster.changed(member);
    if (role === 'host') audience.becameHost(member);
    this.#at.onRole(member);
    log.info(
      { event: 'participant.role', participant: participantId, before, role, by: by.participantId },
      'another role',
    );
  }

  /** Who is muted may unmute. @throws LatchkeyError `forbidden`, `not_found` */
  async mute(by: Member, participantId: string | undefined): Promise<void> {
    assertHost(by);
    const everybody = [...this.#at.members.values()].filter(
      ({ role, entered }) => role !== 'host' && entered,
    );
    const members = participantId === undefined ? everybody : [this.#find(participantId)];
    await Promise.all(members.map((member) => this.#mute(member)));
  }

  /** @throws LatchkeyError `forbidden`, `not_found` */
  stopShare(by: Member, participantId: string): void {
    assertHost(by);
    this.#end(this.#find(participantId), (source) => shared.has(source));
  }

  /** @throws LatchkeyError `forbidden`, `not_found` */
  remove(by: Member, participantId: string): void {
    assertHost(by);
    this.#at.evict(this.#find(participantId));
  }

  /** @throws LatchkeyError `forbidden` */
  setDoor(by: Member, change: Ask<'setDoor'>): void {
    assertHost(by);
    this.#at.door.change(change);
    this.#at.log.info(
      { event: 'meeting.door', by: by.participantId, ...this.#at.door.state },
      'the door was set',
    );
  }

  /** How many. @throws LatchkeyError `forbidden` */
  admit(by: Member, waitingIds: readonly string[] | undefined): number {
    assertHost(by);
    return this.#at.door.admit(waitingIds ?? null);
  }

  /** How many. @throws LatchkeyError `forbidden` */
  turnAway(by: Member, waitingIds: readonly string[]): number {
    assertHost(by);
    return this.#at.door.turnAway(waitingIds);
  }

  /** What it sends of these sources. It is told at once, also of what nobody else has heard of yet: it did not ask for it. */
  #end({ media, outlet }: Member, ends: (source: Source) => boolean): void {
    const ended = media.producers.filter((producer) => ends(sourceOf(producer)));
    if (ended.length === 0) return;
    for (const producer of ended) producer.close();
    const removed = ended.map(({ id }) => ({ producerId: id }));
    outlet.sendText(
      encodeNotice('roster', { full: false, participants: [], left: [], producers: [], removed }),
    );
  }

  async #mute(member: Member): Promise<void> {
    const { media, outlet } = member;
    const producerIds = media.producers
      .filter((producer) => sourceOf(producer) === 'microphone' && !media.isMuted(producer.id))
      .map(({ id }) => id);
    if (producerIds.length === 0) return;
    // Told first: what it does about it must not be taken for what it did before.
    outlet.sendText(encodeNotice('muted', { producerIds }));
    await Promise.all(
      producerIds.map(async (producerId) => {
        try {
          await media.setMuted(producerId, true);
          this.#at.audience.roster.producerChanged(member, producerId);
        } catch (thrown) {
          // Gone while it was muted: it is as silent as it was to be.
          if (media.producer(producerId) !== undefined) throw thrown;
        }
      }),
    );
  }

  #find(participantId: string): Member {
    const member = this.#at.members.get(participantId);
    if (member === undefined || !member.entered)
      throw new LatchkeyError('not_found', 'there is no such participant');
    return member;
  }
}

const sourceOf = ({ appData }: { readonly appData: Record<string, unknown> }): Source =>
  appData['source'] as Source;

/** `roles` stand in order, the highest first. */
const isLower = (role: Role, than: Role): boolean => roles.indexOf(role) > roles.indexOf(than);
