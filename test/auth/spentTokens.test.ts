import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpentTokens } from '../../src/auth/spentTokens.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const refused = (code: string) => (thrown: unknown) =>
  thrown instanceof LatchkeyError && thrown.code === code;
const token = (tokenId: string, meeting = 'm', expiresAtSeconds = 100) => ({
  tokenId,
  meeting,
  expiresAtSeconds,
});

test('a token is remembered until it expires, and refused as expired from then on', () => {
  const spent = new SpentTokens();
  spent.spend(token('a'), 0);
  assert.throws(() => spent.spend(token('a'), 0), refused('token_replayed'));
  assert.throws(() => spent.spend(token('a'), 99), refused('token_replayed'));
  assert.throws(() => spent.spend(token('a'), 100), refused('token_expired'));
});

test('a full memory first forgets what has expired, then refuses: it never forgets what could be used again', () => {
  const spent = new SpentTokens(3);
  spent.spend(token('a', 'm', 10), 0);
  spent.spend(token('b', 'm', 20), 0);
  spent.spend(token('c', 'n', 30), 0);
  assert.throws(() => spent.spend(token('d'), 0), refused('rate_limited'));
  assert.throws(() => spent.spend(token('a', 'm', 10), 0), refused('token_replayed'));
  spent.spend(token('d'), 10);
  assert.equal(spent.count, 3);
  assert.throws(() => spent.spend(token('e'), 10), refused('rate_limited'));
  assert.throws(() => spent.spend(token('b', 'm', 20), 10), refused('token_replayed'));
  spent.spend(token('e'), 30);
  assert.equal(spent.count, 2);
});

test('a meeting that ends takes its tokens along, and only those', () => {
  const spent = new SpentTokens(2);
  spent.spend(token('a', 'one'), 0);
  spent.spend(token('a', 'two'), 0);
  spent.forgetMeeting('one');
  spent.forgetMeeting('one');
  assert.equal(spent.count, 1);
  assert.throws(() => spent.spend(token('a', 'two'), 0), refused('token_replayed'));
  spent.spend(token('b', 'three'), 0);
  assert.equal(spent.count, 2);
});
