// What everybody is told of who comes and goes: together, seldom, and so that whoever begins with a snapshot ends with the truth.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Producer as RtpProducer } from 'mediasoup/types';
import fc from 'fast-check';
import type { ParticipantMedia } from '../../src/media/participantMedia.ts';
import { newMember, nowhere } from '../../src/meeting/member.ts';
import type { Member } from '../../src/meeting/member.ts';
import { RosterFeed } from '../../src/meeting/rosterFeed.ts';
import { lease } from '../../src/protocol/names.ts';
import { serverNotices } from '../../src/protocol/signaling.ts';
import type { NoticeData } from '../../src/protocol/signaling.ts';
import { limits } from '../../src/protocol/timers.ts';

const spacingMs = 1_000 / limits.rosterDeltasPerSecond;

/** Only what the feed looks at: no worker runs here. */
const mediaOf = (producers: Map<string, boolean>): ParticipantMedia => {
  const described = (id: string) =>
    ({ id, kind: 'audio', appData: { source: 'microphone', stream: 0 } }) as unknown as RtpProducer;
  const media: Pick<ParticipantMedia, 'producers' | 'producer' | 'isMuted'> = {
    get producers() {
      return [...producers.keys()].map(described);
    },
    producer: (id) => (producers.has(id) ? described(id) : undefined),
    isMuted: (id) => producers.get(id) === true,
  };
  return media as unknown as ParticipantMedia;
};

/** What a client makes of it: as src/client/session does, in its own words. */
class Model {
  readonly participants = new Map<string, string>();
  readonly producers = new Map<string, string>();

  take({ full, participants, left, producers, removed }: NoticeData<'roster'>): this {
    if (full) {
      this.participants.clear();
      this.producers.clear();
    }
    for (const { participantId } of left) {
      this.participants.delete(participantId);
      for (const [id, text] of this.producers)
        if (text.startsWith(`${participantId} `)) this.producers.delete(id);
    }
    for (const { producerId } of removed) this.producers.delete(producerId);
    for (const { participantId, role, hand } of participants)
      this.participants.set(participantId, `${role} ${hand}`);
    for (const { producerId, participantId, lease, paused } of producers)
      this.producers.set(producerId, `${participantId} ${lease} ${paused}`);
    return this;
  }

  get state(): unknown {
    return [Object.fromEntries(this.participants), Object.fromEntries(this.producers)];
  }
}

class Scene {
  nowMs = 1_000;
  readonly members = new Map<string, Member>();
  readonly sends = new Map<string, Map<string, boolean>>();
  readonly told: NoticeData<'roster'>[] = [];
  /** Each began with a snapshot. */
  readonly listeners: Model[] = [];
  readonly feed = new RosterFeed({
    members: this.members,
    nowMs: () => this.nowMs,
    tell: (text) => {
      const { notice, data } = JSON.parse(text) as { notice: string; data: unknown };
      assert.equal(notice, 'roster');
      const roster = serverNotices.roster.parse(data);
      this.told.push(roster);
      for (const listener of this.listeners) listener.take(roster);
    },
  });

  join(participantId: string): Member {
    const producers = new Map<string, boolean>();
    this.sends.set(participantId, producers);
    const member = newMember({
      participantId,
      name: participantId,
      role: 'presenter',
      tokenId: participantId,
      outlet: nowhere,
      lease: lease(this.sends.size),
      admission: new Uint8Array(),
      custodian: 1,
      media: mediaOf(producers),
    });
    this.members.set(participantId, member);
    member.entered = true;
    this.feed.changed(member);
    return member;
  }

  leave(member: Member): void {
    this.members.delete(member.participantId);
    this.feed.left(member, 'left');
  }

  produce(member: Member, producerId: string): void {
    this.sends.get(member.participantId)?.set(producerId, false);
    this.feed.producerChanged(member, producerId);
  }

  listen(): Model {
    const full = JSON.parse(this.feed.everything) as { data: unknown };
    const listener = new Model().take(serverNotices.roster.parse(full.data));
    this.listeners.push(listener);
    return listener;
  }

  get truth(): unknown {
    const model = new Model();
    for (const { participantId, role, hand, lease } of this.members.values()) {
      model.participants.set(participantId, `${role} ${hand}`);
      for (const [id, muted] of this.sends.get(participantId) ?? [])
        model.producers.set(id, `${participantId} ${lease} ${muted}`);
    }
    return model.state;
  }
}

