import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { decodeAdmission, encodeAdmission } from '../../src/protocol/keyMessages.ts';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import { epochId, streamId } from '../../src/protocol/names.ts';
import { capture } from './capture.ts';
import { cut, Refused } from './meetingServer.ts';
import type { MeetingServer } from './meetingServer.ts';
import type { Member } from './member.ts';
import { inEpoch, next, until } from './observe.ts';
import {
  acknowledged,
  allIn,
  assertTalk,
  connection,
  cutOff,
  frame,
  headerOf,
  microphone,
  resumes,
  Scene,
  sealed,
  stream,
} from './scene.ts';
import type { Participant } from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

const challenge = new Uint8Array(32).fill(5);

const leasesProved = async ({ agent }: Participant): Promise<number[]> =>
  (await agent.prove(challenge)).map(({ lease }) => lease);

/** The agent holds an admission beside the one in use. */
const holdsTwo = (participant: Participant): Promise<void> =>
  until(async () => (await leasesProved(participant)).length === 2);

/** The admission that the server gave last is the one that waits. */
const holdsLast = (participant: Participant, { nextLease }: Member): Promise<void> =>
  until(async () => (await leasesProved(participant)).at(-1) === nextLease);

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

  const forgeries: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['that somebody changed', (bytes) => bytes.with(40, (bytes[40] ?? 0) ^ 1)],
    [
      'of another key pair',
      (bytes) => {
        const admission = decodeAdmission(bytes);
        return encodeAdmission({ ...admission, terms: { ...admission.terms, firstEpoch: epochId(0) } });
      },
    ],
  ];
  for (const [what, change] of forgeries) {
    it(`ends the session for an admission ${what}`, async () => {
      const to: MeetingServer = await scene.start({
        intercept: (member, method, ask) => {
          if (method !== 'readmit') return undefined;
          const { admission } = to.keys.admit(member, (ask as { publicKey: string }).publicKey);
          return { admission: toBase64Url(change(admission)) };
        },
      });
      const [ann] = await scene.pair();
      const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
      to.member('Ann').notice('readmit', { reason: 'renewal' });
      assert.match((await failure).code, /^key_message_(?:forged|malformed)$/);
      assert.deepEqual(await ended, { reason: 'failed' });
    });
  }

  it('takes no admission of before for the one that was asked for, though it is rightly signed', async () => {
    const given: string[] = [];
    const to: MeetingServer = await scene.start({
      intercept: (member, method, ask) => {
        if (method !== 'readmit') return undefined;
        const { publicKey } = ask as { publicKey: string };
        given.push(toBase64Url(to.keys.admit(member, publicKey).admission));
        return { admission: given[0] };
      },
    });
    const [ann] = await scene.pair();
    const failure = next(ann.session, 'failure');
    await to.readmit(to.member('Ann'));
    await to.readmit(to.member('Ann'));
    assert.equal((await failure).code, 'key_message_forged');
    assert.equal(given.length, 2);
    assert.ok(fromBase64Url(given[1] ?? '') !== null);
  });
});

