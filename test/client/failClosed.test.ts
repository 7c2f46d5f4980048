import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { NodeParticipant } from '../../src/client/session/nodeParticipant.ts';
import { streamId } from '../../src/protocol/names.ts';
import type { FrameSender } from '../../src/client/session/frameSender.ts';
import { MeetingServer } from './meetingServer.ts';
import { inEpoch, next } from './observe.ts';
import { VirtualClock } from './virtualClock.ts';

const frame = new TextEncoder().encode('a frame of Opus');
const stream = streamId(0);
const timers = { receiverGraceMs: 3_000, epochLifeMs: 450_000 };

let server: MeetingServer | undefined;
let ann: NodeParticipant<Buffer, Buffer>;
let sender: FrameSender<Buffer, Buffer>;
const joined: NodeParticipant<Buffer, Buffer>[] = [];

/** Ann, alone and sending, in epoch 0. */
const start = async (): Promise<{ to: MeetingServer; clock: VirtualClock }> => {
  const clock = new VirtualClock();
  const to = await MeetingServer.start({ timers });
  server = to;
  ann = await join(to, 'Ann', clock);
  to.rotate({ joins: [to.member('Ann')] });
  await inEpoch(ann.session, 0);
  sender = ann.agent.sender(stream, 'opus');
  assert.notEqual(await sender.seal(frame), null);
  return { to, clock };
};

const join = async (
  to: MeetingServer,
  name: string,
  clock: VirtualClock,
): Promise<NodeParticipant<Buffer, Buffer>> => {
  const participant = await joinFromNode({ url: to.url, token: to.token(name), clock });
  joined.push(participant);
  return participant;
};

afterEach(async () => {
  for (const { session } of joined.splice(0)) session.close();
  await server?.close();
  server = undefined;
});

describe('a sender whose epoch has outlived its time', () => {
  const passes: [string, (clock: VirtualClock) => void][] = [
    ['time passed', (clock) => clock.advance(timers.epochLifeMs)],
    ['the machine slept: monotonic time stood still', (clock) => clock.sleep(timers.epochLifeMs)],
    [
      'the clock was set back: wall time did not pass',
      (clock) => {
        clock.setWall(-timers.epochLifeMs);
        clock.advance(timers.epochLifeMs);
      },
    ],
  ];
  for (const [how, pass] of passes) {
    it(`seals nothing any more, with its next frame: ${how}`, async () => {
      const { clock } = await start();
      pass(clock);
      assert.equal(await sender.seal(frame), null);
      const { sealed, unsealed } = await ann.agent.counts();
      assert.deepEqual({ sealed, unsealed }, { sealed: 1, unsealed: 1 });
    });
  }

  it('does not begin again when the clock is set back', async () => {
    const { clock } = await start();
    clock.sleep(timers.epochLifeMs);
    assert.equal(await sender.seal(frame), null);
    clock.setWall(-timers.epochLifeMs);
    assert.equal(await sender.seal(frame), null);
  });

  it('seals up to the last millisecond', async () => {
    const { clock } = await start();
    clock.advance(timers.epochLifeMs - 1);
    assert.notEqual(await sender.seal(frame), null);
  });

  it('says so, stays in the meeting, and goes on with the next epoch', async () => {
    const { to, clock } = await start();
    const failure = next(ann.session, 'failure');
    clock.advance(timers.epochLifeMs);
    assert.equal((await failure).code, 'sending_stopped');
    assert.equal(ann.session.ended, false);
    await join(to, 'Ben', clock);
    to.rotate({ joins: [to.member('Ben')] });
    await inEpoch(ann.session, 1);
    assert.notEqual(await sender.seal(frame), null);
  });
});

