// A meeting's keys over real sockets and a real custodian: who comes and goes, and what each may know.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import type { NodeParticipant } from '../participant/nodeParticipant.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess();
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sessionKeys = (participant: NodeParticipant): Set<string> =>
  new Set([...participant.held.session.values()].map(hex));

describe('a keyed meeting', () => {
  it('each join and departure makes an epoch that those present share and nobody else ever holds', async () => {
    const meeting = await api(server).createMeeting();
    const join = async (name: string) => joinAsNode(server.url, await api(server).token(meeting, name));

    const ada = await join('Ada');
    const first = await ada.epochWhere(() => true);
    assert.equal(first.epoch, 0);

    const bob = await join('Bob');
    const second = await bob.epochWhere(() => true);
    assert.equal(second.epoch, 1);
    assert.deepEqual((await ada.epochWhere(({ epoch }) => epoch === 1)).fingerprint, second.fingerprint);

    const cleo = await join('Cleo');
    const third = await cleo.epochWhere(() => true);
    assert.equal(third.trigger, 'join');
    await ada.epochWhere(({ epoch }) => epoch === third.epoch);

    await bob.session.leave();
    const fourth = await ada.epochWhere(({ trigger }) => trigger === 'departure');
    assert.equal(
      (await cleo.epochWhere(({ epoch }) => epoch === fourth.epoch)).fingerprint,
      fourth.fingerprint,
    );

    const [ofAda, ofBob, ofCleo] = [ada, bob, cleo].map(sessionKeys);
    assert.ok(ofAda && ofBob && ofCleo);
    assert.equal(ofAda.size, 4, 'every epoch has a key of its own');
    assert.deepEqual([...ofBob], [...ofAda].slice(1, 3), 'Bob holds those of his time');
    assert.deepEqual([...ofCleo], [...ofAda].slice(2), 'Cleo holds none from before she came');
    await Promise.all([ada.session.leave(), cleo.session.leave()]);
  });

  it('joins within one window share a rekey', async () => {
    const meeting = await api(server).createMeeting();
    const names = ['Ada', 'Bob', 'Cleo', 'Dan', 'Eve'];
    const tokens = await Promise.all(names.map((name) => api(server).token(meeting, name)));
    const everybody = await Promise.all(tokens.map((token) => joinAsNode(server.url, token)));
    const states = await Promise.all(everybody.map((one) => one.epochWhere(() => true)));
    assert.equal(new Set(states.map(({ fingerprint }) => fingerprint)).size, 1);
    assert.ok(states.every(({ epoch }) => epoch <= 1));
    await Promise.all(everybody.map(({ session }) => session.leave()));
  });

  it('when the last has left the meeting starts anew: another incarnation, other keys, epoch 0', async () => {
    const meeting = await api(server).createMeeting();
    const ada = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
    await ada.epochWhere(() => true);
    await ada.session.leave();
    const bob = await joinAsNode(server.url, await api(server).token(meeting, 'Bob'));
    assert.equal((await bob.epochWhere(() => true)).epoch, 0);
    assert.notDeepEqual(bob.session.incarnation, ada.session.incarnation);
    assert.notDeepEqual(sessionKeys(bob), sessionKeys(ada));
    await bob.session.leave();
  });
});
