// What everybody is told, and what of it is left out for whoever is slow: state is made up for, facts are not, and who cannot keep up is dropped.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import type { ParticipantMedia } from '../../src/media/participantMedia.ts';
import { Audience } from '../../src/meeting/audience.ts';
import { Door } from '../../src/meeting/door.ts';
import { newMember } from '../../src/meeting/member.ts';
import type { Member, Outlet } from '../../src/meeting/member.ts';
import type { MeetingEvents } from '../../src/meeting/meetingContext.ts';
import { lease } from '../../src/protocol/names.ts';
import type { Role } from '../../src/protocol/names.ts';
import { serverNotices } from '../../src/protocol/signaling.ts';
import type { NoticeData } from '../../src/protocol/signaling.ts';
import { limits } from '../../src/protocol/timers.ts';

const spacingMs = 1_000 / limits.rosterDeltasPerSecond;

/** Nobody sends anything here. */
const silentMedia = { producers: [], producer: () => undefined, isMuted: () => false } satisfies Pick<
  ParticipantMedia,
  'producers' | 'producer' | 'isMuted'
>;

/** A socket that the test fills and drains. */
class FakeSocket implements Outlet {
  full = false;
  readonly sent: { notice: string; data: Record<string, unknown> }[] = [];
  readonly ends: (string | undefined)[][] = [];
  #waiting: (() => void)[] = [];

  sendText(text: string): void {
    if (this.ends.length === 0) this.sent.push(JSON.parse(text) as FakeSocket['sent'][number]);
  }

  sendState(text: string): boolean {
    if (this.full) return false;
    this.sendText(text);
    return true;
  }

  sendKeyMessage(): void {}

  whenDrained(then: () => void): void {
    this.#waiting.push(then);
  }

  end(...why: (string | undefined)[]): void {
    this.ends.push(why);
  }

  drain(): void {
    this.full = false;
    for (const then of this.#waiting.splice(0)) then();
  }

  /** How often it is waited for. */
  get awaited(): number {
    return this.#waiting.length;
  }

  get notices(): string[] {
    return this.sent.map(({ notice }) => notice);
  }

  get rosters(): NoticeData<'roster'>[] {
    return this.sent.flatMap(({ notice, data }) =>
      notice === 'roster' ? [serverNotices.roster.parse(data)] : [],
    );
  }

  told(notice: string): Record<string, unknown>[] {
    return this.sent.flatMap((one) => (one.notice === notice ? [one.data] : []));
  }
}

class Scene {
  nowMs = 1_000;
  readonly members = new Map<string, Member>();
  readonly counts = { resynchronised: 0, rosterNotices: 0 };
  readonly door: Door;
  readonly audience: Audience;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.door = new Door(
      { locked: false, lobby: true, live: true },
      {
        most: 1_000,
        onChanged: () => this.audience.doorChanged(),
        onGuests: () => this.audience.guestsChanged(),
      },
    );
    const events: Pick<MeetingEvents, 'resynchronised' | 'rosterNotices'> = {
      resynchronised: () => void this.counts.resynchronised++,
      rosterNotices: (sent) => void (this.counts.rosterNotices += sent),
    };
    this.audience = new Audience({
      context: { nowMs: () => this.nowMs, events: events as MeetingEvents },
      log: pino({ level: 'silent' }),
      members: this.members,
      door: this.door,
    });
  }

  join(participantId: string, role: Role = 'viewer'): { member: Member; socket: FakeSocket } {
    const socket = new FakeSocket();
    const member = newMember({
      participantId,
      name: participantId,
      role,
      tokenId: participantId,
      outlet: socket,
      lease: lease(this.members.size + 1),
      admission: new Uint8Array(),
      custodian: 1,
      media: silentMedia as unknown as ParticipantMedia,
    });
    this.members.set(participantId, member);
    member.entered = true;
    this.audience.roster.changed(member);
    return { member, socket };
  }

  leave(member: Member): void {
    this.members.delete(member.participantId);
    this.audience.roster.left(member, 'left');
  }

  passes(ms: number): void {
    this.nowMs += ms;
    this.#t.mock.timers.tick(ms);
  }

  /** Somebody who waits in the lobby. */
  knock(name: string): void {
    const pass = this.door.pass({
      name,
      role: 'viewer',
      tokenId: name,
      onWaiting: () => undefined,
      gone: new AbortController().signal,
    });
    // Turned away when the test ends it, where at all.
    pass.catch(() => undefined);
  }
}

