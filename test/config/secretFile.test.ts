import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import {
  ensureDataFolder,
  ensureSecretFile,
  readSecretFile,
  readTlsKey,
} from '../../src/config/secretFile.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const top = mkdtempSync(join(tmpdir(), 'latchkey-secrets-'));
after(() => rmSync(top, { recursive: true }));

let folder = top;
beforeEach(() => {
  folder = mkdtempSync(join(top, 'test-'));
});

const file = (text: string, mode: number): string => {
  const path = join(folder, 'secret');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const refusal = (code: string) => (thrown: unknown) =>
  thrown instanceof LatchkeyError && thrown.code === code;
const mode = (path: string): number => statSync(path).mode & 0o777;

test('a secret file is made once, for its owner alone, whatever the umask, and nothing else is left', () => {
  const before = process.umask(0);
  try {
    const path = join(folder, 'secret');
    const first = ensureSecretFile(path, () => 'made-by-the-first');
    assert.equal(first.created, true);
    assert.equal(mode(path), 0o600);
    assert.equal(readFileSync(path, 'utf8'), 'made-by-the-first\n');
    const second = ensureSecretFile(path, () => assert.fail('made again'));
    assert.equal(second.created, false);
    assert.ok(second.secret.equals('made-by-the-first'));
    assert.deepEqual(readdirSync(folder), ['secret']);
  } finally {
    process.umask(before);
  }
});

test('of two that make it at once one wins, and both hold the same', () => {
  const path = join(folder, 'secret');
  const outer = ensureSecretFile(path, () => {
    assert.equal(ensureSecretFile(path, () => 'the-quicker').created, true);
    return 'the-slower';
  });
  assert.equal(outer.created, false);
  assert.ok(outer.secret.equals('the-quicker'));
  assert.deepEqual(readdirSync(folder), ['secret']);
});

test('a secret file that anybody but its owner can use is refused', () => {
  for (const bits of [0o644, 0o640, 0o604, 0o620, 0o602, 0o611, 0o666]) {
    const path = file('a-secret', bits);
    assert.throws(() => readSecretFile(path), refusal('file_too_open'));
    assert.throws(() => ensureSecretFile(path, () => 'another'), refusal('file_too_open'));
  }
  for (const bits of [0o600, 0o400]) assert.ok(readSecretFile(file('a-secret\n', bits)).equals('a-secret'));
});

test('what a link points to is what is judged', () => {
  const link = join(folder, 'link');
  symlinkSync(file('a-secret', 0o644), link);
  assert.throws(() => readSecretFile(link), refusal('file_too_open'));
});

test('what is no secret on one line is refused without being shown', () => {
  for (const text of ['', '\n', 'two words', 'line\nline', 'caf\u00e9', 'x'.repeat(70_000)]) {
    assert.throws(
      () => readSecretFile(file(text, 0o600)),
      (thrown) =>
        thrown instanceof LatchkeyError &&
        thrown.code === 'config_invalid' &&
        (text.trim() === '' || !thrown.message.includes(text)),
    );
  }
  assert.throws(() => readSecretFile(folder), refusal('config_invalid'));
  assert.throws(() => readSecretFile(join(folder, 'missing')), refusal('config_invalid'));
});

test("a TLS key may be read by a group of its own, as Debian's ssl-cert does, but not by everybody", () => {
  assert.equal(readTlsKey(file('key', 0o640)).toString(), 'key');
  assert.throws(() => readTlsKey(file('key', 0o644)), refusal('file_too_open'));
});

test('the data folder is made for its owner alone; one into which others can write is refused', () => {
  const data = join(folder, 'deep', 'data');
  ensureDataFolder(data);
  assert.equal(mode(data), 0o700);
  ensureDataFolder(data);
  for (const bits of [0o777, 0o770, 0o702]) {
    chmodSync(data, bits);
    assert.throws(() => ensureDataFolder(data), refusal('file_too_open'));
  }
  mkdirSync(join(folder, 'open'), { mode: 0o755 });
  ensureDataFolder(join(folder, 'open'));
  for (const path of [file('not a folder', 0o600), join(folder, 'secret', 'below'), '/proc/latchkey/data']) {
    assert.throws(() => ensureDataFolder(path), refusal('config_invalid'));
  }
});
