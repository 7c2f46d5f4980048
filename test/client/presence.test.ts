import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Emitter } from '../../src/client/session/emitter.ts';
import type { LeaseChange } from '../../src/client/session/keyAgent.ts';
import { OwnMedia } from '../../src/client/session/ownMedia.ts';
import { Presence } from '../../src/client/session/presence.ts';
import type { SessionEvents } from '../../src/client/session/session.ts';
import { epochId } from '../../src/protocol/names.ts';
import type { Answer, Producer } from '../../src/protocol/signaling.ts';
import { delta } from './member.ts';
import { microphone } from './scene.ts';

const ben = { participantId: 'ben', name: 'Ben', role: 'presenter', hand: null } as const;
const ann = { ...ben, participantId: 'ann', name: 'Ann' } as const;
const answer = {
  door: { locked: false, lobby: false, live: true },
  gone: { producers: [], consumers: [] },
} satisfies Partial<Answer<'resume'>>;

/** Everything that is told, one word an event. */
const tellings = (events: Emitter<SessionEvents>): string[] => {
  const told: string[] = [];
  const producer = (what: string) => (one: Producer) => told.push(`${what} ${one.producerId}`);
  events.on('participantJoined', ({ name }) => told.push(`${name} joined`));
  events.on('participantChanged', ({ name, role, hand }) => told.push(`${name} ${role} ${hand}`));
  events.on('participantLeft', ({ participant, cause }) => told.push(`${participant.name} ${cause}`));
  events.on('producerAdded', producer('added'));
  events.on('producerChanged', producer('changed'));
  events.on('producerRemoved', producer('removed'));
  events.on('role', ({ role }) => told.push(`role ${role}`));
  events.on('gone', ({ producers }) => told.push(`gone ${producers.join(' ')}`));
  return told;
};

/** Ann's view of a meeting with Ben, who sends under lease 3. */
const presence = () => {
  const events = new Emitter<SessionEvents>();
  const changes: LeaseChange[] = [];
  const mic = microphone({ participantId: 'ben', lease: 3 });
  const there = { participants: [ann, ben], producers: [mic] };
  const own = new OwnMedia();
  const made = new Presence(
    { ...ann, ...there },
    {
      events,
      own,
      nextEpoch: () => epochId(8),
      onLeases: (more) => changes.push(...more),
    },
  );
  return {
    presence: made,
    changes,
    mic,
    there,
    own,
    told: tellings(events),
  };
};

describe('the leases of others', () => {
  it('change with the epoch that the server names, for every producer at once', () => {
    const { presence: view, changes } = presence();
    view.leases(epochId(9), [{ participantId: 'ben', lease: 5 }]);
    assert.deepEqual(changes, [{ from: 3, to: 5, epoch: 9 }]);
    assert.equal(view.roster.producer('mic')?.lease, 5);
    assert.ok([3, 5].every((lease) => view.roster.carries('ben', lease)));
    assert.ok(!view.roster.carries('ben', 4));
  });

  it('that nobody announced begin with the next key, and where the server says so later, there', () => {
    const { presence: view, changes, mic, there } = presence();
    view.resumed({ ...there, producers: [{ ...mic, lease: 5 }], ...answer });
    assert.deepEqual(changes.splice(0), [{ from: 3, to: 5, epoch: 8 }]);
    view.leases(epochId(10), [{ participantId: 'ben', lease: 5 }]);
    assert.deepEqual(changes, [{ from: 5, to: 5, epoch: 10 }]);
  });

  it('may have been others meanwhile, of which the notices come after the newest was seen', () => {
    const { presence: view, changes, mic, there } = presence();
    view.resumed({ ...there, producers: [{ ...mic, lease: 7 }], ...answer });
    changes.length = 0;
    view.leases(epochId(9), [{ participantId: 'ben', lease: 5 }]);
    view.leases(epochId(11), [{ participantId: 'ben', lease: 7 }]);
    assert.deepEqual(changes, [
      { from: 7, to: 5, epoch: 9 },
      { from: 7, to: 7, epoch: 11 },
    ]);
    assert.equal(view.roster.leaseOf('ben'), 7);
  });

  it('are not taken back by what is older, nor changed by what is known', () => {
    const { presence: view, changes, mic } = presence();
    view.leases(epochId(9), [{ participantId: 'ben', lease: 5 }]);
    changes.length = 0;
    for (const lease of [5, 3])
      view.told(delta({ producers: [{ ...mic, producerId: `under ${lease}`, lease }] }));
    assert.deepEqual(changes, []);
    assert.equal(view.roster.leaseOf('ben'), 5);
  });

  it('mean nothing for streams of somebody who has sent none, and none of one’s own', () => {
    const { presence: view, changes } = presence();
    view.leases(epochId(9), [
      { participantId: 'cas', lease: 7 },
      { participantId: 'ann', lease: 8 },
      { participantId: 'ann', lease: 9 },
    ]);
    assert.deepEqual(changes, []);
    assert.equal(view.roster.leaseOf('cas'), 7);
    assert.equal(view.roster.leaseOf('ann'), null);
  });

  it('go with whoever leaves', () => {
    const { presence: view } = presence();
    view.told(delta({ left: [{ participantId: 'ben', cause: 'left' }] }));
    assert.equal(view.roster.leaseOf('ben'), null);
  });
});

