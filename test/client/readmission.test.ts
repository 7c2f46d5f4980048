import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Readmission } from '../../src/client/session/readmission.ts';
import { streamId } from '../../src/protocol/names.ts';
import { capture } from './capture.ts';
import { Refused } from './meetingServer.ts';
import { inEpoch, next, until } from './observe.ts';
import {
  acknowledged,
  allIn,
  assertTalk,
  frame,
  headerOf,
  microphone,
  Scene,
  sealed,
  stream,
  holdsLast,
  holdsTwo,
  leasesProved,
} from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

describe('being admitted anew', () => {
  it('changes nothing until the welcome comes: same lease, same keys, rekeys as ever', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const { lease } = ann.session;
    await to.readmit(to.member('Ann'));
    await holdsTwo(ann);
    assert.equal(headerOf(await sealed(ann)).lease, lease);
    const { epoch } = to.rotate({ trigger: 'interval' });
    await allIn(epoch, ann, ben);
    assert.equal(ann.session.lease, lease);
    await assertTalk(ann, ben);
  });

  it('goes over to the new lease with the epoch of the welcome, and loses no frame in flight', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const [before, sender] = [ann.session.lease, ann.agent.sender(stream, 'opus')];
    // Made once, as a consumer's transform makes it.
    const receiver = ben.agent.receiver({ lease: before, stream }, 'opus');
    to.announce(microphone({ participantId: 'p-1', lease: before }));
    await next(ben.session, 'producerAdded');
    const seal = async (): Promise<Uint8Array> => (await sender.seal(frame)) ?? assert.fail('not sealed');

    await Promise.all(to.members.map((member) => to.readmit(member)));
    await Promise.all([holdsTwo(ann), holdsTwo(ben)]);
    const made = to.rekey({ moves: to.members, trigger: 'renewal' });
    to.deliver(made);
    await Promise.all(to.members.map((member) => acknowledged(member, made.epoch)));
    const early = [await seal(), await seal()];
    to.activate(made);
    await allIn(made.epoch, ann, ben);
    const late = [await seal(), await seal()];
    assert.notEqual(ann.session.lease, before);
    assert.deepEqual(
      [...early, ...late].map((bytes) => [headerOf(bytes).lease, headerOf(bytes).residue]),
      [
        [before, 1],
        [before, 1],
        [ann.session.lease, 2],
        [ann.session.lease, 2],
      ],
    );
    assert.deepEqual(
      late.map((bytes) => headerOf(bytes).counter),
      [0, 1],
    );
    // Those of the epoch before arrive when the new one is long in use.
    for (const bytes of [late[0], early[1], early[0], late[1]]) {
      assert.deepEqual(await receiver.open(bytes ?? new Uint8Array()), frame);
    }
    const counts = await ben.agent.counts();
    assert.deepEqual(
      [counts.foreignOrigin, counts.missingKey, counts.badTag, counts.staleEpoch],
      [0, 0, 0, 0],
    );
    // The roster and whoever consumes from now on go by the new one.
    assert.equal(ben.session.roster.producer('mic')?.lease, ann.session.lease);
    for (const lease of [before, ann.session.lease]) {
      assert.ok(ben.session.roster.carries('p-1', lease));
      const again = ben.agent.receiver({ lease, stream }, 'opus');
      assert.equal(await again.open(late[0] ?? new Uint8Array()), null, 'one window for all of them');
    }
    assert.equal((await ben.agent.counts()).replayed, 2);
  });

  it('goes on with every stream, whether it was there before or is begun later', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const old = ann.session.lease;
    const [one, two, three] = [streamId(0), streamId(1), streamId(2)];
    await sealed(ann, one);
    await to.readmit(to.member('Ann'));
    await holdsTwo(ann);
    const made = to.rekey({ moves: [to.member('Ann')], trigger: 'readmission' });
    to.deliver(made);
    await acknowledged(to.member('Ann'), made.epoch);
    // Begun between the key and its activation: under the epoch and the lease that are in use.
    assert.deepEqual(headerOf(await sealed(ann, two)).lease, old);
    to.activate(made);
    await allIn(made.epoch, ann, ben);
    for (const each of [one, two, three]) {
      const bytes = await sealed(ann, each);
      assert.equal(headerOf(bytes).lease, ann.session.lease);
      const receiver = ben.agent.receiver({ lease: ann.session.lease, stream: each }, 'opus');
      assert.deepEqual(await receiver.open(bytes), frame);
    }
  });

  it('wipes the admission before it: its keys, and the secret that proved it', async () => {
    const to = await scene.start();
    const kept = capture();
    const ann = await scene.join('Ann', { crypto: kept.crypto });
    const [ben] = await scene.gather('Ben');
    const first = to.rotate({ joins: [to.member('Ann')] });
    assert.ok(ben !== undefined);
    await allIn(first.epoch, ann, ben);
    const old = ann.session.lease;
    await to.readmit(to.member('Ann'));
    await holdsTwo(ann);
    assert.deepEqual(await leasesProved(ann), [old, to.member('Ann').nextLease]);
    const mine = kept.live();
    assert.equal(mine.resumeSecrets.length, 2);
    const { epoch } = to.rotate({ moves: [to.member('Ann')], trigger: 'renewal' });
    await allIn(epoch, ann, ben);
    assert.deepEqual(await leasesProved(ann), [ann.session.lease]);
    assert.equal(kept.live().resumeSecrets.length, 1);
    // Leaf, its parent (the root of so small a tree): what is left is the new path.
    assert.equal(kept.live().treeKeys.length, mine.treeKeys.length - 1);
    await assertTalk(ann, ben);
    ann.session.close();
    assert.deepEqual(kept.live(), { treeKeys: [], resumeSecrets: [] });
  });

  it('is done again where it is asked for again: the last admission counts, a welcome for another is late', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    await to.readmit(member, 'renewal');
    await holdsTwo(ann);
    const second = member.nextLease;
    // A mint that names the second is under way when a third is asked for.
    const made = to.rekey({ moves: [member], trigger: 'renewal' });
    await to.readmit(member, 'compromise');
    await holdsLast(ann, member);
    to.deliver(made);
    const last = to.rotate({ moves: [member], trigger: 'compromise' });
    await allIn(last.epoch, ann, ben);
    assert.notEqual(ann.session.lease, second);
    assert.ok(member.acknowledged.every(({ epoch }) => epoch !== made.epoch));
    await assertTalk(ann, ben);
  });

  it('asked for twice in one breath, is done one after the other', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    for (const reason of ['renewal', 'compromise'] as const) member.notice('readmit', { reason });
    const asked = (): number => member.received.filter(({ name }) => name === 'readmit').length;
    await until(() => asked() === 2);
    await holdsLast(ann, member);
    const { epoch } = to.rotate({ moves: [member], trigger: 'compromise' });
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  it('finds its welcome though that comes in the same breath as the admission', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    // The server does not wait: the welcome is sent as soon as the request was answered.
    await to.readmit(member);
    const { epoch } = to.rotate({ moves: [member], trigger: 'readmission' });
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  it('brings back whom a renewal left behind', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    await to.readmit(to.member('Ben'));
    await holdsTwo(ben);
    const failure = next(ann.session, 'failure');
    // Her old lease has departed, and no new one has joined: the key is for others.
    const without = to.keys.rekey({ moves: [to.member('Ben')], departures: [member], trigger: 'renewal' });
    to.member('Ben').keyMessage(without.welcomes.get(to.member('Ben').lease) ?? assert.fail());
    to.activate(without);
    assert.equal((await failure).code, 'sending_stopped');
    await inEpoch(ben.session, without.epoch);
    assert.equal(await ann.agent.sender(stream, 'opus').seal(frame), null);
    await to.readmit(member);
    await holdsTwo(ann);
    member.lease = member.nextLease ?? assert.fail();
    const { epoch } = to.rotate({ joins: [member], trigger: 'readmission' });
    await allIn(epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  it('is told where the server did not do it, and goes on as before', async () => {
    let refused = false;
    const to = await scene.start({
      intercept: (_, method) => {
        if (method !== 'readmit' || refused) return undefined;
        refused = true;
        return new Refused('custodian_lost');
      },
    });
    const [ann, ben] = await scene.pair();
    const failure = next(ann.session, 'failure');
    await to.readmit(to.member('Ann'));
    assert.equal((await failure).code, 'custodian_lost');
    await assertTalk(ann, ben);
    await to.readmit(to.member('Ann'));
    await holdsTwo(ann);
  });

  it('makes no other key pair before the admission to the last one was opened', async () => {
    const steps: string[] = [];
    const opening = Promise.withResolvers<void>();
    const readmission = new Readmission({
      agent: {
        async begin() {
          steps.push('begun');
          return { publicKey: new Uint8Array(32) };
        },
      },
      async request(_, arrived) {
        steps.push('asked');
        arrived('an admission');
      },
      admit() {
        steps.push('admitted');
        return opening.promise;
      },
      onRefused: () => steps.push('refused'),
    });
    readmission.ask();
    readmission.ask();
    await until(() => steps.includes('admitted'));
    await turn();
    assert.deepEqual(steps, ['begun', 'asked', 'admitted']);
    opening.resolve();
    await until(() => steps.length === 6);
    assert.deepEqual(steps.slice(3), ['begun', 'asked', 'admitted']);
  });
});