describe('whoever is behind', () => {
  it('is spared what later notices make up for, and told all of it once when its socket has drained', (t) => {
    const scene = new Scene(t);
    const { socket: quick } = scene.join('quick');
    const { member, socket: slow } = scene.join('slow');
    scene.passes(1);
    assert.deepEqual([quick.rosters.length, slow.rosters.length], [1, 1]);

    slow.full = true;
    const { member: bob } = scene.join('bob');
    scene.passes(spacingMs);
    scene.audience.speakers(['quick']);
    scene.leave(bob);
    scene.join('cleo');
    scene.passes(spacingMs);
    scene.audience.speakers(['cleo']);
    assert.equal(member.behind, true);
    assert.deepEqual(slow.notices, ['roster'], 'nothing since');
    assert.equal(slow.awaited, 1, 'asked once, however much was left out');
    assert.deepEqual([quick.rosters.length, quick.told('speakers').length], [3, 2], 'others notice nothing');

    // It has room again, and was not told what it missed yet: a delta alone would be taken for the whole truth.
    slow.full = false;
    scene.audience.speakers(['quick', 'cleo']);
    assert.deepEqual(slow.notices, ['roster']);

    slow.drain();
    assert.deepEqual(slow.notices, ['roster', 'roster', 'speakers']);
    const [, everything] = slow.rosters;
    assert.deepEqual(
      [everything?.full, everything?.participants.map(({ participantId }) => participantId).toSorted()],
      [true, ['cleo', 'quick', 'slow']],
    );
    assert.deepEqual(slow.told('speakers'), [{ participantIds: ['quick', 'cleo'] }], 'the newest alone');
    assert.deepEqual(scene.counts, { resynchronised: 1, rosterNotices: 7 });

    scene.join('dan');
    scene.passes(spacingMs);
    assert.equal(slow.rosters.at(-1)?.full, false, 'and goes on like everybody');
    scene.audience.close();
  });

  it('is still told what must arrive', (t) => {
    const scene = new Scene(t);
    const { member, socket } = scene.join('slow', 'host');
    scene.passes(1);
    socket.full = true;
    scene.audience.speakers(['somebody']);
    assert.equal(member.behind, true);
    scene.door.change({ locked: true });
    scene.audience.broadcast('ended', { reason: 'meetingEnded' });
    scene.door.change({ locked: false });
    scene.knock('Gerda');
    scene.passes(spacingMs);
    assert.deepEqual(socket.notices, ['roster', 'door', 'ended', 'door', 'guests']);
    assert.deepEqual(socket.told('door').at(-1), { locked: false, lobby: true, live: true });
    scene.audience.close();
  });

  it('and falls behind again within ten seconds is dropped, with the reason', (t) => {
    const scene = new Scene(t);
    const { socket } = scene.join('slow');
    scene.passes(1);
    socket.full = true;
    scene.audience.speakers(['one']);
    socket.drain();
    scene.passes(9_999);
    assert.deepEqual(socket.ends, []);
    socket.full = true;
    scene.audience.speakers(['two']);
    assert.deepEqual(socket.ends, [['tooSlow', 'too_slow']]);
    assert.equal(socket.awaited, 0);
    scene.audience.speakers(['three']);
    assert.equal(socket.ends.length, 1, 'once');
    assert.equal(scene.counts.resynchronised, 1);
    scene.audience.close();
  });

  it('but kept up for ten seconds in between is told everything anew again', (t) => {
    const scene = new Scene(t);
    const { socket } = scene.join('slow');
    scene.passes(1);
    for (let round = 1; round <= 3; round++) {
      socket.full = true;
      scene.audience.speakers([`round ${round}`]);
      socket.drain();
      assert.equal(scene.counts.resynchronised, round);
      scene.passes(10_000);
    }
    assert.deepEqual(socket.ends, []);
    scene.audience.close();
  });

  it('and came back over another socket is told nothing over the old one, nor anything twice over the new', (t) => {
    const scene = new Scene(t);
    const { member, socket: before } = scene.join('slow');
    scene.passes(1);
    before.full = true;
    scene.audience.speakers(['ada']);
    const after = new FakeSocket();
    member.outlet = after;
    scene.audience.entered(member);
    before.drain();
    assert.deepEqual([before.notices, after.notices], [['roster'], ['speakers']]);
    assert.equal(scene.counts.resynchronised, 0);
    scene.audience.speakers(['bob']);
    assert.deepEqual(after.told('speakers'), [{ participantIds: ['ada'] }, { participantIds: ['bob'] }]);

    // Behind on the new one as well: the old one's draining is none of its own.
    after.full = true;
    scene.audience.speakers(['cleo']);
    before.drain();
    assert.equal(member.behind, true);
    after.drain();
    assert.deepEqual(after.notices, ['speakers', 'speakers', 'roster', 'speakers']);
    scene.audience.close();
  });

  it('and departed, or whose meeting closed, is told nothing when its socket drains', (t) => {
    const scene = new Scene(t);
    const gone = scene.join('gone');
    const here = scene.join('here');
    scene.passes(1);
    for (const { socket } of [gone, here]) socket.full = true;
    scene.audience.speakers(['ada']);
    scene.leave(gone.member);
    gone.socket.drain();
    scene.audience.close();
    here.socket.drain();
    assert.deepEqual([gone.socket.notices, here.socket.notices], [['roster'], ['roster']]);
  });
});

