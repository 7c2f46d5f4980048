import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Role } from '../../src/protocol/names.ts';
import type { Answer } from '../../src/protocol/signaling.ts';
import { delta, Refused } from './meetingServer.ts';
import type { Member, MeetingServer } from './meetingServer.ts';
import { codeOf, inEpoch, next, until } from './observe.ts';
import { assertTalk, connection, cutOff, holdsTwo, microphone, produceAsk, resumes, Scene } from './scene.ts';
import type { Participant } from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

const become = (to: MeetingServer, member: Member, role: Role): void => {
  member.role = role;
  for (const one of to.members) one.notice('roster', delta({ participants: [member.entry] }));
};

/** All that the session tells of these, in order. */
const tellings = ({ session }: Participant): string[] => {
  const told: string[] = [];
  session.on('role', ({ role }) => told.push(`role ${role}`));
  session.on('door', ({ locked, lobby, live }) => told.push(`door ${[locked, lobby, live].join(' ')}`));
  session.on('guests', ({ count }) => told.push(`guests ${count}`));
  session.on('muted', ({ producerIds }) => told.push(`muted ${producerIds.join(' ')}`));
  session.on('wanted', ({ producerId, spatialLayer }) => told.push(`wanted ${producerId} ${spatialLayer}`));
  session.on('mediaLost', ({ ready }) => told.push(ready ? 'media ready' : 'media lost'));
  session.on('consumersLost', (lost) =>
    told.push(`lost ${lost.map(({ producerId }) => producerId).join(' ')}`),
  );
  session.on('gone', ({ producers }) => told.push(`gone ${producers.join(' ')}`));
  session.on('failure', ({ code }) => told.push(code));
  return told;
};

/** Everything that the server sent before has been handled. */
const settled = async ({ session }: Participant): Promise<void> => {
  await session.request('raiseHand', { raised: false });
};

describe('a role', () => {
  it('changes without joining again, however quickly', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const told = tellings(ann);
    const member = to.member('Ann');
    for (const role of ['viewer', 'presenter', 'host', 'host', 'viewer'] as const) become(to, member, role);
    await Promise.all([settled(ann), settled(ben)]);
    assert.deepEqual(told, ['role viewer', 'role presenter', 'role host', 'role viewer']);
    assert.equal(ann.session.role, 'viewer');
    assert.equal(ben.session.roster.participant('p-1')?.role, 'viewer');
    await assertTalk(ann, ben);
  });

  it('does not change what an admission names: that is the token’s for good', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    become(to, member, 'viewer');
    await settled(ann);
    await to.readmit(member);
    await holdsTwo(ann);
    const { epoch } = to.rotate({ moves: [member], trigger: 'readmission' });
    await Promise.all([ann, ben].map(({ session }) => inEpoch(session, epoch)));
    assert.equal(ann.session.lease, member.lease);
    assert.equal(ann.session.role, 'viewer');
    await assertTalk(ann, ben);
  });

  it('may be another when the connection is back', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const told = tellings(ann);
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    to.member('Ann').role = 'viewer';
    to.door = { locked: true, lobby: false, live: true };
    const back = connection(ann, 'resumed');
    to.shut = false;
    await back;
    assert.deepEqual(told, ['door true false true', 'role viewer']);
  });

  it('is asked for by hosts, who are told where it cannot be', async () => {
    const refused = new Refused('stage_full');
    const to = await scene.start({ intercept: (_, method) => (method === 'setRole' ? refused : undefined) });
    const [ann] = await scene.pair();
    const asked = { participantId: 'p-2', role: 'presenter' } as const;
    assert.equal(await codeOf(ann.session.request('setRole', asked)), 'stage_full');
    await to.member('Ann').sent('setRole', (data) => assert.deepEqual(data, asked) === undefined);
  });
});

describe('the door', () => {
  it('is told when it changes, and who waits before it to hosts', async () => {
    const to = await scene.start();
    to.door = { locked: false, lobby: true, live: false };
    const [ann] = await scene.pair();
    assert.deepEqual(ann.session.door, to.door);
    const told = tellings(ann);
    const member = to.member('Ann');
    become(to, member, 'host');
    member.notice('door', to.door);
    member.notice('door', { ...to.door, live: true });
    const guests = [{ waitingId: 'w', name: 'Cas', role: 'viewer', reason: 'lobby' }] as const;
    member.notice('guests', { count: 130, guests: [...guests] });
    await settled(ann);
    assert.deepEqual(told, ['role host', 'door false true true', 'guests 130']);
    assert.deepEqual(ann.session.guests, { count: 130, guests });
    become(to, member, 'presenter');
    await settled(ann);
    assert.deepEqual(told.slice(3), ['guests 0', 'role presenter']);
    assert.deepEqual(ann.session.guests, { count: 0, guests: [] });
  });
});

