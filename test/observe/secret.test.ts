import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { Secret } from '../../src/observe/secret.ts';

const text = 'correct-horse-battery-staple';

test('a secret shows itself as [secret] to whoever prints it', () => {
  const secret = new Secret(text);
  const printed = [
    // oxlint-disable-next-line typescript/restrict-template-expressions -- slips of this kind are what is tried
    `${secret}`,
    String(secret),
    JSON.stringify({ secret, list: [secret] }),
    inspect(secret, { depth: null, showHidden: true }),
    inspect({ deep: { secret } }, { depth: null, customInspect: true }),
    format('%s %o %j %O', secret, secret, secret, secret),
  ];
  for (const one of printed) {
    assert.ok(!one.includes(text), one);
    assert.match(one, /\[secret\]/);
  }
});

test('without its own way of printing a secret still shows nothing: what it holds is private', () => {
  assert.ok(
    !inspect(new Secret(text), { customInspect: false, depth: null, showHidden: true }).includes(text),
  );
  assert.deepEqual(Object.entries(new Secret(text)), []);
});

test('a secret equals the same bytes, however they are given, and nothing else', () => {
  const secret = new Secret(text);
  assert.ok(secret.equals(text));
  assert.ok(secret.equals(new Secret(Buffer.from(text))));
  assert.ok(secret.equals(new TextEncoder().encode(text)));
  for (const other of ['', text.slice(1), `${text} `, text.toUpperCase()]) assert.ok(!secret.equals(other));
});

test('a secret holds a copy, and wiping it leaves zeros', () => {
  const bytes = Buffer.from(text);
  const secret = new Secret(bytes);
  bytes.fill(0);
  assert.equal(secret.revealText(), text);
  secret.wipe();
  assert.deepEqual(
    [...secret.reveal()],
    Array.from({ length: text.length }, () => 0),
  );
});

test('an empty secret is a mistake', () => {
  assert.throws(() => new Secret(''), RangeError);
});
