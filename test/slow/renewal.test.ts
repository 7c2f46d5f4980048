// Renewal of a meeting of 500: everybody is admitted anew, spread over a time, and those who send seal every frame meanwhile. What a
// receiver gets between the first admission and the new epoch opens, every frame of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import { streamId } from '../../src/protocol/names.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';

const participants = 500;
const spreadMs = 6_000;
/** Of speech: 50 a second. */
const frameMs = 20;

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({
    LATCHKEY_TIMERS_RENEWAL_SPREAD_MS: String(spreadMs),
    LATCHKEY_LIMITS_PARTICIPANTS_PER_MEETING: String(participants),
    // One process plays everybody here: whoever stands for the last is as slow as all together.
    LATCHKEY_TIMERS_READMIT_DEADLINE_MS: '10000',
    LATCHKEY_TIMERS_ACK_DEADLINE_MS: '10000',
    LATCHKEY_TIMERS_CONFIRM_GRACE_MS: '10000',
    LATCHKEY_TIMERS_RECEIVER_GRACE_MS: '15000',
  });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

describe('a renewal of 500', () => {
  it('moves everybody in one rekey, spread over its time, and no frame is unsealed or lost', async (t) => {
    const meeting = await api(server).createMeeting({
      kind: 'broadcast',
      settings: { joinPolicy: 'never', renewalIntervalMs: 20_000 },
    });
    const join = async (name: string, role: 'host' | 'viewer') =>
      await joinFromNode({ url: server.url, token: await api(server).token(meeting, name, role) });
    const speaker = await join('speaker', 'host');
    const others = [];
    while (others.length < participants - 1) {
      const batch = Array.from({ length: Math.min(25, participants - 1 - others.length) }, (_, index) =>
        join(`viewer ${others.length + index}`, 'viewer'),
      );
      others.push(...(await Promise.all(batch)));
    }
    const everybody = [speaker, ...others];
    await Promise.all(everybody.map(({ session }) => session.keyed(20_000)));
    const leases = everybody.map(({ session }) => session.lease);

    const sender = speaker.agent.sender(streamId(0), 'opus');
    const [listener] = others;
    assert.ok(listener);
    const receiver = listener.agent.receiver({ lease: speaker.session.lease, stream: streamId(0) }, 'opus');
    let frames = 0;
    let unopened = 0;
    let talking = true;
    const talk = async (): Promise<void> => {
      while (talking) {
        const sealed = await sender.seal(new Uint8Array([frames & 0xff, 1, 2, 3]));
        assert.ok(sealed, 'sealed: there was a key at every moment');
        frames++;
        if ((await receiver.open(sealed)) === null) unopened++;
        await new Promise((resolve) => setTimeout(resolve, frameMs));
      }
    };
    const talked = talk();

    const renewed = await Promise.all(
      everybody.map(
        ({ session }) =>
          new Promise<{ atMs: number; fingerprint: string }>((resolve) => {
            session.on('epoch', ({ trigger, fingerprint }) => {
              if (trigger === 'renewal') resolve({ atMs: performance.now(), fingerprint });
            });
          }),
      ),
    );
    // What is sent under the new lease opens, too.
    const before = frames;
    await untilTrue(() => frames > before + 25);
    talking = false;
    await talked;
    assert.equal(new Set(renewed.map(({ fingerprint }) => fingerprint)).size, 1);
    for (const [index, { session }] of everybody.entries()) {
      assert.notEqual(session.lease, leases[index]);
      assert.equal(session.ended, false);
    }
    assert.equal(unopened, 0, 'every frame opened');
    const { sealed, unsealed } = await speaker.agent.counts();
    assert.deepEqual([sealed, unsealed], [frames, 0]);
    const metrics = await api(server).metrics();
    assert.match(
      metrics,
      new RegExp(`^latchkey_readmissions_total\\{reason="renewal"\\} ${participants}$`, 'm'),
    );
    const asks = server.output().match(/"participants.readmitting","count":\d+,"reason":"renewal"/g) ?? [];
    t.diagnostic(`${frames} frames; ${asks.length} times somebody was asked`);
    assert.ok(asks.length > 20, 'the admissions were spread');
    await Promise.all(everybody.map(({ session }) => session.leave()));
  });
});

const untilTrue = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};
