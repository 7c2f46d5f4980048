import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import { startCustodian } from '../../src/custodian/client.ts';
import type { Custodian } from '../../src/custodian/custodian.ts';
import { launchCustodian } from '../../src/custodian/launch.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import { transportSignatureInput } from '../../src/protocol/keyMessages.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { listLog, messageOf, startTestCustodian, temporaryFolder } from './custodianProcess.ts';
import { closeAsk, openAsk, Participant, rekeyAsk } from './participants.ts';

const meeting = 'stand-up';
const who = { meeting, participant: 'ada', role: 'host' as const, tokenId: 'token' };

const admitTo = (custodian: Custodian, name = 'ada', at = meeting) =>
  Participant.admit((ask) => custodian.admit(ask), custodian.publicKey, {
    ...who,
    meeting: at,
    participant: name,
  });

const rekey = (custodian: Custodian, joins: readonly Lease[], departures: readonly Lease[] = []) =>
  custodian.rekey(rekeyAsk(meeting, joins, departures));

describe('the custodian', () => {
  it('keys a meeting of twenty through arrivals and departures: all who are present, and only they, open each epoch', async (t) => {
    const { custodian } = await startTestCustodian(t);
    await custodian.openMeeting(openAsk(meeting));
    let present: Participant[] = [];
    const windows: [number, number][] = [
      [1, 0],
      [3, 0],
      [16, 0],
      [0, 1],
      [2, 2],
      [0, 7],
      [9, 1],
      [0, 20],
      [2, 0],
    ];
    for (const [epoch, [joins, departures]] of windows.entries()) {
      const newcomers = await Promise.all(
        Array.from({ length: joins }, (_, n) => admitTo(custodian, `${epoch}.${n}`)),
      );
      const departed = present.filter((_, index) => index % 2 === 0).slice(0, departures);
      if (departed.length < departures) departed.push(...present.filter((one) => !departed.includes(one)));
      const answer = await rekey(
        custodian,
        newcomers.map(({ lease }) => lease),
        departed.map(({ lease }) => lease),
      );
      assert.equal(answer.epoch, epoch);
      present = present.filter((one) => !departed.includes(one));
      assert.equal(answer.rekey === null, present.length === 0);
      if (answer.rekey !== null) {
        for (const one of departed)
          await assert.rejects(one.follow(answer), { code: 'key_message_unopened' });
      }
      present.push(...newcomers);
      for (const one of present) await one.follow(answer);
    }
    const { leaves, waiting, meetings } = await custodian.statistics();
    assert.deepEqual({ leaves, waiting, meetings }, { leaves: 2, waiting: 0, meetings: 1 });
    await custodian.closeMeeting(closeAsk(meeting));
    assert.equal((await custodian.statistics()).slotsUsed, 0);
  });

  it('has the public key of the file, and signs transports with it', async (t) => {
    const { custodian, signingKeyFile } = await startTestCustodian(t);
    const key = createPublicKey(await readFile(signingKeyFile));
    assert.deepEqual(
      fromBase64Url(key.export({ format: 'jwk' }).x ?? ''),
      new Uint8Array(custodian.publicKey),
    );
    const { incarnation } = await custodian.openMeeting(openAsk(meeting));
    const transport = {
      participant: 'ada',
      transport: 't',
      fingerprints: [{ algorithm: 'sha-256', value: 'AA' }],
    };
    const signature = await custodian.signTransport({ meeting, ...transport });
    assert.ok(verify(null, transportSignatureInput({ ...transport, incarnation }), key, signature));
  });

  it('refuses with a code what would break a law, what it has no room for, and what is no request', async (t) => {
    const { custodian } = await startTestCustodian(t, { slots: 8 });
    await custodian.openMeeting(openAsk(meeting));
    const { publicKey } = await newAdmissionRecipient();
    const admit = (change: object = {}) => custodian.admit({ ...who, publicKey, ...change });
    const attempts: [string, () => Promise<unknown>][] = [
      ['custodian_refused', () => custodian.openMeeting(openAsk(meeting))],
      ['meeting_not_found', () => custodian.closeMeeting(closeAsk('none'))],
      ['meeting_not_found', () => admit({ meeting: 'none' })],
      ['public_key_invalid', () => admit({ publicKey: new Uint8Array(32) })],
      ['malformed', () => admit({ publicKey: new Uint8Array(31) })],
      ['malformed', () => admit({ publicKey: 'text' })],
      ['malformed', () => admit({ participant: '' })],
      ['malformed', () => admit({ participant: 'a'.repeat(129) })],
      ['malformed', () => admit({ role: 'ghost' })],
      ['malformed', () => admit({ lease: 1 })],
      ['custodian_refused', () => rekey(custodian, [99 as Lease])],
      ['malformed', () => rekey(custodian, [0 as Lease])],
      ['malformed', () => rekey(custodian, [1.5 as Lease])],
      ['malformed', () => rekey(custodian, ['1' as unknown as Lease])],
    ];
    for (const [code, attempt] of attempts) await assert.rejects(attempt(), { name: 'LatchkeyError', code });
    await assert.rejects(
      async () => {
        for (;;) await admit();
      },
      { code: 'slab_full' },
    );
    assert.ok((await custodian.statistics()).slotsUsed > 0, 'it goes on');
  });

  it('answers garbage on its channel with an error and goes on', async (t) => {
    const folder = await temporaryFolder(t);
    const signingKeyFile = join(folder, 'key.pem');
    await ensureSigningKey(signingKeyFile);
    const child = launchCustodian({ signingKeyFile, slots: 16 });
    t.after(() => child.kill('SIGKILL'));
    const ready = await messageOf(child);
    assert.equal(ready['ready'], true);
    const garbage: unknown[] = [
      'text',
      17,
      true,
      [],
      {},
      { id: 1 },
      { id: 'a', method: 'statistics', data: {} },
      { id: 1, method: 'statistics', data: {}, more: 1 },
      new Map([['id', 1]]),
      randomBytes(5_000),
    ];
    for (const message of garbage) {
      child.send(message as object);
      const answer = await messageOf(child);
      assert.deepEqual(
        [answer['id'], answer['ok'], Reflect.get(Object(answer['error']), 'code')],
        [null, false, 'malformed'],
      );
    }
    for (const [method, code] of [
      ['nothing', 'unknown_method'],
      ['toString', 'unknown_method'],
      ['__proto__', 'unknown_method'],
      ['rekey', 'malformed'],
    ]) {
      child.send({ id: 7, method, data: { meeting: 5 } });
      const answer = await messageOf(child);
      assert.deepEqual([answer['id'], Reflect.get(Object(answer['error']), 'code')], [7, code]);
    }
    child.disconnect();
    assert.deepEqual(await once(child, 'exit'), [0, null], 'it ends with its channel');
  });
});