describe('a socket that is lost while its participant is admitted anew', () => {
  const points: [string, (to: MeetingServer, ann: Participant) => Promise<void>][] = [
    [
      'before it asked',
      async (to, ann) => {
        to.member('Ann').notice('readmit', { reason: 'renewal' });
        await cutOff(ann, to.member('Ann'));
      },
    ],
    [
      'between the admission and the welcome',
      async (to, ann) => {
        await to.readmit(to.member('Ann'));
        await holdsTwo(ann);
        await cutOff(ann, to.member('Ann'));
      },
    ],
  ];
  for (const [where, happens] of points) {
    it(`goes on: ${where}`, async () => {
      const to = await scene.start();
      const [ann, ben] = await scene.pair();
      const member = to.member('Ann');
      const resumed = connection(ann, 'resumed');
      await happens(to, ann);
      await resumed;
      const held = resumes(member)
        .at(-1)
        ?.proofs.map(({ lease }) => lease);
      // As the server does for whoever does not prove what it was given.
      if (held?.includes(member.nextLease ?? 0) !== true) await to.readmit(member);
      await holdsTwo(ann);
      const { epoch } = to.rotate({ moves: [member], trigger: 'renewal' });
      await allIn(epoch, ann, ben);
      await assertTalk(ann, ben);
    });
  }

  for (const [what, option] of [
    ['the request', 'intercept'],
    ['the answer', 'loses'],
  ] as const) {
    it(`goes on: with ${what} on its way`, async () => {
      let lost = false;
      const once = (method: string): boolean => {
        if (method !== 'readmit' || lost) return false;
        lost = true;
        return true;
      };
      const to = await scene.start(
        option === 'loses'
          ? { loses: (_, method) => once(method) }
          : { intercept: (_, method) => (once(method) ? cut : undefined) },
      );
      const [ann, ben] = await scene.pair();
      const member = to.member('Ann');
      const resumed = connection(ann, 'resumed');
      await to.readmit(member);
      await resumed;
      assert.equal(resumes(member).at(-1)?.proofs.length, 1);
      await to.readmit(member);
      await holdsTwo(ann);
      const { epoch } = to.rotate({ moves: [member], trigger: 'renewal' });
      await allIn(epoch, ann, ben);
      await assertTalk(ann, ben);
    });
  }

  it('is resumed by the new admission alone, where the move was made meanwhile', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    await to.readmit(member);
    await holdsTwo(ann);
    const resumed = connection(ann, 'resumed');
    to.shut = true;
    await cutOff(ann, member);
    const made = to.rotate({ moves: [member], trigger: 'renewal' });
    await inEpoch(ben.session, made.epoch);
    to.shut = false;
    await resumed;
    await allIn(made.epoch, ann, ben);
    await assertTalk(ann, ben);
  });

  it('opens what others sent under their new leases from the very epoch on', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const [before, sender] = [ben.session.lease, ben.agent.sender(stream, 'opus')];
    to.announce(microphone({ participantId: 'p-2', lease: before }));
    await next(ann.session, 'producerAdded');
    const receiver = ann.agent.receiver({ lease: before, stream }, 'opus');
    const resumed = connection(ann, 'resumed');
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    // Two epochs while she is away: one with the lease that she knows, one with another.
    const kept: (Uint8Array | null)[] = [];
    await inEpoch(ben.session, to.rotate({ trigger: 'interval' }).epoch);
    kept.push(await sender.seal(frame));
    await to.readmit(to.member('Ben'));
    await holdsTwo(ben);
    const { epoch } = to.rotate({ moves: [to.member('Ben')], trigger: 'renewal' });
    await inEpoch(ben.session, epoch);
    kept.push(await sender.seal(frame));
    to.shut = false;
    await resumed;
    await allIn(epoch, ann);
    for (const bytes of kept) assert.deepEqual(await receiver.open(bytes ?? new Uint8Array()), frame);
    assert.equal((await ann.agent.counts()).foreignOrigin, 0);
  });
});

describe('no key and counter ever seal two frames', () => {
  it('over resumes, new admissions, streams that are used again, and epochs', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    const seen = new Set<string>();
    let sent = 0;
    /** An epoch has one base key: it, the KID and the counter say which key and nonce sealed the frame. */
    const send = async (): Promise<void> => {
      for (const each of [streamId(0), streamId(3), streamId(0)]) {
        // As a page that publishes, unpublishes and publishes again does.
        const bytes = await ann.agent.sender(each, 'opus').seal(frame);
        if (bytes === null) continue;
        const { kid, counter } = headerOf(bytes);
        seen.add(`${ann.session.epoch?.fingerprint} ${kid} ${counter}`);
        sent++;
      }
    };
    for (let round = 0; round < 6; round++) {
      await send();
      const resumed = connection(ann, 'resumed');
      await cutOff(ann, member);
      await send();
      await resumed;
      await to.readmit(member);
      await send();
      await holdsLast(ann, member);
      const made = to.rekey(
        round % 2 === 0 ? { moves: [member], trigger: 'renewal' } : { trigger: 'interval' },
      );
      to.deliver(made);
      await acknowledged(member, made.epoch);
      await send();
      to.activate(made);
      // Told twice, as after a resume.
      to.activate(made);
      await allIn(made.epoch, ann, ben);
      await send();
    }
    assert.ok(sent > 80, `${sent} frames`);
    assert.equal(seen.size, sent);
  });
});
