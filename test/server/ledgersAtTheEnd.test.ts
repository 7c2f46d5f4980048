// What is left of the meetings that ran when the server was told to stop.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import { verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from './serverProcess.ts';

it('a server that is told to stop leaves every ledger whole, closed and signed, however slow the custodian is', async () => {
  const data = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  try {
    const server = await startServerProcess({
      LATCHKEY_DATA_DIRECTORY: data,
      LATCHKEY_TIMERS_CUSTODIAN_ANSWER_MS: '30000',
      LATCHKEY_SHUTDOWN_DEADLINE_MS: '60000',
    });
    const identity = (await (await fetch(`${server.url}/.well-known/latchkey.json`)).json()) as {
      signingKey: string;
    };
    const meetings: string[] = [];
    for (let i = 0; i < 10; i++) {
      const meeting = await api(server).createMeeting();
      meetings.push(meeting);
      const one = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
      await one.epochWhere(() => true);
    }
    const custodian = Number(/"event":"custodian\.started","custodian":(\d+)/.exec(server.output())?.[1]);
    assert.ok(custodian > 0);
    // It answers only when nothing is left to be stopped but itself.
    process.kill(custodian, 'SIGSTOP');
    const waits = new Promise<'waits'>((resolve) => {
      assert.ok(server.process.stderr !== null);
      createInterface(server.process.stderr).on('line', (line) => {
        if (line.includes('"event":"ledgers.ending","running":10')) resolve('waits');
      });
    });
    const stopped = server.stop();
    assert.equal(await Promise.race([waits, stopped]), 'waits');
    process.kill(custodian, 'SIGCONT');
    assert.equal(await stopped, 0);

    const publicKey = fromBase64Url(identity.signingKey) ?? undefined;
    const files = await readdir(join(data, 'ledgers'));
    assert.equal(files.length, meetings.length);
    const found = await Promise.all(
      files.map(async (file) =>
        verifyLedger(await readFile(join(data, 'ledgers', file), 'latin1'), {
          ...nodeLedgerTools,
          publicKey,
        }),
      ),
    );
    const ended = found.map((one) => {
      assert.ok(one.ok, JSON.stringify(one));
      assert.deepEqual([one.closed, one.participants, one.epochs], [true, 1, 1]);
      return one.meeting;
    });
    assert.deepEqual(ended.toSorted(), meetings.toSorted());
  } finally {
    await rm(data, { recursive: true, force: true });
  }
});
