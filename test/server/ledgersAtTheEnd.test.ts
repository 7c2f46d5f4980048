// What is left of the meetings that ran when the server was told to stop.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import { verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from './serverProcess.ts';

it('a server that is told to stop leaves every ledger whole, closed and signed', async () => {
  const data = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  try {
    const server = await startServerProcess({ LATCHKEY_DATA_DIRECTORY: data });
    const identity = (await (await fetch(`${server.url}/.well-known/latchkey.json`)).json()) as {
      signingKey: string;
    };
    const meetings: string[] = [];
    for (let i = 0; i < 20; i++) {
      const meeting = await api(server).createMeeting();
      meetings.push(meeting);
      const one = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
      await one.epochWhere(() => true);
    }
    assert.equal(await server.stop(), 0);

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
