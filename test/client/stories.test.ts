import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import { toHex } from '../../src/protocol/bytes.ts';
import { chainInput, decodeRekey, decodeWelcome } from '../../src/protocol/keyMessages.ts';
import type { Rekey } from '../../src/protocol/keyMessages.ts';
import { inEpoch, next, until } from './observe.ts';
import { allIn, connection, cutOff, frame, Scene, stream } from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1);

describe('the story that a server tells', () => {
  it('is the same for everybody: each epoch goes on from the one before, and names the ledger', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const before = ann.session.epoch?.chain ?? assert.fail();
    const { epoch, rekey } = to.rotate({ trigger: 'operator' });
    await allIn(epoch, ann, ben);
    const chain = ann.session.epoch?.chain;
    assert.equal(ben.session.epoch?.chain, chain);
    const told = decodeRekey(rekey ?? assert.fail()).rekey;
    assert.equal(toHex(told.previous), before);
    assert.equal(chain, createHash('sha256').update(chainInput(told)).digest('hex'));
  });

  /** Of a rekey of epoch 2, rightly signed. */
  const others: [string, (told: Rekey) => Rekey, string][] = [
    ['goes on from another epoch', (told) => ({ ...told, previous: flipped(told.previous) }), 'story_forked'],
    [
      'names another ledger than its key was bound to',
      (told) => ({ ...told, ledger: flipped(told.ledger) }),
      'key_message_forged',
    ],
    [
      'names another fingerprint than that of its key',
      (told) => ({ ...told, fingerprint: flipped(told.fingerprint) }),
      'key_message_forged',
    ],
  ];
  for (const [what, change, code] of others) {
    it(`is not believed where it ${what}: ${code}`, async () => {
      const to = await scene.start();
      const [ann] = await scene.pair();
      const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
      const sender = ann.agent.sender(stream, 'opus');
      const { rekey } = to.rekey({ trigger: 'interval' });
      to.member('Ann').keyMessage(to.keys.retell(rekey, change));
      assert.equal((await failure).code, code);
      assert.deepEqual(await ended, { reason: 'failed' });
      assert.equal(await sender.seal(frame), null);
    });
  }

  const retold: [string, (told: Rekey) => Rekey][] = [
    ['with another ledger', (told) => ({ ...told, ledger: flipped(told.ledger) })],
    ['with another past', (told) => ({ ...told, previous: flipped(told.previous) })],
    ['with another key', (told) => ({ ...told, fingerprint: flipped(told.fingerprint) })],
  ];
  for (const [what, change] of retold) {
    it(`is not believed where the epoch in use is told again ${what}: story_forked`, async () => {
      const to = await scene.start();
      const [ann, ben] = await scene.pair();
      const { epoch, rekey } = to.rotate({ trigger: 'interval' });
      await allIn(epoch, ann, ben);
      const failure = next(ann.session, 'failure');
      to.member('Ann').keyMessage(to.keys.retell(rekey, change));
      assert.equal((await failure).code, 'story_forked');
      assert.equal(ann.session.ended, true);
      assert.equal(ben.session.ended, false);
    });
  }

  it('is not believed from somebody else, whatever it says: key_message_forged comes first', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const failure = next(ann.session, 'failure');
    const { rekey } = to.rekey({ trigger: 'interval' });
    const bytes = to.keys.retell(rekey, (told) => ({ ...told, previous: flipped(told.previous) }));
    to.member('Ann').keyMessage(bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
    assert.equal((await failure).code, 'key_message_forged');
  });

  it('is not believed where others are told to use another key of the same epoch, also after it was activated', async () => {
    for (const when of ['before', 'after'] as const) {
      const to = await scene.start();
      const [ann] = await scene.pair();
      const failure = next(ann.session, 'failure');
      const made = to.rekey({ trigger: 'interval' });
      to.deliver(made);
      if (when === 'after') {
        to.activate(made);
        await inEpoch(ann.session, made.epoch);
      }
      to.activate({ ...made, fingerprint: flipped(made.fingerprint) });
      assert.equal((await failure).code, 'story_forked');
      await scene.close();
    }
  });

  it('is not believed where a resume goes on with another', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const failure = next(ann.session, 'failure');
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    const made = to.rotate({ trigger: 'interval' });
    to.keys.made.splice(-1, 1, {
      ...made,
      rekey: to.keys.retell(made.rekey, (told) => ({ ...told, previous: flipped(told.previous) })),
    });
    to.shut = false;
    assert.equal((await failure).code, 'story_forked');
  });

  it('goes on through a new admission: its welcome names the epoch before', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const before = ann.session.epoch?.chain ?? assert.fail();
    await to.readmit(to.member('Ann'));
    await until(async () => (await ann.agent.prove(new Uint8Array(32))).length === 2);
    const { epoch, welcomes } = to.rotate({ moves: [to.member('Ann')], trigger: 'readmission' });
    await allIn(epoch, ann, ben);
    const { welcome } = decodeWelcome(welcomes.get(ann.session.lease) ?? assert.fail());
    assert.equal(toHex(welcome.previous), before);
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, to.member('Ann'));
    await resumed;
    assert.equal(ann.session.epoch?.chain, ben.session.epoch?.chain);
  });
});