describe('what becomes of one’s media', () => {
  const produce = async ({ session }: Participant, stream = 0): Promise<string> =>
    (await session.request('produce', { ...produceAsk, stream })).producerId;

  it('is told: muted by a host, wanted by somebody, ended by a host', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const told = tellings(ann);
    const member = to.member('Ann');
    const producerId = await produce(ann);
    member.notice('muted', { producerIds: [producerId] });
    member.notice('wanted', { producerId, spatialLayer: 1 });
    member.notice('wanted', { producerId, spatialLayer: null });
    member.notice('roster', delta({ removed: [{ producerId }] }));
    await until(() => told.length === 4);
    assert.deepEqual(told, [
      `muted ${producerId}`,
      `wanted ${producerId} 1`,
      `wanted ${producerId} null`,
      `gone ${producerId}`,
    ]);
  });

  it('is lost with its worker: a resume names nothing of it', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const told = tellings(ann);
    const member = to.member('Ann');
    const before = await produce(ann);
    to.announce(microphone({ participantId: 'p-2', lease: ben.session.lease }));
    await ann.session.request('consume', { producerId: 'mic' });
    member.notice('mediaLost', { ready: false });
    member.notice('roster', delta({ removed: [{ producerId: before }] }));
    member.notice('mediaLost', { ready: true });
    await until(() => told.length === 2);
    const made = await produce(ann);
    const back = connection(ann, 'resumed');
    await cutOff(ann, member);
    await back;
    const [resume] = resumes(member);
    assert.deepEqual([resume?.producers, resume?.consumers], [[made], []]);
    assert.deepEqual(told, ['media lost', 'media ready']);
  });

  it('may be lost in the same breath in which the connection is back', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const told = tellings(ann);
    const member = to.member('Ann');
    const producerId = await produce(ann);
    const back = connection(ann, 'resumed');
    const lost = next(ann.session, 'mediaLost');
    member.producers.delete(producerId);
    await cutOff(ann, member);
    await member.sent('resume');
    member.notice('mediaLost', { ready: true });
    await back;
    await lost;
    assert.deepEqual(told, [`gone ${producerId}`, 'media ready']);
    await produce(ann);
    assert.equal(ann.session.ended, false);
  });

  it('is consumed again where only that was lost, and only what is still consumed', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const told = tellings(ann);
    const member = to.member('Ann');
    to.announce(microphone({ participantId: 'p-2', lease: ben.session.lease }));
    to.announce({ ...microphone({ participantId: 'p-2', lease: ben.session.lease }, 'other'), stream: 1 });
    const first = await ann.session.request('consume', { producerId: 'mic' });
    const second = await ann.session.request('consume', { producerId: 'other' });
    await ann.session.request('closeConsumer', { consumerId: second.consumerId });
    const consumers = [first, second].map(({ consumerId, producerId }) => ({ consumerId, producerId }));
    member.notice('consumersLost', { consumers });
    member.notice('consumersLost', { consumers });
    await settled(ann);
    assert.deepEqual(told, ['lost mic']);
  });

  it('is opened again with transports that are verified as the first were', async () => {
    let serial = 0;
    const sound = { algorithm: 'sha-256', value: 'AA:BB' };
    const opened = (to: MeetingServer, member: Member, forged: boolean): Answer<'openMedia'> => {
      const id = `transport ${++serial}`;
      const fingerprints = [sound];
      const signature = to.keys.signTransport(member, forged ? 'another' : id, fingerprints);
      return {
        send: null,
        receive: {
          id,
          iceParameters: { usernameFragment: 'u', password: 'p' },
          iceCandidates: [],
          dtlsParameters: { fingerprints },
          signature,
        },
      };
    };
    const to: MeetingServer = await scene.start({
      intercept: (member, method) => (method === 'openMedia' ? opened(to, member, serial > 1) : undefined),
    });
    const [ann] = await scene.pair();
    const ask = { rtpCapabilities: {} };
    for (const id of ['transport 1', 'transport 2'])
      assert.equal((await ann.session.openMedia(ask)).receive.id, id);
    assert.equal(await codeOf(ann.session.openMedia(ask)), 'key_message_forged');
  });
});
