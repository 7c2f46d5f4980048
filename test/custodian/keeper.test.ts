import assert from 'node:assert/strict';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { CustodianKeeper } from '../../src/custodian/keeper.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { listLog, temporaryFolder } from './custodianProcess.ts';
import { openAsk } from './participants.ts';

const kept = async (t: TestContext) => {
  const signingKeyFile = join(await temporaryFolder(t), 'signing-key.pem');
  await ensureSigningKey(signingKeyFile);
  const { log, events } = listLog();
  const answered: [string, number][] = [];
  const keeper = await CustodianKeeper.start({
    signingKeyFile,
    slots: 64,
    answerMs: 20_000,
    log,
    onAnswered: (method, ms) => answered.push([method, ms]),
  });
  t.after(() => keeper.close());
  const told = new EventEmitter<{ lost: []; replaced: [number] }>();
  keeper.onLost = () => told.emit('lost');
  keeper.onReplaced = (ms) => told.emit('replaced', ms);
  return { keeper, told, events, answered, signingKeyFile };
};

describe('the keeper of the custodian', () => {
  it('replaces one that is killed, and says how long there was none', async (t) => {
    const { keeper, told, events } = await kept(t);
    const first = keeper.current();
    await first.openMeeting(openAsk('m'));
    for (const restarts of [1, 2]) {
      const { pid } = keeper.current();
      const [lost, replaced] = [once(told, 'lost'), once(told, 'replaced')];
      const killedMs = performance.now();
      process.kill(pid, 'SIGKILL');
      await lost;
      assert.equal(keeper.up, false);
      assert.throws(() => keeper.current(), { code: 'custodian_lost' });
      const [ms] = (await replaced) as [number];
      assert.ok(ms > 0 && ms <= performance.now() - killedMs, `${ms} ms`);
      t.diagnostic(`replaced after ${Math.round(ms)} ms`);
      assert.deepEqual([keeper.up, keeper.restarts], [true, restarts]);
      const next = keeper.current();
      assert.notEqual(next.pid, pid);
      assert.deepEqual(next.publicKey, first.publicKey, 'the signing key stands in a file');
      assert.equal((await next.statistics()).meetings, 0, 'it holds no meeting');
      assert.equal(events.filter(({ event }) => event === 'custodian.replaced').length, restarts);
    }
  });

  it('goes on trying where the next does not start, and counts that time too', async (t) => {
    const { keeper, told, events, signingKeyFile } = await kept(t);
    await rename(signingKeyFile, `${signingKeyFile}.away`);
    const replaced = once(told, 'replaced');
    process.kill(keeper.current().pid, 'SIGKILL');
    await once(told, 'lost');
    const failed = () => events.some(({ event }) => event === 'custodian.unreplaced');
    while (!failed()) await new Promise((resolve) => setImmediate(resolve));
    await rename(`${signingKeyFile}.away`, signingKeyFile);
    const [ms] = (await replaced) as [number];
    assert.ok(ms >= 1_000, `${ms} ms: an attempt, the pause after it, and another`);
    assert.equal(keeper.restarts, 1);
  });

  it('replaces none once it is closed', async (t) => {
    const { keeper, told } = await kept(t);
    const { pid } = keeper.current();
    told.on('lost', () => assert.fail('closed is not lost'));
    await keeper.close();
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(keeper.up, false);
  });

  it('tells how long each answer took, those of later custodians too', async (t) => {
    const { keeper, told, answered } = await kept(t);
    await keeper.current().openMeeting(openAsk('m'));
    await assert.rejects(keeper.current().openMeeting(openAsk('m')));
    const replaced = once(told, 'replaced');
    process.kill(keeper.current().pid, 'SIGKILL');
    await replaced;
    await keeper.current().statistics();
    assert.deepEqual(
      answered.map(([method]) => method),
      ['openMeeting', 'openMeeting', 'statistics'],
    );
    for (const [method, ms] of answered) assert.ok(ms > 0 && ms < 20_000, `${method}: ${ms} ms`);
  });
});