describe('a roster', () => {
  const cas = { ...ben, participantId: 'cas', name: 'Cas' };

  it('tells who left before who came, and what was removed before what was added', () => {
    const { presence: view, told, mic } = presence();
    view.told(
      delta({
        participants: [cas],
        left: [{ participantId: 'ben', cause: 'evicted' }],
        producers: [microphone({ participantId: 'cas', lease: 4 }, 'new')],
        removed: [{ producerId: mic.producerId }],
      }),
    );
    assert.deepEqual(told, ['removed mic', 'Ben evicted', 'Cas joined', 'added new']);
  });

  it('notes a lease before the producer that carries it is told of', () => {
    const { presence: view, changes, mic } = presence();
    view.told(delta({ producers: [{ ...mic, producerId: 'second', lease: 6 }] }));
    assert.deepEqual(changes, [{ from: 3, to: 6, epoch: 8 }]);
    assert.ok(view.roster.carries('ben', 6));
  });

  it('changes nothing when it says again what is known, or something of who is gone', () => {
    const { presence: view, told, there } = presence();
    view.told(delta(there));
    view.told(delta({ left: [{ participantId: 'cas', cause: 'left' }], removed: [{ producerId: 'x' }] }));
    view.told({ ...delta(there), full: true });
    assert.deepEqual(told, []);
    view.told(delta({ left: [{ participantId: 'ben', cause: 'lost' }] }));
    view.told(delta({ left: [{ participantId: 'ben', cause: 'lost' }] }));
    assert.deepEqual(told, ['removed mic', 'Ben lost']);
  });

  it('that is whole takes away all that it does not name', () => {
    const { presence: view, told, mic } = presence();
    view.told(delta({ participants: [cas], producers: [{ ...mic, participantId: 'cas', producerId: 'c' }] }));
    told.length = 0;
    view.told({ ...delta({ participants: [ann, cas] }), full: true });
    assert.deepEqual(told, ['removed mic', 'Ben left', 'removed c']);
    assert.deepEqual(view.roster.participants, [cas]);
    assert.deepEqual(view.roster.producers, []);
  });

  it('that is whole knows the causes that it names', () => {
    const { presence: view, told } = presence();
    view.told({ ...delta({ left: [{ participantId: 'ben', cause: 'evicted' }] }), full: true });
    assert.deepEqual(told, ['removed mic', 'Ben evicted']);
  });

  it('tells of another role and of hands, each once', () => {
    const { presence: view, told } = presence();
    for (const hand of [null, 2, 2, null]) view.told(delta({ participants: [{ ...ben, hand }] }));
    for (let times = 0; times < 2; times++) view.told(delta({ participants: [{ ...ben, role: 'viewer' }] }));
    assert.deepEqual(told, ['Ben presenter 2', 'Ben presenter null', 'Ben viewer null']);
    assert.equal(view.roster.participant('ben')?.role, 'viewer');
  });

  it('changes the role and the hand of this participant itself, whom it does not join', () => {
    const { presence: view, told } = presence();
    view.told(delta({ participants: [ann] }));
    assert.deepEqual(told, []);
    view.told(delta({ participants: [{ ...ann, role: 'viewer', hand: 4 }] }));
    assert.deepEqual(told, ['Ann viewer 4', 'role viewer']);
    view.told(delta({ participants: [{ ...ann, role: 'viewer' }] }));
    assert.deepEqual(told.slice(2), ['Ann viewer null']);
    assert.deepEqual(view.self, { ...ann, role: 'viewer' });
    view.told(delta({ left: [{ participantId: 'ann', cause: 'ended' }] }));
    assert.equal(told.length, 3);
    assert.deepEqual(view.roster.participants, [ben]);
  });

  it('is not where what one sends oneself begins, and may be where it ends', () => {
    const { presence: view, told, own } = presence();
    const mine = microphone({ participantId: 'ann', lease: 2 }, 'mine');
    for (const producerId of ['mine', 'fresh']) own.answered('produce', { producerId });
    view.told(delta({ producers: [mine] }));
    assert.deepEqual(view.roster.producers.length, 1);
    assert.deepEqual(told, []);
    view.told({ ...delta({ participants: [ann, ben], producers: [] }), full: true });
    // What no roster has named yet may just not be announced: only what one had named is gone with it.
    assert.deepEqual(told, ['removed mic', 'gone mine']);
    view.told(delta({ removed: [{ producerId: 'fresh' }, { producerId: 'fresh' }] }));
    assert.deepEqual(told.slice(2), ['gone fresh']);
    assert.deepEqual(own.producers, []);
  });

  it('that names what went with a worker, which was told before, says nothing of it', () => {
    const { presence: view, told, own } = presence();
    own.answered('produce', { producerId: 'mine' });
    own.lose();
    view.told(delta({ removed: [{ producerId: 'mine' }] }));
    own.answered('produce', { producerId: 'again' });
    assert.deepEqual(told, []);
    assert.deepEqual(own.producers, ['again']);
  });
});
