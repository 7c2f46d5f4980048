// The process that holds all keys is killed in the middle of a meeting.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { verifiedLedger } from './ledgers.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess();
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

const custodianPid = (): number => {
  const started =
    server
      .output()
      .split('\n')
      .findLast((line) => line.includes('"custodian.started"')) ?? '{}';
  return (JSON.parse(started) as { custodian: number }).custodian;
};

describe('when the custodian is killed in a meeting of 50', () => {
  it('everybody is admitted anew over the open connections into a fresh epoch, and nobody rejoins', async (t) => {
    const meeting = await api(server).createMeeting();
    const people = await Promise.all(
      Array.from({ length: 50 }, async (_, index) =>
        joinAsNode(server.url, await api(server).token(meeting, `person ${index}`)),
      ),
    );
    await Promise.all(people.map((one) => one.epochWhere(() => true)));
    const newest = Math.max(...people.map(({ session }) => session.epoch?.epoch ?? -1));
    await Promise.all(people.map((one) => one.epochWhere(({ epoch }) => epoch >= newest)));
    const leases = Math.max(...people.map(({ session }) => session.lease));
    const incarnation = people[0]?.session.incarnation;
    const ends: string[] = [];
    for (const { session } of people) session.on('ended', ({ reason }) => ends.push(reason));

    const killedAtMs = performance.now();
    process.kill(custodianPid(), 'SIGKILL');
    const states = await Promise.all(
      people.map((one) => one.epochWhere(({ trigger }) => trigger === 'restart')),
    );
    t.diagnostic(`${(performance.now() - killedAtMs).toFixed(0)} ms from SIGKILL to everybody's new epoch`);

    assert.deepEqual(ends, []);
    const [first] = states;
    assert.ok(first !== undefined && first.epoch > newest, 'epochs only rise');
    assert.ok(states.every(({ fingerprint }) => fingerprint === first.fingerprint));
    for (const { session } of people) {
      assert.ok(session.lease > leases, 'leases only rise');
      assert.deepEqual(session.incarnation, incarnation);
    }
    // Life goes on: who leaves, and who comes.
    await people.pop()?.session.leave();
    const left = await people[0]?.epochWhere(({ trigger }) => trigger === 'departure');
    const late = await joinAsNode(server.url, await api(server).token(meeting, 'late'));
    people.push(late);
    const joined = await late.epochWhere(() => true);
    assert.ok(joined.epoch > (left?.epoch ?? Infinity));

    const metrics = await api(server).metrics();
    assert.match(metrics, /^latchkey_custodian_recovery_seconds_count 1$/m);
    assert.match(metrics, /^latchkey_readmissions_total\{reason="restart"\} 50$/m);
    await Promise.all(people.map(({ session }) => session.leave()));
    const { closed } = await verifiedLedger(server, meeting);
    assert.ok(closed);
  });
});
