import assert from 'node:assert/strict';
import { request } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import { verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import { MeetingLedger } from '../../src/meeting/meetingLedger.ts';
import { ledgerSignatureInput } from '../../src/protocol/keyMessages.ts';
import { lease } from '../../src/protocol/names.ts';
import { newSigner } from '../keys/ledgerScene.ts';
import { assertProblem } from './problem.ts';
import { authorized, startTestServer } from './testServer.ts';
import type { TestServer } from './testServer.ts';

const signer = newSigner();

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const begin = (meeting: string, value: number) => {
  const incarnation = new Uint8Array(16).fill(value);
  const file = server.ledgers.open(meeting, incarnation);
  const ledger = new MeetingLedger({
    incarnation,
    meeting,
    kind: 'interactive',
    joinPolicy: 'every',
    signingKey: signer.publicKey,
    now: () => Date.now(),
    sink: file,
  });
  const close = (): void => {
    const { lines, hash } = ledger.end('meetingEnded');
    ledger.close(signer.sign(ledgerSignatureInput({ incarnation, lines, hash })));
  };
  return { ledger, file, close };
};

const get = (path: string, headers: Record<string, string> = authorized) => server.ask(path, { headers });

test("GET /v1/meetings/:id/ledger gives a running meeting's ledger, each line that was told until then", async () => {
  const { ledger } = begin('standup', 1);
  const first = await get('/v1/meetings/standup/ledger');
  assert.equal(first.status, 200);
  assert.equal(first.headers['content-type'], 'application/jsonl');
  assert.equal(first.headers['cache-control'], 'no-store');
  assert.equal(first.headers['content-length'], String(first.text.length));
  assert.match(
    first.headers['content-disposition'] ?? '',
    /^attachment; filename="standup\.\d{13}\.AQEBAQEBAQEBAQEBAQEBAQ\.jsonl"$/,
  );
  ledger.append({ type: 'joined', participant: 'ada', lease: lease(1), role: 'host' });
  const second = await get('/v1/meetings/standup/ledger');
  const found = verifyLedger(second.text, nodeLedgerTools);
  assert.ok(found.ok);
  assert.deepEqual([found.lines, found.participants, found.closed], [2, 1, false]);
});

test('of a meeting that ended it gives the whole, and of one that ran twice the newest; the others by their incarnation', async () => {
  begin('standup', 1).close();
  begin('other', 3).close();
  begin('standup', 2).close();
  const newest = verifyLedger((await get('/v1/meetings/standup/ledger')).text, nodeLedgerTools);
  assert.ok(newest.ok && newest.closed);
  const { ledgers } = (await get('/v1/meetings/standup/ledgers')).json() as {
    ledgers: { incarnation: string; startedAt: string; running: boolean }[];
  };
  assert.equal(ledgers.length, 2);
  for (const { incarnation, startedAt } of ledgers) {
    const one = verifyLedger(
      (await get(`/v1/meetings/standup/ledgers/${incarnation}`)).text,
      nodeLedgerTools,
    );
    assert.ok(one.ok && one.closed);
    assert.equal(Buffer.from(one.incarnation).toString('base64url'), incarnation);
    assert.equal(new Date(startedAt).toISOString(), startedAt);
  }
  const nobodys = `/v1/meetings/other/ledgers/${ledgers[0]?.incarnation ?? ''}`;
  assertProblem(await get(nobodys), 'meeting_not_found');
});

test('where there is none it says so, whatever the name looks like', async () => {
  const { id } = server.meetings.create({ kind: 'interactive' });
  for (const meeting of ['nobody', id, '..%2f..', 'a.b', 'x'.repeat(65)]) {
    for (const path of ['ledger', 'ledgers', 'ledgers/AQEBAQEBAQEBAQEBAQEBAQ']) {
      assertProblem(await get(`/v1/meetings/${meeting}/${path}`), 'meeting_not_found');
    }
  }
  begin('standup', 1).close();
  assertProblem(await get('/v1/meetings/standup/ledgers/%2e%2e%2fsecret'), 'meeting_not_found');
});

test('only whoever shows the API secret gets it', async () => {
  begin('standup', 1).close();
  const ownPage = { host: `127.0.0.1:${server.port}`, 'sec-fetch-site': 'same-origin' };
  for (const headers of [{}, ownPage, { authorization: 'Bearer wrong' }]) {
    for (const path of ['ledger', 'ledgers', 'ledgers/AQEBAQEBAQEBAQEBAQEBAQ']) {
      assertProblem(await get(`/v1/meetings/standup/${path}`, headers), 'unauthorized');
    }
  }
});

test('HEAD says how long it is', async () => {
  const { ledger } = begin('standup', 1);
  const { text } = await get('/v1/meetings/standup/ledger');
  const head = await server.ask('/v1/meetings/standup/ledger', { method: 'HEAD', headers: authorized });
  assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', String(text.length)]);
  ledger.close(null);
});

test('a long one is streamed; whoever goes away in the middle disturbs nobody', async () => {
  const { ledger, file, close } = begin('standup', 1);
  for (let i = 1; i <= 20_000; i++) {
    const participant = `participant-${i}`;
    ledger.append({ type: 'joined', participant, lease: lease(i), role: 'viewer' });
    ledger.append({ type: 'left', participant, lease: lease(i), cause: 'left' });
    // What waits for the disk is bounded.
    if (i % 1_000 === 0) assert.ok(await file.flush());
  }
  close();
  await new Promise<void>((resolve, reject) => {
    const asking = request(
      `${server.url}/v1/meetings/standup/ledger`,
      { headers: authorized },
      (response) => {
        response.once('data', () => response.destroy());
        response.once('close', resolve);
        response.once('error', () => undefined);
      },
    );
    asking.once('error', reject);
    asking.end();
  });
  const { text } = await get('/v1/meetings/standup/ledger');
  const found = verifyLedger(text, nodeLedgerTools);
  assert.ok(found.ok && found.closed);
  assert.equal(found.participants, 20_000);
  assert.ok(!server.lines.some((line) => line.includes('http.failed')), 'nothing failed on our side');
});
