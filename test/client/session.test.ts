import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { joinFromNode, joinWith } from '../../src/client/session/nodeParticipant.ts';
import type { NodeParticipant } from '../../src/client/session/nodeParticipant.ts';
import { toBase64Url, toHex } from '../../src/protocol/bytes.ts';
import { epochId, streamId } from '../../src/protocol/names.ts';
import type { Role } from '../../src/protocol/names.ts';
import { deriveEpochKey } from '../../src/sframe/epochKeys.ts';
import { FrameOpener } from '../../src/sframe/frameOpener.ts';
import { capture } from './capture.ts';
import { delta, MeetingServer } from './meetingServer.ts';
import type { MeetingServerOptions } from './meetingServer.ts';
import { inEpoch, next } from './observe.ts';
import { produceAsk } from './scene.ts';
import { VirtualClock } from './virtualClock.ts';

type Participant = NodeParticipant<Buffer, Buffer>;

const frame = new TextEncoder().encode('a frame of Opus');
const stream = streamId(0);

let server: MeetingServer | undefined;
const joined: Participant[] = [];

const start = async (options: MeetingServerOptions = {}): Promise<MeetingServer> => {
  server = await MeetingServer.start(options);
  return server;
};

const join = async (to: MeetingServer, name: string, role: Role = 'presenter'): Promise<Participant> => {
  const participant = await joinFromNode({ url: to.url, token: to.token(name, role) });
  joined.push(participant);
  return participant;
};

const seal = (sender: Participant): Promise<Uint8Array | null> =>
  sender.agent.sender(stream, 'opus').seal(frame);

const open = (receiver: Participant, sender: Participant, sealed: Uint8Array): Promise<Uint8Array | null> =>
  receiver.agent.receiver({ lease: sender.session.lease, stream }, 'opus').open(sealed);

const sealed = async (sender: Participant): Promise<Uint8Array> => {
  const bytes = await seal(sender);
  assert.ok(bytes !== null);
  return bytes;
};

afterEach(async () => {
  for (const { session } of joined.splice(0)) session.close();
  await server?.close();
  server = undefined;
});

