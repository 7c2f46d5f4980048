// When a participant acknowledges, and when its keys take the step that makes what was sealed before unreadable to whoever steals them.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import { until } from './observe.ts';
import { acknowledged, allIn, assertTalk, Scene } from './scene.ts';
import type { Participant } from './scene.ts';
import type { MeetingServer } from './meetingServer.ts';

const scene = new Scene();
afterEach(() => scene.close());

/** Cryptography whose steps are counted, and whose `soon` is the test's to say. */
const watched = () => {
  const inner = createNodeAgentCrypto();
  const later: (() => void)[] = [];
  const seen = { steps: 0, later };
  const crypto: AgentCrypto<Buffer, Buffer> = {
    ...inner,
    soon: (work) => void later.push(work),
    treeKeys: {
      ...inner.treeKeys,
      step(key) {
        seen.steps++;
        return inner.treeKeys.step(key);
      },
    },
  };
  return { crypto, seen };
};

/** Ann, watched, and Ben, in epoch 1. */
const watchedPair = async (
  to: MeetingServer,
): Promise<[Participant, Participant, ReturnType<typeof watched>['seen']]> => {
  const { crypto, seen } = watched();
  const ann = await scene.join('Ann', { crypto });
  to.rotate({ joins: [to.member('Ann')] });
  const [ben] = await scene.gather('Ben');
  assert.ok(ben !== undefined);
  await acknowledged(to.member('Ann'), 1);
  for (const step of seen.later.splice(0)) step();
  // The leaf at the welcome, leaf and root after Ben's coming.
  await until(() => seen.steps === 3);
  seen.steps = 0;
  return [ann, ben, seen];
};

describe('a rekey', () => {
  it('is acknowledged before the keys take their step', async () => {
    const to = await scene.start();
    const [ann, ben, seen] = await watchedPair(to);
    const { epoch } = to.rotate({ trigger: 'interval' });
    await allIn(epoch, ann, ben);
    await acknowledged(to.member('Ann'), epoch);
    assert.deepEqual([seen.steps, seen.later.length], [0, 1]);
    for (const step of seen.later.splice(0)) step();
    // Leaf and root.
    await until(() => seen.steps === 2);
    await assertTalk(ann, ben);
  });

  it('finds the step taken that the one before it left, and each is taken once', async () => {
    const to = await scene.start();
    const [ann, ben, seen] = await watchedPair(to);
    for (let rekeys = 1; rekeys <= 3; rekeys++) {
      const { epoch } = to.rotate({ trigger: 'interval' });
      await allIn(epoch, ann, ben);
      assert.equal(seen.steps, 2 * (rekeys - 1));
    }
    for (const step of seen.later.splice(0)) step();
    await until(() => seen.steps === 6);
    await allIn(to.rotate({ trigger: 'interval' }).epoch, ann, ben);
    assert.equal(seen.steps, 6);
    await assertTalk(ann, ben);
  });

  it('leaves no step to be taken by whoever has left', async () => {
    const to = await scene.start();
    const [ann, ben, seen] = await watchedPair(to);
    const { epoch } = to.rotate({ trigger: 'interval' });
    await allIn(epoch, ann, ben);
    ann.session.close();
    for (const step of seen.later.splice(0)) step();
    await assert.rejects(ann.agent.prove(new Uint8Array(32)), { code: 'closed' });
    assert.equal(seen.steps, 0);
  });
});
