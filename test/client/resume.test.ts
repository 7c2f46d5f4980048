import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { cut, meetingId, Refused } from './meetingServer.ts';
import type { MeetingServer } from './meetingServer.ts';
import { next } from './observe.ts';
import {
  acknowledged,
  allIn,
  assertTalk,
  connection,
  connectionOf,
  cutOff,
  frame,
  microphone,
  produceAsk,
  resumes,
  Scene,
  sealed,
  stream,
} from './scene.ts';
import type { Participant } from './scene.ts';
import { VirtualClock } from './virtualClock.ts';

const scene = new Scene();
afterEach(() => scene.close());

describe('a socket that is lost', () => {
  it('is followed by another, for the same participant with the same keys, while frames go on', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const lease = ann.session.lease;
    const receiver = ben.agent.receiver({ lease, stream }, 'opus');
    const before = await sealed(ann);
    const states = connectionOf(ann);
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, to.member('Ann'));
    const meanwhile = await sealed(ann);
    await resumed;
    const after = await sealed(ann);
    for (const bytes of [before, meanwhile, after]) assert.deepEqual(await receiver.open(bytes), frame);
    assert.deepEqual(states, ['lost', 'resumed']);
    assert.equal(ann.session.lease, lease);
    assert.equal(to.members.length, 2);
    const { epoch } = to.rotate({ departures: [], trigger: 'interval' });
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  it('is resumed with a proof of the secret, what is held, and what is had', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    to.announce(microphone({ participantId: 'p-2', lease: ben.session.lease }));
    const { producerId } = await ann.session.request('produce', produceAsk);
    const closed = await ann.session.request('produce', { ...produceAsk, stream: 1 });
    await ann.session.request('closeProducer', closed);
    const { consumerId } = await ann.session.request('consume', { producerId: 'mic' });
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, member);
    await resumed;
    const [ask] = resumes(to.member('Ann'));
    assert.ok(ask !== undefined);
    const { proofs, ...rest } = ask;
    assert.deepEqual(rest, {
      protocol: 1,
      meeting: meetingId,
      participantId: 'p-1',
      acknowledged: { epoch: 1, fingerprint: member.acknowledged.at(-1)?.fingerprint },
      confirmed: 1,
      producers: [producerId],
      consumers: [consumerId],
    });
    assert.deepEqual(
      proofs.map(({ lease }) => lease),
      [ann.session.lease],
    );
  });

  it('is followed by the rekeys that were missed, in order, and the activation last', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    const resumed = connection(ann, 'resumed');
    await ann.session.request('produce', produceAsk);
    to.shut = true;
    await cutOff(ann, member);
    for (let missed = 0; missed < 3; missed++) to.rotate({ trigger: 'interval' });
    await allIn(to.keys.made[4]?.epoch ?? assert.fail('no epoch 4'), ben);
    const epochs: number[] = [];
    ann.session.on('epoch', ({ epoch }) => epochs.push(epoch));
    to.shut = false;
    await resumed;
    await member.sent('confirmed', ({ epoch }: { epoch: number }) => epoch === 4);
    assert.deepEqual(
      member.acknowledged.map(({ epoch }) => epoch),
      [0, 1, 2, 3, 4],
    );
    assert.deepEqual(epochs, [4]);
    await assertTalk(ann, ben);
  });

  it('acknowledges again what is repeated after it, and does nothing else', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    to.forgetful = true;
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, member);
    await resumed;
    const { epoch } = to.rotate({ trigger: 'interval' });
    await allIn(epoch, ann, ben);
    await acknowledged(member, epoch);
    assert.deepEqual(
      member.acknowledged.map((one) => one.epoch),
      [0, 1, 0, 1, 2],
    );
    await assertTalk(ann, ben);
  });

  it('may be lost again at once, as often as it likes', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    for (let times = 0; times < 4; times++) {
      const resumed = connection(ann, 'resumed');
      await cutOff(ann, to.member('Ann'));
      await resumed;
    }
    await assertTalk(ann, ben);
  });

  it('is noticed by a request that is not answered, where nobody says so', async () => {
    const clock = new VirtualClock();
    let silent = true;
    const to = await scene.start({
      intercept: (_, method) => {
        if (method !== 'requestKeyFrame' || !silent) return undefined;
        silent = false;
        return '{"notice":"speakers","data":{"participantIds":[]}}';
      },
    });
    const ann = await scene.join('Ann', { clock });
    to.rotate({ joins: [to.member('Ann')] });
    const heard = next(ann.session, 'speakers');
    const resumed = connection(ann, 'resumed');
    const asked = ann.session.request('requestKeyFrame', { consumerId: 'c' });
    await heard;
    clock.advance(10_000);
    await resumed;
    assert.deepEqual(await asked, {}, 'asked again over the new socket');
  });

  it('is asked about where something else failed', async () => {
    const clock = new VirtualClock();
    const to = await scene.start({
      intercept: (_, method) =>
        method === 'challenge' ? '{"notice":"speakers","data":{"participantIds":[]}}' : undefined,
    });
    const ann = await scene.join('Ann', { clock });
    to.rotate({ joins: [to.member('Ann')] });
    const heard = next(ann.session, 'speakers');
    const lost = connection(ann, 'lost');
    ann.session.probe();
    await heard;
    clock.advance(10_000);
    await lost;
  });

  it('is not given up for an answer that is a refusal', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const states = connectionOf(ann);
    ann.session.probe();
    await to.member('Ann').sent('challenge');
    await ann.session.request('setProducerPaused', { producerId: 'p', paused: true });
    assert.deepEqual(states, []);
  });
});

