import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { streamId } from '../../src/protocol/names.ts';
import { cut } from './meetingServer.ts';
import type { MeetingServer } from './meetingServer.ts';
import { inEpoch, next } from './observe.ts';
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
  stream,
  holdsLast,
  holdsTwo,
} from './scene.ts';
import type { Participant } from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

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
