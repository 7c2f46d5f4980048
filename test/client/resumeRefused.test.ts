import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Signaling } from '../../src/client/session/signaling.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import { lease as toLease, streamId } from '../../src/protocol/names.ts';
import type { Ask } from '../../src/protocol/signaling.ts';
import { meetingId } from './meetingServer.ts';
import type { MeetingServer } from './meetingServer.ts';
import { codeOf, next } from './observe.ts';
import {
  allIn,
  assertTalk,
  connection,
  connectionOf,
  cutOff,
  frame,
  passUntil,
  produceAsk,
  Scene,
  stream,
} from './scene.ts';
import { VirtualClock } from './virtualClock.ts';

const scene = new Scene();
afterEach(() => scene.close());

describe('a session that cannot be resumed', () => {
  it('ends when the window has passed, keys and all', async () => {
    const to = await scene.start({ timers: { resumeWindowMs: 300 } });
    const [ann] = await scene.pair();
    const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
    const sender = ann.agent.sender(stream, 'opus');
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    assert.notEqual(await sender.seal(frame), null);
    assert.equal((await failure).code, 'connection_lost');
    assert.deepEqual(await ended, { reason: 'connectionLost' });
    assert.equal(await sender.seal(frame), null);
    assert.throws(() => ann.agent.sender(streamId(1), 'opus'), { code: 'closed' });
  });

  it('ends at once when the server has given its place up, and says so', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
    const member = to.member('Ann');
    to.expire(member);
    await member.cut();
    assert.equal((await failure).code, 'resume_refused');
    assert.deepEqual(await ended, { reason: 'connectionLost' });
    assert.throws(() => ann.agent.sender(stream, 'opus'), { code: 'closed' });
  });

  it('ends as a failure where the server breaks the protocol', async () => {
    const to = await scene.start({
      intercept: (_, method) => (method === 'resume' ? { participants: 'nobody' } : undefined),
    });
    const [ann] = await scene.pair();
    const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
    await to.member('Ann').cut();
    assert.equal((await failure).code, 'malformed');
    assert.deepEqual(await ended, { reason: 'failed' });
  });

  it('ends where a rekey before the ones that follow is missing', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const failure = next(ann.session, 'failure');
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    for (let missed = 0; missed < 2; missed++) to.rotate({ trigger: 'interval' });
    to.keys.made.splice(2, 1);
    to.shut = false;
    assert.equal((await failure).code, 'key_message_gap');
  });

  it('is told that another took its place', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const ended = next(ann.session, 'ended');
    to.member('Ann').notice('ended', { reason: 'superseded' });
    assert.deepEqual(await ended, { reason: 'superseded' });
    assert.equal(await codeOf(ann.session.request('produce', produceAsk)), 'lease_taken');
  });
});

