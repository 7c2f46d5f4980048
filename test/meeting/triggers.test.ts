// Every trigger and join policy, over real sockets and a real custodian.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import type { NodeParticipant } from '../participant/nodeParticipant.ts';
import { verifiedLedger } from './ledgers.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({ LATCHKEY_TIMERS_RENEWAL_SPREAD_MS: '300' });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

const join = async (meeting: string, name: string, role?: 'host' | 'viewer'): Promise<NodeParticipant> => {
  const participant = await joinAsNode(server.url, await api(server).token(meeting, name, role));
  await participant.epochWhere(() => true);
  return participant;
};

/** All of them at this epoch, with one fingerprint. */
const allAt = async (people: readonly NodeParticipant[], epoch: number): Promise<string> => {
  const states = await Promise.all(people.map((one) => one.epochWhere((state) => state.epoch >= epoch)));
  assert.equal(new Set(states.map(({ fingerprint }) => fingerprint)).size, 1);
  return states[0]?.fingerprint ?? assert.fail('nobody');
};

const leaveAll = (people: readonly NodeParticipant[]) =>
  Promise.all(people.map(({ session }) => session.leave()));

describe('a new epoch', () => {
  it('is made when the operator asks, who is answered when it is in use', async () => {
    const meeting = await api(server).createMeeting();
    const people = [await join(meeting, 'Ada'), await join(meeting, 'Bob')];
    const receipt = await api(server).rekey(meeting, 'operator');
    assert.equal(receipt.trigger, 'operator');
    assert.deepEqual([receipt.acknowledged, receipt.missed], [2, 0]);
    assert.equal(await allAt(people, receipt.epoch), receipt.fingerprint);
    await leaveAll(people);
  });

  it('is made at the interval, again and again, with nobody coming or going', async () => {
    const meeting = await api(server).createMeeting({ settings: { intervalMs: 1_000 } });
    const people = [await join(meeting, 'Ada'), await join(meeting, 'Bob')];
    let newest = people[1]?.session.epoch?.epoch ?? assert.fail('no epoch');
    for (let round = 0; round < 2; round++) {
      await allAt(people, newest);
      const made = await people[1]?.epochWhere(({ epoch }) => epoch > newest);
      assert.equal(made?.trigger, 'interval');
      newest = made.epoch;
    }
    await leaveAll(people);
  });

  it('is made with everybody admitted anew where keys may have leaked: nobody rejoined, every lease is another', async () => {
    const meeting = await api(server).createMeeting();
    const people = await Promise.all(['Ada', 'Bob', 'Cleo', 'Dan', 'Eve'].map((name) => join(meeting, name)));
    const leases = people.map(({ session }) => session.lease);
    const receipt = await api(server).rekey(meeting, 'compromise');
    assert.equal(receipt.trigger, 'compromise');
    await allAt(people, receipt.epoch);
    for (const [index, { session }] of people.entries()) {
      assert.ok(session.lease > Math.max(...leases), `${session.lease} instead of ${leases[index]}`);
      assert.equal(session.ended, false);
    }
    // The tree goes on.
    await people.pop()?.session.leave();
    await allAt(people, receipt.epoch + 1);
    await leaveAll(people);
    await api(server).endMeeting(meeting);
    const { epochs } = await verifiedLedger(server, meeting);
    assert.ok(epochs > receipt.epoch);
  });

  it('is made with everybody admitted anew at the renewal interval', async () => {
    const meeting = await api(server).createMeeting({ settings: { renewalIntervalMs: 1_000 } });
    const people = await Promise.all(['Ada', 'Bob', 'Cleo'].map((name) => join(meeting, name)));
    const renewed = await people[0]?.epochWhere(({ trigger }) => trigger === 'renewal');
    await allAt(people, renewed?.epoch ?? 0);
    await leaveAll(people);
  });
});

describe('the join policy', () => {
  it('`first` gives those who join within its time the epoch that is there', async () => {
    const meeting = await api(server).createMeeting({ kind: 'broadcast' });
    const host = await join(meeting, 'Ada', 'host');
    const { epoch } = host.session.epoch ?? assert.fail('no epoch');
    const viewers = [await join(meeting, 'Bob', 'viewer'), await join(meeting, 'Cleo', 'viewer')];
    for (const { session } of viewers) {
      assert.equal(session.epoch?.fingerprint, host.session.epoch?.fingerprint);
      assert.equal(session.epoch?.epoch, epoch);
    }
    // A departure makes one, also of who shared; and they can follow.
    await viewers.shift()?.session.leave();
    await allAt([host, ...viewers], epoch + 1);
    await leaveAll([host, ...viewers]);
  });

  it('`first` makes a new epoch for who joins later', async () => {
    const meeting = await api(server).createMeeting({ settings: { joinPolicy: 'first', freshForMs: 1 } });
    const ada = await join(meeting, 'Ada');
    const { epoch } = ada.session.epoch ?? assert.fail('no epoch');
    const bob = await join(meeting, 'Bob');
    assert.equal(bob.session.epoch?.epoch, epoch + 1);
    await leaveAll([ada, bob]);
  });

  it('`never` lets an audience read back', async () => {
    const meeting = await api(server).createMeeting({ settings: { joinPolicy: 'never', freshForMs: 1 } });
    const ada = await join(meeting, 'Ada');
    const bob = await join(meeting, 'Bob');
    assert.equal(bob.session.epoch?.fingerprint, ada.session.epoch?.fingerprint);
    await leaveAll([ada, bob]);
  });
});