describe('a session', () => {
  it('acknowledges an epoch with its fingerprint, switches when it is activated, and confirms', async () => {
    const to = await start();
    const ann = await join(to, 'Ann');
    const member = to.member('Ann');
    await ann.session.request('produce', produceAsk);
    const made = to.rekey({ joins: [member] });
    to.deliver(made);
    await member.sent('acknowledged');
    assert.deepEqual(member.acknowledged, [{ epoch: 0, fingerprint: toBase64Url(made.fingerprint) }]);
    assert.ok(ann.session.epoch === null);
    assert.equal(await seal(ann), null, 'nothing is sent under an epoch that is not active');

    const epoch = next(ann.session, 'epoch');
    to.activate(made);
    const state = await epoch;
    assert.equal(state.fingerprint, toHex(made.fingerprint));
    assert.equal(state.trigger, 'join');
    assert.equal(ann.session.epoch, state);
    await member.sent('confirmed');
    assert.deepEqual(member.confirmed, [0]);
    assert.notEqual(await seal(ann), null);
  });

  it('seals what all others open, and nobody who left or had not joined', async () => {
    const to = await start({ automatic: true });
    const ann = await join(to, 'Ann');
    const ben = await join(to, 'Ben');
    await Promise.all([inEpoch(ann.session, 1), inEpoch(ben.session, 1)]);
    const early = await sealed(ann);
    assert.deepEqual(await open(ben, ann, early), frame);

    const kept = capture();
    const cas = await joinWith(kept.crypto, { url: to.url, token: to.token('Cas', 'viewer') });
    joined.push(cas);
    await Promise.all([ann, ben, cas].map(({ session }) => inEpoch(session, 2)));
    assert.equal(new Set([ann, ben, cas].map(({ session }) => session.epoch?.fingerprint)).size, 1);
    const now = await sealed(ann);
    assert.deepEqual(await open(ben, ann, now), frame);
    await cas.session.leave();
    await Promise.all([inEpoch(ann.session, 3), inEpoch(ben.session, 3)]);
    const late = await sealed(ann);
    assert.deepEqual(await open(ben, ann, late), frame);

    // Whoever kept every key that it ever had opens what was sent while it was there, and nothing else.
    assert.equal(kept.epochSecrets.length, 1);
    const opens = async (bytes: Uint8Array, epoch: number): Promise<boolean> => {
      const [secret] = kept.epochSecrets;
      assert.ok(secret !== undefined);
      const { incarnation, lease } = ann.session;
      const opener = new FrameOpener(kept.crypto.frames, {
        codec: 'opus',
        incarnation,
        origin: { lease, stream },
      });
      opener.install(
        await deriveEpochKey(kept.crypto.frames, { secret, incarnation, epoch: epochId(epoch) }),
      );
      return (await opener.open(bytes)).ok;
    };
    assert.deepEqual(await Promise.all([opens(early, 1), opens(now, 2), opens(late, 3)]), [
      false,
      true,
      false,
    ]);
  });

  it('handles what overtakes the opening of its admission afterwards, in order', async () => {
    // The server rekeys in the same breath in which it answers, while the client still opens its admission.
    const to = await start({ automatic: true });
    const ann = await join(to, 'Ann');
    await inEpoch(ann.session, 0);
    const ben = await join(to, 'Ben');
    await inEpoch(ben.session, 1);
    await inEpoch(ann.session, 1);
    assert.equal(ann.session.epoch?.fingerprint, ben.session.epoch?.fingerprint);
  });

  it('acknowledges a repeated rekey again and does nothing else', async () => {
    const to = await start();
    const ann = await join(to, 'Ann');
    await join(to, 'Ben');
    const [first, second] = [to.member('Ann'), to.member('Ben')];
    to.rotate({ joins: [first] });
    const made = to.rotate({ joins: [second] });
    await inEpoch(ann.session, 1);
    assert.ok(made.rekey !== null);
    first.keyMessage(made.rekey);
    // Answered in order: once this epoch is there, the repeat has been handled.
    to.rotate({ departures: [second] });
    await first.sent('acknowledged', ({ epoch }: { epoch: number }) => epoch === 2);
    assert.deepEqual(
      first.acknowledged.map(({ epoch }) => epoch),
      [0, 1, 1, 2],
    );
  });

  it('confirms nothing while it sends nothing', async () => {
    const to = await start();
    const ann = await join(to, 'Ann');
    const member = to.member('Ann');
    to.rotate({ joins: [member] });
    await inEpoch(ann.session, 0);
    to.rotate({ trigger: 'interval' });
    await inEpoch(ann.session, 1);
    // Answered in order: whatever it said before has arrived.
    await ann.session.request('produce', produceAsk);
    const said = member.received.map(({ name }) => name).filter((name) => name !== 'acknowledged');
    assert.deepEqual(said.slice(-2), ['confirmed', 'produce']);
    assert.deepEqual(member.confirmed, [1]);
  });

  it('goes on where the epoch in use was activated again', async () => {
    const to = await start();
    const ann = await join(to, 'Ann');
    const made = to.rotate({ joins: [to.member('Ann')] });
    await inEpoch(ann.session, 0);
    await ann.session.request('produce', produceAsk);
    const member = to.member('Ann');
    assert.deepEqual(member.confirmed, [0], 'before what it sends is announced');
    member.confirmed = [];
    member.received.length = 0;
    to.activate(made);
    await member.sent('confirmed');
    const sender = ann.agent.sender(stream, 'opus');
    assert.notEqual(await sender.seal(frame), null);
  });

  it('stops sending when others use an epoch that it lacks, and goes on when it has come', async () => {
    const to = await start();
    const ann = await join(to, 'Ann');
    const member = to.member('Ann');
    to.rotate({ joins: [member] });
    await inEpoch(ann.session, 0);
    await ann.session.request('produce', produceAsk);
    await join(to, 'Ben');
    const made = to.rekey({ joins: [to.member('Ben')] });
    const failure = next(ann.session, 'failure');
    to.activate(made);
    assert.equal((await failure).code, 'sending_stopped');
    assert.equal(await seal(ann), null);
    assert.equal(ann.session.ended, false);

    to.deliver(made);
    await inEpoch(ann.session, 1);
    assert.notEqual(await seal(ann), null);
    await member.sent('confirmed', ({ epoch }: { epoch: number }) => epoch === 1);
    assert.deepEqual(member.confirmed, [0, 1]);
  });

  const breaches: [string, string, (to: MeetingServer) => void][] = [
    [
      'an activation with another fingerprint',
      'story_forked',
      (to) => {
        const made = to.rekey({ joins: [to.member('Ben')] });
        to.deliver(made);
        to.activate({ ...made, fingerprint: made.fingerprint.map((byte) => byte ^ 1) });
      },
    ],
    [
      'a rekey that the server did not sign',
      'key_message_forged',
      (to) => {
        const { rekey } = to.rekey({ joins: [to.member('Ben')] });
        assert.ok(rekey !== null);
        to.member('Ann').keyMessage(rekey.with(rekey.length - 1, (rekey.at(-1) ?? 0) ^ 1));
      },
    ],
    [
      'a rekey whose body was changed',
      'key_message_forged',
      (to) => {
        const { rekey } = to.rekey({ joins: [to.member('Ben')] });
        assert.ok(rekey !== null);
        // The fingerprint begins after type, version, incarnation, epoch, trigger and height.
        to.member('Ann').keyMessage(rekey.with(24, (rekey[24] ?? 0) ^ 1));
      },
    ],
    [
      'a rekey with one before it missing',
      'key_message_gap',
      (to) => {
        to.rekey({ joins: [to.member('Ben')] });
        const { rekey } = to.rekey({ departures: [to.member('Ben')] });
        assert.ok(rekey !== null);
        to.member('Ann').keyMessage(rekey);
      },
    ],
    [
      "somebody else's welcome",
      'key_message_unopened',
      (to) => {
        const [welcome] = to.rekey({ joins: [to.member('Ben')] }).welcomes.values();
        assert.ok(welcome !== undefined);
        to.member('Ann').keyMessage(welcome);
      },
    ],
    [
      'a key message of no known type',
      'key_message_malformed',
      (to) => to.member('Ann').keyMessage(Uint8Array.of(9, 9, 9)),
    ],
    ['an empty key message', 'key_message_malformed', (to) => to.member('Ann').keyMessage(new Uint8Array(0))],
  ];
  for (const [what, code, send] of breaches) {
    it(`fails closed on ${what}: ${code}`, async () => {
      const to = await start();
      const ann = await join(to, 'Ann');
      to.rotate({ joins: [to.member('Ann')] });
      await inEpoch(ann.session, 0);
      await join(to, 'Ben');
      const sender = ann.agent.sender(stream, 'opus');
      assert.notEqual(await sender.seal(frame), null);
      const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
      send(to);
      assert.equal((await failure).code, code);
      assert.deepEqual(await ended, { reason: 'failed' });
      assert.equal(await sender.seal(frame), null);
      assert.throws(() => ann.agent.sender(streamId(1), 'opus'), { code: 'closed' });
    });
  }

  it('tells who comes and goes, and what they send', async () => {
    const to = await start({ automatic: true });
    const ann = await join(to, 'Ann');
    const member = to.member('Ann');
    const came = next(ann.session, 'participantJoined');
    const ben = await join(to, 'Ben', 'host');
    assert.deepEqual(await came, { participantId: 'p-2', name: 'Ben', role: 'host', hand: null });
    assert.deepEqual(ben.session.roster.participants, [
      { participantId: 'p-1', name: 'Ann', role: 'presenter', hand: null },
    ]);
    assert.deepEqual(ann.session.self, { participantId: 'p-1', name: 'Ann', role: 'presenter', hand: null });

    const seen: string[] = [];
    ann.session.on('producerAdded', ({ source }) => seen.push(`added ${source}`));
    ann.session.on('producerChanged', ({ source, paused }) =>
      seen.push(`${source} ${paused ? 'muted' : 'unmuted'}`),
    );
    ann.session.on('producerRemoved', ({ source }) => seen.push(`removed ${source}`));
    ann.session.on('participantLeft', ({ participant, cause }) => seen.push(`${participant.name} ${cause}`));
    const of = { participantId: 'p-2', lease: ben.session.lease };
    const camera = {
      ...of,
      producerId: 'c',
      kind: 'video',
      source: 'camera',
      stream: 1,
      paused: false,
    } as const;
    const screen = {
      ...of,
      producerId: 's',
      kind: 'video',
      source: 'screen',
      stream: 2,
      paused: false,
    } as const;
    for (const one of [camera, camera, screen]) member.notice('roster', delta({ producers: [one] }));
    for (const paused of [true, true, false]) {
      member.notice('roster', delta({ producers: [{ ...camera, paused }] }));
    }
    for (const producerId of ['s', 's', 'nothing'])
      member.notice('roster', delta({ removed: [{ producerId }] }));
    const gone = next(ann.session, 'participantLeft');
    await ben.session.leave();
    await gone;
    assert.deepEqual(seen, [
      'added camera',
      'added screen',
      'camera muted',
      'camera unmuted',
      'removed screen',
      'removed camera',
      'Ben left',
    ]);
    assert.deepEqual(ann.session.roster.participants, []);
    assert.deepEqual(ann.session.roster.producers, []);
  });

  it('leaves: the server is told, the keys go, nothing comes after', async () => {
    const to = await start({ automatic: true });
    const ann = await join(to, 'Ann');
    await inEpoch(ann.session, 0);
    const member = to.member('Ann');
    const sender = ann.agent.sender(stream, 'opus');
    const seen: unknown[] = [];
    ann.session.on('failure', (error) => seen.push(error));
    ann.session.on('ended', (data) => seen.push(data));
    await ann.session.leave();
    await ann.session.leave();
    assert.ok(member.received.some(({ name }) => name === 'leave'));
    assert.deepEqual(seen, [{ reason: 'left' }]);
    assert.equal(await sender.seal(frame), null);
    await assert.rejects(ann.session.request('consume', { producerId: 'x' }), { code: 'closed' });
    await assert.rejects(ann.agent.activate(epochId(0)), { code: 'closed' });
  });

  it('says goodbye whenever it ends by itself: its place is not kept', async () => {
    const to = await start();
    for (const end of ['close', 'failure'] as const) {
      const ann = await join(to, end);
      const member = to.member(end);
      if (end === 'close') ann.session.close();
      else member.keyMessage(Uint8Array.of(9));
      await member.sent('leave');
      assert.equal(ann.session.ended, true);
    }
  });

  it('leaves a server that does not answer, too', async () => {
    const clock = new VirtualClock();
    const to = await start({
      automatic: true,
      intercept: (_, method) =>
        method === 'leave' ? '{"id":null,"ok":false,"error":{"code":"internal","message":""}}' : undefined,
    });
    const { session } = await joinFromNode({ url: to.url, token: to.token('Ann'), clock });
    const ended = next(session, 'ended');
    const left = session.leave();
    clock.advance(2_000);
    await left;
    assert.deepEqual(await ended, { reason: 'left' });
  });

  const ends = [
    ['evicted', undefined, []],
    ['meetingEnded', undefined, []],
    ['serverStopping', undefined, []],
    ['failed', 'worker_died', ['worker_died']],
    ['tooSlow', 'too_slow', ['too_slow']],
  ] as const;
  for (const [reason, code, failures] of ends) {
    it(`ends as the server says: ${reason}`, async () => {
      const to = await start({ automatic: true });
      const ann = await join(to, 'Ann');
      await inEpoch(ann.session, 0);
      const failed: string[] = [];
      ann.session.on('failure', (error) => failed.push(error.code));
      const ended = next(ann.session, 'ended');
      to.member('Ann').notice('ended', { reason, ...(code === undefined ? {} : { code }) });
      assert.deepEqual(await ended, { reason });
      assert.deepEqual(failed, failures);
      assert.throws(() => ann.agent.sender(stream, 'opus'), { code: 'closed' });
    });
  }

  it('says why no first key came', async () => {
    const to = await start();
    const ann = await join(to, 'Ann');
    const keyed = ann.session.keyed(60_000);
    const refused = assert.rejects(keyed, { code: 'meeting_ended' });
    to.member('Ann').notice('ended', { reason: 'meetingEnded' });
    await refused;
    await assert.rejects(ann.session.keyed(60_000), { code: 'meeting_ended' });
  });
});