describe('everybody', () => {
  it('who is not in yet is told nothing', (t) => {
    const scene = new Scene(t);
    const { member, socket } = scene.join('early');
    member.entered = false;
    scene.audience.speakers(['ada']);
    scene.audience.doorChanged();
    scene.join('bob');
    scene.passes(spacingMs);
    assert.deepEqual(socket.sent, []);
    scene.audience.close();
  });

  it('is told nothing after the close, however much was due', (t) => {
    const scene = new Scene(t);
    const { socket } = scene.join('host', 'host');
    scene.passes(1);
    scene.join('bob');
    scene.knock('Gerda');
    scene.audience.close();
    scene.audience.close();
    scene.knock('Gustav');
    scene.audience.speakers(['bob']);
    scene.audience.doorChanged();
    scene.join('cleo');
    scene.passes(10 * spacingMs);
    assert.deepEqual(socket.notices, ['roster']);
  });
});

describe('guests', () => {
  it('are told to hosts alone, together, and a few times a second', (t) => {
    const scene = new Scene(t);
    const { socket: host } = scene.join('host', 'host');
    const { socket: presenter } = scene.join('presenter', 'presenter');
    const { socket: viewer } = scene.join('viewer');
    for (let number = 0; number < 150; number++) {
      scene.knock(`Guest ${number}`);
      scene.passes(10);
    }
    scene.passes(spacingMs);
    const told = host.told('guests').map((data) => serverNotices.guests.parse(data));
    assert.ok(told.length >= 6 && told.length <= 8, `${told.length} notices in one and a half seconds`);
    assert.deepEqual([told.at(-1)?.count, told.at(-1)?.guests.length], [150, limits.guestsNamed]);
    assert.deepEqual([presenter.told('guests'), viewer.told('guests')], [[], []]);
    scene.audience.close();
  });

  it('are told at once to one who becomes a host, and to a host that came back, where somebody waits', (t) => {
    const scene = new Scene(t);
    const { member, socket } = scene.join('raised');
    scene.audience.becameHost(member);
    assert.deepEqual(socket.told('guests'), [], 'nobody waits');
    scene.knock('Gerda');
    scene.passes(spacingMs);
    assert.deepEqual(socket.told('guests'), [], 'no host yet');
    member.role = 'host';
    scene.audience.becameHost(member);
    assert.equal(socket.told('guests').at(-1)?.['count'], 1);
    const next = new FakeSocket();
    member.outlet = next;
    scene.audience.entered(member);
    assert.equal(next.told('guests').at(-1)?.['count'], 1);
    scene.audience.close();
  });

  it('tells who speaks when that changes, and whoever comes in meanwhile at once', (t) => {
    const scene = new Scene(t);
    const { socket: ada } = scene.join('ada');
    for (let heard = 0; heard < 5; heard++) scene.audience.speakers(['ada', 'bob']);
    assert.deepEqual(ada.told('speakers'), [{ participantIds: ['ada', 'bob'] }]);
    const { member, socket: bob } = scene.join('bob');
    scene.audience.entered(member);
    assert.deepEqual(bob.told('speakers'), [{ participantIds: ['ada', 'bob'] }]);
    scene.audience.speakers([]);
    assert.deepEqual(ada.told('speakers').at(-1), { participantIds: [] });
    const { member: late, socket: cleo } = scene.join('cleo');
    scene.audience.entered(late);
    assert.deepEqual(cleo.told('speakers'), [], 'nobody speaks: nothing to tell');
    scene.audience.close();
  });
});