describe('a receiver', () => {
  it('opens an old epoch for its grace after the next activation, and no longer', async () => {
    const { to, clock } = await start();
    const ben = await join(to, 'Ben', clock);
    to.rotate({ joins: [to.member('Ben')] });
    await Promise.all([inEpoch(ann.session, 1), inEpoch(ben.session, 1)]);
    const old = [await sender.seal(frame), await sender.seal(frame)];
    await join(to, 'Cas', clock);
    to.rotate({ joins: [to.member('Cas')] });
    await Promise.all([inEpoch(ann.session, 2), inEpoch(ben.session, 2)]);

    const receiver = ben.agent.receiver({ lease: ann.session.lease, stream }, 'opus');
    clock.advance(timers.receiverGraceMs - 1);
    assert.deepEqual(await receiver.open(old[0] ?? new Uint8Array()), frame);
    clock.advance(1);
    assert.equal(await receiver.open(old[1] ?? new Uint8Array()), null);
    const { opened, staleEpoch } = await ben.agent.counts();
    assert.deepEqual({ opened, staleEpoch }, { opened: 1, staleEpoch: 1 });
  });

  it('opens a frame once, however often its consumer was made anew', async () => {
    const { to, clock } = await start();
    const ben = await join(to, 'Ben', clock);
    to.rotate({ joins: [to.member('Ben')] });
    await Promise.all([inEpoch(ann.session, 1), inEpoch(ben.session, 1)]);
    const sealed = (await sender.seal(frame)) ?? new Uint8Array();
    const origin = { lease: ann.session.lease, stream };
    const first = ben.agent.receiver(origin, 'opus');
    assert.deepEqual(await first.open(sealed), frame);
    first.close();
    const second = ben.agent.receiver(origin, 'opus');
    assert.equal(await second.open(sealed), null);
    assert.equal((await ben.agent.counts()).replayed, 1);
    second.close();
    // Others come and go, and old epochs are dropped, while nobody listens to Ann.
    await join(to, 'Cas', clock);
    to.rotate({ joins: [to.member('Cas')] });
    await inEpoch(ben.session, 2);
    clock.advance(timers.receiverGraceMs);
    to.rotate({ departures: [to.member('Cas')] });
    await inEpoch(ben.session, 3);
    const again = ben.agent.receiver(origin, 'opus');
    assert.equal(await again.open(sealed), null);
    assert.equal((await ben.agent.counts()).opened, 1);
  });

  it('remembers what it opened of an epoch for as long as it holds the key', async () => {
    const { to, clock } = await start();
    await join(to, 'Ben', clock);
    to.rotate({ joins: [to.member('Ben')] });
    await inEpoch(ann.session, 1);
    // A sender may hear itself: what it seals now, in epoch 1, it opens once.
    const sealed = (await sender.seal(frame)) ?? new Uint8Array();
    const origin = { lease: ann.session.lease, stream };
    const first = ann.agent.receiver(origin, 'opus');
    assert.deepEqual(await first.open(sealed), frame);
    first.close();
    clock.advance(timers.receiverGraceMs);
    // Epoch 0 is dropped by now, 1 is not.
    assert.equal(await ann.agent.receiver(origin, 'opus').open(sealed), null);
    assert.equal((await ann.agent.counts()).replayed, 1);
  });

  it('holds 16 epochs, whatever the server activates', async () => {
    const { to, clock } = await start();
    await join(to, 'Ben', clock);
    const [ben, made] = [to.member('Ben'), to.rekey({ joins: [to.member('Ben')] })];
    to.deliver(made);
    let last = made;
    for (let more = 0; more < 16; more++) {
      await join(to, `Guest ${more}`, clock);
      last = to.rekey({ joins: [to.member(`Guest ${more}`)] });
      to.deliver(last);
    }
    const failure = next(ann.session, 'failure');
    await ben.sent('acknowledged', ({ epoch }: { epoch: number }) => epoch === last.epoch);
    to.activate(made);
    assert.equal((await failure).code, 'sending_stopped');
    to.activate(last);
    await inEpoch(ann.session, last.epoch);
    assert.notEqual(await sender.seal(frame), null);
  });

  it('asks for a key frame when frames open again, at most twice a second', async () => {
    const { to, clock } = await start();
    const ben = await join(to, 'Ben', clock);
    to.rotate({ joins: [to.member('Ben')] });
    await Promise.all([inEpoch(ann.session, 1), inEpoch(ben.session, 1)]);
    const video = streamId(1);
    const picture = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const camera = ann.agent.sender(video, 'vp8');
    const origin = { lease: ann.session.lease, stream: video };
    const receiver = ben.agent.receiver(origin, 'vp8');
    const recovered: unknown[] = [];
    ben.session.on('recovered', (data) => recovered.push(data));
    const arrive = async (broken: boolean): Promise<boolean> => {
      const sealed = (await camera.seal(picture)) ?? new Uint8Array();
      const last = sealed.length - 1;
      return (await receiver.open(broken ? sealed.with(last, (sealed[last] ?? 0) ^ 1) : sealed)) !== null;
    };
    assert.ok(await arrive(false));
    assert.deepEqual(recovered, [], 'nothing was lost');
    assert.ok(!(await arrive(true)));
    assert.ok(await arrive(false));
    assert.deepEqual(recovered, [origin]);
    assert.ok(!(await arrive(true)));
    assert.ok(await arrive(false));
    assert.equal(recovered.length, 1, 'too soon');
    clock.advance(500);
    assert.ok(await arrive(false));
    assert.equal(recovered.length, 2, 'late, not lost');
  });
});
