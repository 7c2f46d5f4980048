// Removing somebody, with the receipt; and what the ledger says of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { verifiedLedger } from './ledgers.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess();
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

describe('an eviction', () => {
  it('is answered when the evicted can open nothing more, and says in which epoch', async () => {
    const meeting = await api(server).createMeeting();
    const names = ['Ada', 'Bob', 'Cleo', 'Dan'];
    const people = await Promise.all(
      names.map(async (name) => joinAsNode(server.url, await api(server).token(meeting, name))),
    );
    const states = await Promise.all(people.map((one) => one.epochWhere(() => true)));
    const evicted = people.pop() ?? assert.fail();
    const ended = new Promise((resolve) => evicted.session.on('ended', ({ reason }) => resolve(reason)));
    const receipt = await api(server).evict(meeting, evicted.session.self.participantId);
    assert.equal(await ended, 'evicted');
    const before = Math.max(...states.map(({ epoch }) => epoch));
    assert.ok(receipt.epoch !== null && receipt.epoch > before);
    assert.deepEqual([receipt.acknowledged, receipt.missed, receipt.paused], [3, 0, 0]);
    for (const one of people) {
      const state = await one.epochWhere(({ epoch }) => epoch === receipt.epoch);
      assert.equal(state.trigger, 'departure');
      assert.equal(evicted.held.session.has(state.epoch), false);
    }
    await assert.rejects(api(server).evict(meeting, evicted.session.self.participantId), /404/);
    await Promise.all(people.map(({ session }) => session.leave()));
    const ledger = await api(server).ledger(meeting);
    const exposed = ledger
      .split('\n')
      .filter((line) => line.includes('"exposed"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(({ participant }) => participant === evicted.session.self.participantId);
    assert.deepEqual(
      [exposed?.['cause'], exposed?.['epoch'], exposed?.['exposureMs']],
      ['evicted', receipt.epoch, receipt.exposureMs],
    );
    const { closed } = await verifiedLedger(server, meeting);
    assert.ok(closed, 'signed to its end');
  });

  it('of the last participant needs no epoch', async () => {
    const meeting = await api(server).createMeeting();
    const ada = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
    await ada.epochWhere(() => true);
    const receipt = await api(server).evict(meeting, ada.session.self.participantId);
    assert.equal(receipt.epoch, null);
  });
});