describe('wherever in the protocol the socket is lost', () => {
  /** Cuts Ann off at one point; whatever is needed to go on from there, the test does afterwards. */
  const points: [string, (to: MeetingServer, ann: Participant) => Promise<void>][] = [
    ['with nothing under way', (to, ann) => cutOff(ann, to.member('Ann'))],
    [
      'while a rekey is on its way',
      async (to, ann) => {
        const made = to.rekey({ trigger: 'interval' });
        to.deliver(made);
        await cutOff(ann, to.member('Ann'));
        to.activate(made);
      },
    ],
    [
      'between the rekey and its activation',
      async (to, ann) => {
        const made = to.rekey({ trigger: 'interval' });
        to.deliver(made);
        await acknowledged(to.member('Ann'), made.epoch);
        await cutOff(ann, to.member('Ann'));
        to.activate(made);
      },
    ],
    [
      'before it can confirm',
      async (to, ann) => {
        to.rotate({ trigger: 'interval' });
        await cutOff(ann, to.member('Ann'));
      },
    ],
    [
      'before the rekey is sent',
      async (to, ann) => {
        await cutOff(ann, to.member('Ann'));
        to.rotate({ trigger: 'operator' });
      },
    ],
  ];
  for (const [where, happens] of points) {
    it(`both hear each other again: ${where}`, async () => {
      const to = await scene.start();
      const [ann, ben] = await scene.pair();
      await ann.session.request('produce', produceAsk);
      const resumed = connection(ann, 'resumed');
      await happens(to, ann);
      await resumed;
      const newest = to.keys.made.at(-1)?.epoch ?? assert.fail('no epoch');
      await allIn(newest, ann, ben);
      await to.member('Ann').sent('confirmed');
      await assertTalk(ann, ben);
    });
  }

  it('both hear each other: before the welcome', async () => {
    const to = await scene.start();
    const [ben] = await scene.gather('Ben');
    const ann = await scene.join('Ann');
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, to.member('Ann'));
    await resumed;
    assert.equal(resumes(to.member('Ann'))[0]?.acknowledged, null);
    const { epoch } = to.rotate({ joins: [to.member('Ann')] });
    assert.ok(ben !== undefined);
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  it('both hear each other: with the welcome on its way', async () => {
    const to = await scene.start();
    const [ben] = await scene.gather('Ben');
    const ann = await scene.join('Ann');
    assert.ok(ben !== undefined);
    const resumed = connection(ann, 'resumed');
    to.member('Ann').socket.terminate();
    const { epoch } = to.rotate({ joins: [to.member('Ann')] });
    await resumed;
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  for (const [what, first] of [
    ['the challenge', cut],
    ['the challenge, since the server is not ready', new Refused('draining')],
  ] as const) {
    it(`it is tried again: during ${what}`, async () => {
      let asked = 0;
      const to = await scene.start({ challenged: () => (asked++ === 0 ? first : undefined) });
      const [ann, ben] = await scene.pair();
      const resumed = connection(ann, 'resumed');
      await cutOff(ann, to.member('Ann'));
      await resumed;
      assert.equal(asked, 2);
      await assertTalk(ann, ben);
    });
  }

  it('it is tried again: with the answer to the resume on its way', async () => {
    let lost = false;
    const to = await scene.start({
      loses: (_, method) => {
        if (method !== 'resume' || lost) return false;
        lost = true;
        return true;
      },
    });
    const [ann, ben] = await scene.pair();
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, to.member('Ann'));
    await resumed;
    assert.equal(resumes(to.member('Ann')).length, 2);
    const { epoch } = to.rotate({ trigger: 'interval' });
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });
});
