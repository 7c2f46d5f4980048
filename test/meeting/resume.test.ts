// Connections that are lost and come back, against the real server.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import type { NodeParticipant } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { startCuttable } from './cuttable.ts';
import type { Cuttable } from './cuttable.ts';
import { verifiedLedger } from './ledgers.ts';

const resumeWindowMs = 3_000;

let server: ServerProcess;
let way: Cuttable;
let meeting: string;

before(async () => {
  server = await startServerProcess({
    LATCHKEY_TIMERS_RESUME_WINDOW_MS: String(resumeWindowMs),
    LATCHKEY_TIMERS_DEPARTURE_WINDOW_STAGE_MS: '0',
    // Whoever is away is not waited for longer than this.
    LATCHKEY_TIMERS_ACK_DEADLINE_MS: '300',
    LATCHKEY_TIMERS_ACK_DEADLINE_EVICTED_MS: '300',
    LATCHKEY_TIMERS_READMIT_DEADLINE_MS: '500',
  });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

beforeEach(async () => {
  way = await startCuttable(server.url);
  meeting = await api(server).createMeeting();
});

afterEach(() => way.close());

const join = async (url: string, name: string): Promise<NodeParticipant> => {
  const participant = await joinAsNode(url, await api(server).token(meeting, name));
  await participant.epochWhere(() => true);
  return participant;
};

const next = <T>(subscribe: (listener: (data: T) => void) => () => void): Promise<T> =>
  new Promise((resolve) => {
    const off = subscribe((data) => {
      off();
      resolve(data);
    });
  });

const connection = ({ session }: NodeParticipant): Promise<{ state: string }> =>
  next((listener) => session.on('connection', listener));

describe('a connection that is lost', () => {
  it('comes back as the same participant, with the same lease, and nobody was told anything', async () => {
    const [ada, bob] = [await join(server.url, 'Ada'), await join(way.url, 'Bob')];
    const told: string[] = [];
    ada.session.on('participantLeft', () => told.push('left'));
    ada.session.on('participantJoined', () => told.push('joined'));
    const { lease } = bob.session;
    const { epoch } = bob.session.epoch ?? assert.fail('no epoch');
    const lost = connection(bob);
    way.cut();
    assert.equal((await lost).state, 'lost');
    assert.equal((await connection(bob)).state, 'resumed');
    assert.equal(bob.session.lease, lease);
    assert.equal(bob.session.epoch?.epoch, epoch, 'no rekey for that');
    // It is there for what comes next.
    const { epoch: following } = await api(server).rekey(meeting, 'operator');
    await bob.epochWhere((state) => state.epoch === following);
    assert.deepEqual(told, []);
    await Promise.all([ada.session.leave(), bob.session.leave()]);
    await verifiedLedger(server, meeting);
  });

  it('is given every epoch that it missed, in order', async () => {
    const [ada, bob] = [await join(server.url, 'Ada'), await join(way.url, 'Bob')];
    const before = bob.session.epoch?.epoch ?? assert.fail('no epoch');
    way.open = false;
    const lost = connection(bob);
    way.cut();
    await lost;
    const missed: number[] = [];
    for (let round = 0; round < 3; round++) missed.push((await api(server).rekey(meeting, 'operator')).epoch);
    const back = connection(bob);
    way.open = true;
    assert.equal((await back).state, 'resumed');
    const newest = missed.at(-1) ?? assert.fail();
    await bob.epochWhere(({ epoch }) => epoch === newest);
    assert.deepEqual(
      [...bob.held.session.keys()].filter((epoch) => epoch > before),
      missed,
    );
    assert.equal(bob.session.epoch?.fingerprint, ada.session.epoch?.fingerprint);
    await Promise.all([ada.session.leave(), bob.session.leave()]);
    await verifiedLedger(server, meeting);
  });

  it('is told who came and went meanwhile', async () => {
    const [ada, bob] = [await join(server.url, 'Ada'), await join(way.url, 'Bob')];
    way.open = false;
    const lost = connection(bob);
    way.cut();
    await lost;
    const cleo = await join(server.url, 'Cleo');
    await ada.session.leave();
    const came = next<{ name: string }>((listener) => bob.session.on('participantJoined', listener));
    const went = next<{ participant: { name: string } }>((listener) =>
      bob.session.on('participantLeft', listener),
    );
    way.open = true;
    assert.equal((await came).name, 'Cleo');
    assert.equal((await went).participant.name, 'Ada');
    const state = await cleo.epochWhere(({ trigger }) => trigger === 'departure');
    await bob.epochWhere(({ epoch }) => epoch === state.epoch);
    await Promise.all([bob.session.leave(), cleo.session.leave()]);
  });

  it('does not come back where keys may have leaked meanwhile: its secret may have, too', async () => {
    const [ada, bob] = [await join(server.url, 'Ada'), await join(way.url, 'Bob')];
    way.open = false;
    const lost = connection(bob);
    const ended = next<{ reason: string }>((listener) => bob.session.on('ended', listener));
    way.cut();
    await lost;
    const { epoch } = await api(server).rekey(meeting, 'compromise');
    way.open = true;
    assert.equal((await ended).reason, 'connectionLost');
    assert.equal(bob.held.session.has(epoch), false);
    assert.match(await api(server).metrics(), /^latchkey_resumes_total\{result="refused"\} [1-9]/m);
    await ada.session.leave();
    await verifiedLedger(server, meeting);
  });

  it('has departed when it does not come back within the window, and not before', async () => {
    const [ada, bob] = [await join(server.url, 'Ada'), await join(way.url, 'Bob')];
    const left = next<{ cause: string }>((listener) => ada.session.on('participantLeft', listener));
    const ended = next<{ reason: string }>((listener) => bob.session.on('ended', listener));
    way.open = false;
    const startedMs = performance.now();
    way.cut();
    assert.equal((await left).cause, 'lost');
    assert.ok(performance.now() - startedMs >= resumeWindowMs);
    const after = await ada.epochWhere(({ trigger }) => trigger === 'departure');
    assert.equal(bob.held.session.has(after.epoch), false);
    assert.equal((await ended).reason, 'connectionLost');
    await ada.session.leave();
  });
});