describe('whoever has not the secret', () => {
  /** As a copied tab would: it knows all that the page knew. */
  const attempt = async (
    to: MeetingServer,
    proofs: (challenge: Uint8Array) => Ask<'resume'>['proofs'],
  ): Promise<string> => {
    const signaling = await Signaling.open(to.url, systemClock, 10_000);
    const { challenge } = await signaling.request('challenge', {});
    const asked = signaling.request('resume', {
      protocol: 1,
      meeting: meetingId,
      participantId: 'p-1',
      proofs: proofs(fromBase64Url(challenge) ?? new Uint8Array()),
      acknowledged: null,
      confirmed: null,
      producers: [],
      consumers: [],
    });
    const code = await codeOf(asked);
    signaling.close();
    return code;
  };

  it('cannot resume: not with a made-up proof, nor with one that was overheard, nor with its own', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const states = connectionOf(ann);
    const { lease } = ann.session;
    const overheard = await ann.agent.prove(new Uint8Array(32).fill(7));
    const proofOf = ({ lease: of, proof }: { lease: number; proof: Uint8Array }) => ({
      lease: of,
      proof: toBase64Url(proof),
    });
    const zeros = () => [proofOf({ lease, proof: new Uint8Array(32) })];
    assert.equal(await attempt(to, zeros), 'resume_refused');
    assert.equal(await attempt(to, () => overheard.map(proofOf)), 'resume_refused');
    // Ben's own proof on this very challenge, as his and as hers.
    for (const claimed of [lease, ben.session.lease]) {
      const signaling = await Signaling.open(to.url, systemClock, 10_000);
      const { challenge } = await signaling.request('challenge', {});
      const [own] = await ben.agent.prove(fromBase64Url(challenge) ?? new Uint8Array());
      assert.ok(own !== undefined);
      const asked = signaling.request('resume', {
        protocol: 1,
        meeting: meetingId,
        participantId: 'p-1',
        proofs: [proofOf({ lease: claimed, proof: own.proof })],
        acknowledged: null,
        confirmed: null,
        producers: [],
        consumers: [],
      });
      assert.equal(await codeOf(asked), 'resume_refused');
      signaling.close();
    }
    assert.deepEqual(states, [], 'she never noticed');
    await assertTalk(ann, ben);
  });

  it('is somebody else with the same token: another participant, another lease, and no key from before', async () => {
    await scene.start();
    const [ann, ben] = await scene.pair();
    const thief = await scene.join('Ann');
    assert.notEqual(thief.session.self.participantId, ann.session.self.participantId);
    assert.notEqual(thief.session.lease, ann.session.lease);
    assert.equal(thief.session.epoch, null);
    await assertTalk(ann, ben);
  });

  it('proves what it has for one lease, one challenge and one incarnation', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const [one, other] = [1, 2].map((fill) => new Uint8Array(32).fill(fill));
    assert.ok(one !== undefined && other !== undefined);
    const [proof, again, elsewhere] = await Promise.all(
      [one, one, other].map((challenge) => ann.agent.prove(challenge)),
    );
    const bytes = proof?.[0]?.proof ?? assert.fail('no proof');
    assert.equal(proof?.length, 1);
    assert.deepEqual(again, proof);
    assert.notDeepEqual(elsewhere, proof);
    const { lease } = ann.session;
    assert.equal(to.keys.verifies(lease, one, bytes), true);
    assert.equal(to.keys.verifies(lease, other, bytes), false);
    assert.equal(to.keys.verifies(ben.session.lease, one, bytes), false);
    assert.equal(to.keys.verifies(toLease(99), one, bytes), false);
    const foreign = new Scene();
    try {
      const elsewhere = await foreign.start();
      const [ada] = await foreign.gather('Ada');
      assert.ok(ada !== undefined);
      assert.equal(ada.session.lease, lease);
      assert.equal(elsewhere.keys.verifies(lease, one, bytes), false);
    } finally {
      await foreign.close();
    }
  });
});

describe('while nothing is heard', () => {
  it('nothing is sealed past the life of the epoch, and sealing goes on with the next', async () => {
    const clock = new VirtualClock();
    const to = await scene.start({ timers: { resumeWindowMs: 1_000_000 } });
    const ann = await scene.join('Ann', { clock });
    const { epoch } = to.rotate({ joins: [to.member('Ann')] });
    await allIn(epoch, ann);
    const sender = ann.agent.sender(stream, 'opus');
    const failure = next(ann.session, 'failure');
    const resumed = connection(ann, 'resumed');
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    clock.advance(449_999);
    assert.notEqual(await sender.seal(frame), null);
    clock.advance(1);
    assert.equal(await sender.seal(frame), null);
    assert.equal((await failure).code, 'sending_stopped');
    const later = to.rotate({ trigger: 'interval' });
    to.shut = false;
    await passUntil(clock, resumed);
    await allIn(later.epoch, ann);
    assert.notEqual(await sender.seal(frame), null);
  });

  it('sealing stops where others turn out to use an epoch that never came', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const member = to.member('Ann');
    const failure = next(ann.session, 'failure');
    to.shut = true;
    await cutOff(ann, member);
    const made = to.rotate({ trigger: 'interval' });
    to.keys.made.splice(-1, 1);
    to.shut = false;
    assert.equal((await failure).code, 'sending_stopped');
    assert.equal(await ann.agent.sender(stream, 'opus').seal(frame), null);
    member.keyMessage(made.rekey ?? assert.fail('no rekey'));
    await allIn(made.epoch, ann);
    assert.notEqual(await ann.agent.sender(stream, 'opus').seal(frame), null);
  });
});
