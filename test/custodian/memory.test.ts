import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { scanMemory } from '../memory/scan.ts';
import type { Needle } from '../memory/scan.ts';
import { messageOf, startTestCustodian, temporaryFolder } from './custodianProcess.ts';
import { closeAsk, openAsk, Participant, rekeyAsk } from './participants.ts';

const meeting = 'stand-up';

/** Every secret that any of them ever had, once each, named after its first owner. */
const needlesOf = (participants: readonly Participant[]): Map<string, Needle> => {
  const needles = new Map<string, Needle>();
  const want = (name: string, bytes: Uint8Array): void => {
    if (!needles.has(toHex(bytes))) needles.set(toHex(bytes), { name, bytes });
  };
  for (const { lease, secrets, incarnation } of participants) {
    want(`admission key of ${lease}`, secrets.admissionKey);
    want(`resume secret of ${lease}`, secrets.resumeSecret);
    for (const [epoch, session] of secrets.session) want(`session key ${epoch}`, session);
    for (const [epoch, secret] of secrets.epoch) {
      want(`epoch secret ${epoch}`, secret);
      const { baseKey } = deriveEpochKeySync(nodeCrypto, { secret, incarnation, epoch });
      want(`base key ${epoch}`, new Uint8Array(baseKey));
    }
    for (const [index, key] of secrets.tree.entries()) want(`tree key ${index} of ${lease}`, key);
    for (const [index, key] of secrets.sealing.entries()) want(`sealing key ${index} of ${lease}`, key);
  }
  return needles;
};

describe("the custodian's memory", () => {
  it('holds the keys that the tree has now, and nothing that opens an epoch that was sealed', async (t) => {
    const { custodian } = await startTestCustodian(t);
    await custodian.openMeeting(openAsk(meeting));
    const everybody: Participant[] = [];
    let present: Participant[] = [];
    for (const [joins, departures] of [
      [6, 0],
      [14, 2],
      [1, 0],
      [0, 5],
      [3, 1],
    ] as const) {
      const newcomers = [];
      for (let count = 0; count < joins; count++) {
        newcomers.push(
          await Participant.admit((ask) => custodian.admit(ask), custodian.publicKey, {
            meeting,
            participant: `participant ${everybody.length + count}`,
            role: 'host',
            tokenId: 'token',
          }),
        );
      }
      const departed = present.slice(1, 1 + departures);
      const [joining, leaving] = [newcomers, departed].map((all) => all.map(({ lease }) => lease));
      const answer = await custodian.rekey(rekeyAsk(meeting, joining ?? [], leaving));
      present = [...present.filter((one) => !departed.includes(one)), ...newcomers];
      everybody.push(...newcomers);
      for (const one of present) await one.follow(answer);
    }
    const needles = needlesOf(everybody);
    assert.ok(needles.size > 150, `${needles.size} secrets are looked for`);
    const now = new Set(present.flatMap(({ secrets }) => [...secrets.now, secrets.resumeSecret]).map(toHex));
    const expected = [...now].map((key) => `${needles.get(key)?.name} (raw)`).sort();
    assert.ok(expected.length > 20);
    const { found, scannedBytes } = await scanMemory(custodian.pid, [...needles.values()]);
    assert.deepEqual(found, expected, 'the tree as it is is the positive control');
    assert.ok(scannedBytes > 20_000_000);

    await custodian.closeMeeting(closeAsk(meeting));
    assert.deepEqual((await scanMemory(custodian.pid, [...needles.values()])).found, []);
  });

  it('alone holds the signing key: the control process does not, even where it had it made', async (t) => {
    const signingKeyFile = join(await temporaryFolder(t), 'signing-key.pem');
    const control = fork(fileURLToPath(new URL('controlProcess.ts', import.meta.url)), [signingKeyFile]);
    t.after(() => control.kill('SIGKILL'));
    const { custodian } = await messageOf(control);
    const body = readFileSync(signingKeyFile, 'latin1').replaceAll(/-----[A-Z ]+-----|\s/g, '');
    // RFC 8410: 16 bytes of structure, then the seed.
    const seed = new Uint8Array(Buffer.from(body, 'base64').subarray(16));
    assert.equal(seed.length, 32);
    const needles = [{ name: 'signing key', bytes: seed }];
    assert.deepEqual((await scanMemory(control.pid ?? 0, needles)).found, []);
    assert.ok((await scanMemory(Number(custodian), needles)).found.includes('signing key (raw)'));
    const exited = once(control, 'exit');
    control.disconnect();
    assert.deepEqual(await exited, [0, null]);
  });
});
