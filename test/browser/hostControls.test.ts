import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createHostControls } from '../../src/client/browser/hostControls.ts';
import { Refused } from '../client/meetingServer.ts';
import { codeOf } from '../client/observe.ts';
import { Scene } from '../client/scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

const controls = new Set([
  'setRole',
  'mute',
  'stopShare',
  'remove',
  'setDoor',
  'admit',
  'turnAway',
  'endMeeting',
]);

describe('what hosts may do', () => {
  it('is asked of the server, with nothing that was not given', async () => {
    const to = await scene.start({
      intercept: (_, method) => {
        if (method === 'admit') return { admitted: 2 };
        return method === 'turnAway' ? { turnedAway: 1 } : undefined;
      },
    });
    const [{ session }] = await scene.pair();
    const host = createHostControls(session);
    await host.setRole('p-2', 'viewer');
    await host.mute();
    await host.mute('p-2');
    await host.stopShare('p-2');
    await host.setDoor({ locked: true });
    await host.setDoor({ lobby: false, live: true });
    await host.admit();
    await host.admit(['w']);
    await host.turnAway(['w']);
    await host.remove('p-2');
    await host.end();
    const asked = to.member('Ann').received.filter(({ name }) => controls.has(name));
    assert.deepEqual(
      asked.map(({ name, data }) => [name, data]),
      [
        ['setRole', { participantId: 'p-2', role: 'viewer' }],
        ['mute', {}],
        ['mute', { participantId: 'p-2' }],
        ['stopShare', { participantId: 'p-2' }],
        ['setDoor', { locked: true }],
        ['setDoor', { lobby: false, live: true }],
        ['admit', {}],
        ['admit', { waitingIds: ['w'] }],
        ['turnAway', { waitingIds: ['w'] }],
        ['remove', { participantId: 'p-2' }],
        ['endMeeting', {}],
      ],
    );
  });

  it('is told to be forbidden to others', async () => {
    await scene.start({
      intercept: (_, method) => (controls.has(method) ? new Refused('forbidden') : undefined),
    });
    const [{ session }] = await scene.pair();
    assert.equal(await codeOf(createHostControls(session).mute('p-2')), 'forbidden');
  });
});
