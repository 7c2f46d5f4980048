// `latchkey ledger verify` as somebody types it: a process, its output, its exit code.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exitCodes } from '../../src/exitCodes.ts';
import { LedgerScene, linesOf, newSigner, textOf } from '../keys/ledgerScene.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-cli-'));
after(() => rmSync(folder, { recursive: true }));

const signer = newSigner();
const key = Buffer.from(signer.publicKey).toString('base64url');
const otherKey = Buffer.from(newSigner().publicKey).toString('base64url');

const scene = new LedgerScene(signer, 1).join('ada', 1).mint(1).activate(0, 1).join('bob', 2);
const running = scene.text;
const whole = scene.leave('ada', 1).leave('bob', 2).retire(0).close().text;

const run = async (args: readonly string[], input = '') => {
  const child = spawn(process.execPath, [main, 'ledger', 'verify', ...args], {
    cwd: folder,
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...output };
};

const verify = async (text: string, ...args: string[]) => {
  writeFileSync(join(folder, 'ledger.jsonl'), text);
  const ended = await run([...args, 'ledger.jsonl']);
  assert.equal(ended.err, '');
  return ended;
};

test('a ledger that is whole: what it tells of, and 0', async () => {
  const { code, out } = await verify(whole, '--key', key);
  assert.equal(code, exitCodes.ok);
  assert.match(out, /^This ledger is whole: nothing was changed, nothing is missing\.\n/);
  assert.match(out, /meeting {6}meeting-1, interactive, join policy every/);
  assert.match(out, /2 participants, 1 epoch, in 10 lines/);
  assert.match(out, new RegExp(`signed by {4}${key}\n.*the key that you gave`));
});

test('without a key it says whose word that is', async () => {
  const { code, out } = await verify(whole);
  assert.equal(code, exitCodes.ok);
  assert.match(out, /as the ledger itself says: give --key/);
});

test('a ledger that is not closed: how far it is signed, and a code of its own', async () => {
  const { code, out } = await verify(running);
  assert.equal(code, exitCodes.unfinished);
  assert.match(out, /sound and not closed: whatever came after line 4 is missing here/);
  assert.match(out, /signed {7}through line 1; the last 3 lines could have been changed/);
  const unsigned = await verify(textOf(linesOf(running).slice(0, 2)));
  assert.equal(unsigned.code, exitCodes.unfinished);
  assert.match(unsigned.out, /nothing yet/);
});

test('a ledger that was changed, cut or signed by somebody else: where, and a code of its own', async () => {
  const lines = linesOf(whole);
  const cases = [
    [whole.replaceAll('"bob"', '"eve"'), [], /line 4: changed: line 5 .*\(chain\)/],
    [textOf(lines.toSpliced(3, 1)), [], /line 3: line 3 expected, and this is line 4 \(sequence\)/],
    [whole.slice(0, -1), [], /line 9: the last line has no end.*\(cut\)/],
    [whole, ['--key', otherKey], /line 0: .*another signing key.*\(key\)/],
    ['a letter\n', [], /line 0: this is not JSON \(malformed\)/],
    ['\u00e9\n', [], /line 0: this is not JSON \(malformed\)/],
    ['', [], /line 0: there is no line \(cut\)/],
  ] as const;
  for (const [text, args, where] of cases) {
    const { code, out } = await verify(text, ...args);
    assert.equal(code, exitCodes.broken, out);
    assert.match(out, /^This is no ledger to rely on: /);
    assert.match(out, where);
  }
});

test('--json is one object, of either kind', async () => {
  const good = await verify(running, '--json', '--key', key);
  assert.equal(good.code, exitCodes.unfinished);
  const { openedAt, ...rest } = JSON.parse(good.out) as Record<string, unknown>;
  assert.equal(openedAt, new Date(scene.nowMs).toISOString());
  assert.deepEqual(rest, {
    ok: true,
    incarnation: 'AQEBAQEBAQEBAQEBAQEBAQ',
    meeting: 'meeting-1',
    kind: 'interactive',
    joinPolicy: 'every',
    signingKey: key,
    lines: 5,
    epochs: 1,
    participants: 2,
    endedAt: null,
    closed: false,
    signedThrough: 1,
    clockSetBack: 0,
    keyGiven: true,
  });
  const bad = await verify(whole.replace('"bob"', '"eve"'), '--json');
  assert.equal(bad.code, exitCodes.broken);
  const { message, ...fault } = JSON.parse(bad.out) as Record<string, unknown>;
  assert.equal(typeof message, 'string');
  assert.deepEqual(fault, { ok: false, line: 4, code: 'chain', error: 'ledger_broken' });
});

test('- is standard input', async () => {
  assert.equal((await run(['-'], whole)).code, exitCodes.ok);
  assert.equal((await run(['--key', key, '-'], running)).code, exitCodes.unfinished);
  assert.equal((await run(['-'])).code, exitCodes.broken);
});

test('a file that cannot be read is explained, with its own code', async () => {
  for (const [file, why] of [
    ['nowhere.jsonl', 'ENOENT'],
    ['.', 'EISDIR'],
  ] as const) {
    const { code, out, err } = await run([file]);
    assert.deepEqual(
      [code, out, err],
      [exitCodes.noInput, '', `latchkey: ${file}: cannot be read (${why})\n`],
    );
  }
});
