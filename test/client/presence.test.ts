import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Emitter } from '../../src/client/session/emitter.ts';
import type { LeaseChange } from '../../src/client/session/keyAgent.ts';
import { OwnMedia } from '../../src/client/session/ownMedia.ts';
import { Presence } from '../../src/client/session/presence.ts';
import type { SessionEvents } from '../../src/client/session/session.ts';
import { epochId } from '../../src/protocol/names.ts';
import { microphone } from './scene.ts';

const ben = { participantId: 'ben', name: 'Ben', role: 'presenter' } as const;
const gone = { producers: [], consumers: [] };

/** Ann's view of a meeting with Ben, who sends under lease 3. */
const presence = () => {
  const events = new Emitter<SessionEvents>();
  const changes: LeaseChange[] = [];
  const mic = microphone({ participantId: 'ben', lease: 3 });
  const there = { participants: [{ ...ben, participantId: 'ann' }, ben], producers: [mic] };
  const made = new Presence(there, {
    selfId: 'ann',
    events,
    own: new OwnMedia(),
    nextEpoch: () => epochId(8),
    onLeases: (more) => changes.push(...more),
  });
  return { presence: made, changes, mic, there };
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
    view.resumed({ ...there, producers: [{ ...mic, lease: 5 }], gone });
    assert.deepEqual(changes.splice(0), [{ from: 3, to: 5, epoch: 8 }]);
    view.leases(epochId(10), [{ participantId: 'ben', lease: 5 }]);
    assert.deepEqual(changes, [{ from: 5, to: 5, epoch: 10 }]);
  });

  it('may have been others meanwhile, of which the notices come after the newest was seen', () => {
    const { presence: view, changes, mic, there } = presence();
    view.resumed({ ...there, producers: [{ ...mic, lease: 7 }], gone });
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
    for (const lease of [5, 3]) view.producerAdded({ ...mic, producerId: `under ${lease}`, lease });
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
    view.left({ participantId: 'ben', cause: 'left' });
    assert.equal(view.roster.leaseOf('ben'), null);
  });
});