describe('a custodian that is gone', () => {
  const lostOf = (custodian: Custodian) => {
    const reasons: Error[] = [];
    const lost = new Promise<Error>((resolve) =>
      custodian.onLost((reason) => {
        reasons.push(reason);
        resolve(reason);
      }),
    );
    return { reasons, lost };
  };

  const killed = async (t: TestContext) => {
    const { custodian } = await startTestCustodian(t);
    await custodian.openMeeting(openAsk(meeting));
    const { reasons, lost } = lostOf(custodian);
    process.kill(custodian.pid, 'SIGKILL');
    return { custodian, reasons, lost };
  };

  it('fails whatever waits for it, says so once, and answers nothing more', async (t) => {
    const { custodian, reasons, lost } = await killed(t);
    const pending = await Promise.allSettled(Array.from({ length: 5 }, () => custodian.statistics()));
    for (const one of pending) {
      assert.ok(one.status === 'rejected');
      assert.equal(Reflect.get(Object(one.reason), 'code'), 'custodian_lost');
    }
    assert.match((await lost).message, /SIGKILL/);
    await assert.rejects(custodian.admit({ ...who, publicKey: new Uint8Array(32) }), {
      code: 'custodian_lost',
    });
    assert.equal(reasons.length, 1);
    assert.equal(lostOf(custodian).reasons.length, 1, 'who asks later is told at once');
  });

  it('that does not answer in time is ended', async (t) => {
    const { custodian } = await startTestCustodian(t, { answerMs: 300 });
    const { lost } = lostOf(custodian);
    process.kill(custodian.pid, 'SIGSTOP');
    const [first, second] = await Promise.allSettled([custodian.statistics(), custodian.statistics()]);
    for (const one of [first, second]) {
      assert.ok(one.status === 'rejected');
      assert.equal(Reflect.get(Object(one.reason), 'code'), 'custodian_timeout');
    }
    assert.equal(Reflect.get(await lost, 'code'), 'custodian_timeout');
    await custodian.close();
    assert.throws(() => process.kill(custodian.pid, 0), { code: 'ESRCH' });
  });

  it('is not blamed when it was we who were busy', async (t) => {
    const { custodian } = await startTestCustodian(t, { answerMs: 2_000 });
    await custodian.openMeeting(openAsk(meeting));
    const answering = custodian.statistics();
    // This thread stands still, as it would in a long computation; the answer comes meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    assert.equal((await answering).meetings, 1);
  });

  it('because it was closed is not lost', async (t) => {
    const { custodian } = await startTestCustodian(t);
    const { reasons } = lostOf(custodian);
    const pending = custodian.statistics();
    const refused = assert.rejects(pending, { code: 'custodian_lost' });
    await Promise.all([custodian.close(), custodian.close()]);
    await refused;
    assert.deepEqual(reasons, []);
    assert.throws(() => process.kill(custodian.pid, 0), { code: 'ESRCH' });
  });
});

describe('the signing key', () => {
  it('is made once, for its owner alone, also by two who start at once', async (t) => {
    const path = join(await temporaryFolder(t), 'keys', 'signing-key.pem');
    await Promise.all([ensureSigningKey(path), ensureSigningKey(path)]);
    const made = await readFile(path, 'utf8');
    assert.match(made, /^-----BEGIN PRIVATE KEY-----\n/);
    await ensureSigningKey(path);
    assert.equal(await readFile(path, 'utf8'), made);
  });

  it('that others may use is refused', async (t) => {
    const path = join(await temporaryFolder(t), 'signing-key.pem');
    await ensureSigningKey(path);
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      await chmod(path, mode);
      await assert.rejects(ensureSigningKey(path), { code: 'file_too_open' });
    }
  });

  it('that is none stops the start with its path, and says nothing of what the file holds', async (t) => {
    const path = join(await temporaryFolder(t), 'signing-key.pem');
    const { log, events } = listLog();
    const secret = randomBytes(24).toString('hex');
    const { privateKey } = generateKeyPairSync('x25519');
    for (const content of [
      '',
      secret,
      `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ]) {
      await writeFile(path, content, { mode: 0o600 });
      await assert.rejects(
        startCustodian({ signingKeyFile: path, slots: 16, answerMs: 1_000, log }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'config_invalid');
          assert.ok(error.message.includes(path));
          assert.ok(!error.message.includes(secret.slice(0, 16)));
          return true;
        },
      );
    }
    assert.ok(!JSON.stringify(events).includes(secret.slice(0, 16)));
  });
});
