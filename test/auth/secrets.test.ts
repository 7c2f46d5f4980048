import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { apiSecretFile, ensureApiSecret, ensureTokenKey, tokenKeyFile } from '../../src/auth/secrets.ts';
import { Secret } from '../../src/observe/secret.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const top = mkdtempSync(join(tmpdir(), 'latchkey-auth-'));
after(() => rmSync(top, { recursive: true }));

let data = top;
beforeEach(() => {
  data = mkdtempSync(join(top, 'test-'));
});

const refused = (code: string) => (thrown: unknown) =>
  thrown instanceof LatchkeyError && thrown.code === code;
const unset = { secret: undefined, secretFile: undefined };

test('without configuration an API secret of 256 bits is made, kept with mode 0600, and the same afterwards', () => {
  const first = ensureApiSecret(unset, data);
  assert.equal(first.created, true);
  assert.match(first.secret.revealText(), /^[\w-]{43}$/);
  assert.equal(statSync(join(data, apiSecretFile)).mode & 0o777, 0o600);
  const second = ensureApiSecret(unset, data);
  assert.equal(second.created, false);
  assert.ok(second.secret.equals(first.secret));
});

test('two servers do not make the same secret', () => {
  const other = mkdtempSync(join(top, 'test-'));
  assert.ok(!ensureApiSecret(unset, data).secret.equals(ensureApiSecret(unset, other).secret));
});

test('a configured secret or file is used, and none is made', () => {
  const secret = new Secret('s'.repeat(32));
  assert.ok(ensureApiSecret({ ...unset, secret }, data).secret.equals(secret));
  const secretFile = join(data, 'mine');
  writeFileSync(secretFile, `${'t'.repeat(32)}\n`, { mode: 0o600 });
  assert.ok(ensureApiSecret({ ...unset, secretFile }, data).secret.equals('t'.repeat(32)));
  assert.throws(() => statSync(join(data, apiSecretFile)), { code: 'ENOENT' });
});

test('a configured file that is missing, open to others or too short stops the start', () => {
  const write = (text: string, mode: number): string => {
    const path = join(data, `${text.length}-${mode}`);
    writeFileSync(path, text, { mode });
    return path;
  };
  const use = (secretFile: string) => () => ensureApiSecret({ ...unset, secretFile }, data);
  assert.throws(use(join(data, 'missing')), refused('config_invalid'));
  assert.throws(use(write('t'.repeat(40), 0o644)), refused('file_too_open'));
  assert.throws(use(write('t'.repeat(31), 0o600)), refused('config_invalid'));
});

test('the token key is 32 bytes of its own, kept with mode 0600, and the same afterwards', () => {
  const key = ensureTokenKey(data);
  assert.equal(key.reveal().length, 32);
  assert.equal(statSync(join(data, tokenKeyFile)).mode & 0o777, 0o600);
  assert.ok(ensureTokenKey(data).equals(key));
});

test('a token key file that holds something else stops the start', () => {
  writeFileSync(join(data, tokenKeyFile), 'c2hvcnQ\n', { mode: 0o600 });
  assert.throws(() => ensureTokenKey(data), refused('config_invalid'));
});