describe('the roster, as it is told', () => {
  it('puts what happens in one moment into one notice, and the next a quarter of a second later', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const scene = new Scene();
    const ada = scene.join('ada');
    scene.produce(ada, 'microphone');
    scene.join('bob');
    assert.equal(scene.told.length, 0);
    t.mock.timers.tick(1);
    const [first] = scene.told;
    assert.deepEqual(
      [first?.full, first?.participants.map(({ participantId }) => participantId), first?.producers.length],
      [false, ['ada', 'bob'], 1],
    );
    for (let moment = 0; moment < 10; moment++) {
      scene.join(`guest ${moment}`);
      scene.nowMs += spacingMs / 10 - 1;
      t.mock.timers.tick(spacingMs / 10 - 1);
    }
    assert.equal(scene.told.length, 1, 'not before the spacing has passed');
    scene.nowMs += 20;
    t.mock.timers.tick(20);
    assert.equal(scene.told.length, 2);
    assert.equal(scene.told[1]?.participants.length, 10);
    scene.feed.close();
  });

  it('does not tell of who came and went between two notices, nor of a stream that was made and closed', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const scene = new Scene();
    const ada = scene.join('ada');
    t.mock.timers.tick(1);
    const bob = scene.join('bob');
    scene.leave(bob);
    scene.produce(ada, 'screen');
    scene.sends.get('ada')?.delete('screen');
    scene.feed.producerRemoved(ada, 'screen');
    scene.nowMs += spacingMs;
    t.mock.timers.tick(spacingMs);
    assert.equal(scene.told.length, 1);
    scene.feed.close();
  });

  it('encodes a snapshot once for all who come between two notices, and anew when leases change', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const scene = new Scene();
    const ada = scene.join('ada');
    scene.produce(ada, 'microphone');
    t.mock.timers.tick(1);
    const { snapshot } = scene.feed;
    scene.join('bob');
    assert.equal(scene.feed.snapshot, snapshot);
    ada.lease = lease(77);
    scene.feed.leasesChanged();
    assert.match(scene.feed.snapshot.producers, /"lease":77/);
    scene.feed.close();
  });

  it('is the truth for whoever began with a snapshot at any time, whatever happens', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const deed = fc.record({
      kind: fc.constantFrom(
        'join',
        'leave',
        'produce',
        'close',
        'mute',
        'role',
        'hand',
        'lease',
        'listen',
        'tell',
        'wait',
      ),
      which: fc.nat({ max: 20 }),
    });
    const history = fc.array(deed, { minLength: 1, maxLength: 60, size: 'max' });
    let numbers = 0;
    fc.assert(
      fc.property(history, (deeds) => {
        const scene = new Scene();
        const pick = (which: number): Member | undefined =>
          [...scene.members.values()][which % (scene.members.size || 1)];
        for (const { kind, which } of deeds) {
          const member = pick(which);
          if (kind === 'join') scene.join(`p${numbers++}`);
          else if (kind === 'listen') scene.listen();
          else if (kind === 'tell') scene.feed.flush();
          else if (kind === 'wait') {
            scene.nowMs += spacingMs;
            t.mock.timers.tick(spacingMs);
          } else if (member !== undefined) {
            const producers = scene.sends.get(member.participantId) ?? new Map<string, boolean>();
            const producerId = [...producers.keys()][which % (producers.size || 1)];
            if (kind === 'leave') scene.leave(member);
            else if (kind === 'produce') scene.produce(member, `s${numbers++}`);
            else if (kind === 'role') {
              member.role = which % 2 === 0 ? 'host' : 'viewer';
              scene.feed.changed(member);
            } else if (kind === 'hand') {
              member.hand = which + 1;
              scene.feed.changed(member);
            } else if (kind === 'lease') {
              // As a rekey does that moves somebody.
              scene.feed.flush();
              member.lease = lease(1_000 + numbers++);
              scene.feed.leasesChanged();
              for (const listener of scene.listeners) {
                for (const [id, text] of listener.producers) {
                  const [of, , paused] = text.split(' ');
                  if (of === member.participantId)
                    listener.producers.set(id, `${of} ${member.lease} ${paused}`);
                }
              }
            } else if (producerId !== undefined && kind === 'close') {
              producers.delete(producerId);
              scene.feed.producerRemoved(member, producerId);
            } else if (producerId !== undefined && kind === 'mute') {
              producers.set(producerId, which % 2 === 0);
              scene.feed.producerChanged(member, producerId);
            }
          }
        }
        scene.feed.flush();
        for (const listener of scene.listeners) assert.deepEqual(listener.state, scene.truth);
        assert.deepEqual(scene.listen().state, scene.truth);
        scene.feed.close();
      }),
      { numRuns: 500 },
    );
  });
});
