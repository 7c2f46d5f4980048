import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { decodeLedgerLine } from '../../src/keys/ledgerLines.ts';
import { MeetingLedger } from '../../src/meeting/meetingLedger.ts';
import type { MeetingLedgerOptions } from '../../src/meeting/meetingLedger.ts';
import { epochId, lease } from '../../src/protocol/names.ts';
import { LedgerScene, newSigner } from '../keys/ledgerScene.ts';

const signer = newSigner();

const write = (options: Partial<MeetingLedgerOptions> = {}) => {
  const lines: string[] = [];
  const closes: number[] = [];
  const ledger = new MeetingLedger({
    incarnation: new Uint8Array(16),
    meeting: 'standup',
    kind: 'broadcast',
    joinPolicy: 'first',
    signingKey: signer.publicKey,
    now: () => 1_800_000_000_000.7,
    sink: { write: (line) => void lines.push(line), close: () => void closes.push(lines.length) },
    ...options,
  });
  return { ledger, lines, closes };
};

describe("a meeting's ledger while it is written", () => {
  it('begins with what it is about', () => {
    const { lines } = write();
    const [line = ''] = lines;
    assert.deepEqual(decodeLedgerLine(line), {
      n: 0,
      prev: new Uint8Array(32),
      at: 1_800_000_000_000,
      type: 'opened',
      version: 1,
      incarnation: new Uint8Array(16),
      meeting: 'standup',
      kind: 'broadcast',
      joinPolicy: 'first',
      signingKey: new Uint8Array(signer.publicKey),
    });
  });

  it('hands every line on at once, and keeps its number and hash', () => {
    const { ledger, lines } = write();
    const line = ledger.append({ type: 'joined', participant: 'ada', lease: lease(1), role: 'host' });
    assert.equal(lines.at(-1), line);
    assert.deepEqual(ledger.head, { lines: 2, hash: hash('sha256', line ?? '', 'buffer') });
    assert.deepEqual(
      decodeLedgerLine(line ?? '').prev,
      new Uint8Array(hash('sha256', lines[0] ?? '', 'buffer')),
    );
  });

  it('tells of each epoch through which line it covers the ledger, and the chain before it', () => {
    const scene = new LedgerScene(signer, 3).join('ada', 1);
    const asked = scene.ledger.head;
    scene.join('bob', 2).mint(1, asked).mint(2);
    const [first, second] = scene.lines.map(decodeLedgerLine).filter((line) => line.type === 'minted');
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([first.n, first.through, first.previous], [3, 1, new Uint8Array(32)]);
    assert.deepEqual([second.n, second.through, second.previous], [4, 3, first.chain]);
  });

  it('after its end tells nothing but that it is closed, with the time of the end', () => {
    let nowMs = 5_000;
    const { ledger, lines, closes } = write({ now: () => nowMs });
    const head = ledger.end('meetingEnded');
    nowMs = 9_000;
    assert.equal(ledger.append({ type: 'restarted' }), null);
    const scene = new LedgerScene(signer, 3);
    assert.equal(ledger.minted(scene.answer(head), head, 0), null);
    assert.deepEqual(ledger.end('failed'), head);
    ledger.close(new Uint8Array(64));
    ledger.close(new Uint8Array(64));
    assert.deepEqual(closes, [3]);
    const last = decodeLedgerLine(lines.at(-1) ?? '');
    assert.ok(last.type === 'closed');
    assert.deepEqual([last.at, last.lines, last.hash], [5_000, 2, new Uint8Array(head.hash)]);
  });

  it('stays open where nobody signs its end', () => {
    const { ledger, lines, closes } = write();
    ledger.end('failed');
    ledger.close(null);
    assert.deepEqual([lines.length, closes], [2, [2]]);
  });

  it('a value that cannot be is refused, and nothing was written', () => {
    const { ledger, lines } = write();
    const { head } = ledger;
    assert.throws(
      () => ledger.append({ type: 'left', participant: 'a b', lease: lease(1), cause: 'left' }),
      RangeError,
    );
    assert.deepEqual([ledger.head, lines.length], [head, 1]);
  });

  it('a thousand who come and go cost a few milliseconds', (t) => {
    const { ledger, lines } = write();
    const churn = (from: number): void => {
      for (let i = from; i < from + 1_000; i++) {
        const participant = `participant-${i}`;
        ledger.append({ type: 'joined', participant, lease: lease(i), role: 'viewer' });
        ledger.append({ type: 'left', participant, lease: lease(i), cause: 'left' });
        ledger.append({ type: 'settled', epoch: epochId(i) });
      }
    };
    churn(1);
    const startedMs = performance.now();
    churn(1_001);
    const ms = performance.now() - startedMs;
    t.diagnostic(`3,000 lines in ${ms.toFixed(1)} ms, ${((ms * 1_000) / 3_000).toFixed(1)} µs each`);
    // A hundred times what was measured: a line must never be what a join waits for.
    assert.ok(ms < 1_000, `${ms} ms`);
    assert.equal(lines.length, 6_001);
  });
});
