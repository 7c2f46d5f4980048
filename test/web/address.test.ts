import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  invitationLink,
  meetingAddress,
  isToWatch,
  nameInToken,
  parseAddress,
} from '../../src/web/call/address.ts';

const jwt = (claims: unknown): string =>
  ['{}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

describe('the address', () => {
  it('of the root starts a meeting', () => {
    assert.deepEqual(parseAddress('/', ''), { kind: 'new' });
  });

  it('names a meeting, with or without an invitation in the fragment', () => {
    assert.deepEqual(parseAddress('/m/a_b-9', ''), { kind: 'meeting', id: 'a_b-9', token: null });
    assert.deepEqual(parseAddress('/m/a_b-9', '#token=x.y.z'), {
      kind: 'meeting',
      id: 'a_b-9',
      token: 'x.y.z',
    });
  });

  it('is nowhere where it names nothing', () => {
    for (const path of ['/m/', '/m/a/b', '/m/%2e%2e', '/x', `/m/${'a'.repeat(65)}`]) {
      assert.deepEqual(parseAddress(path, ''), { kind: 'nowhere' }, path);
    }
  });

  it('holds no token that is not one', () => {
    for (const fragment of [
      '#token=',
      '#token=a b',
      '#token=<script>',
      `#token=${'a'.repeat(4_097)}`,
      '#other=1',
    ]) {
      const where = parseAddress('/m/a', fragment);
      assert.ok(where.kind === 'meeting' && where.token === null, fragment);
    }
  });

  it('of an invitation is read back as it was written', () => {
    const url = new URL(invitationLink('https://meet.example', 'abc', 'x.y.z'));
    assert.equal(url.search, '');
    assert.equal(url.pathname, meetingAddress('abc'));
    assert.deepEqual(parseAddress(url.pathname, url.hash), { kind: 'meeting', id: 'abc', token: 'x.y.z' });
  });
});

describe('the name in a token', () => {
  it('is what the token says, in any script', () => {
    assert.equal(nameInToken(jwt({ name: 'Ada Łukasiewicz' })), 'Ada Łukasiewicz');
  });

  it('is nothing where the token says none or is none', () => {
    for (const token of [
      '',
      'a',
      'a.b',
      'a.%%%.c',
      jwt({}),
      jwt({ name: 7 }),
      jwt(null),
      jwt({ name: '' }),
    ]) {
      assert.equal(nameInToken(token), null, token);
    }
  });

  it('says whether it is for the audience', () => {
    assert.equal(isToWatch(jwt({ role: 'viewer' })), true);
    for (const token of ['', 'a.b', jwt(null), jwt({}), jwt({ role: 'presenter' })]) {
      assert.equal(isToWatch(token), false, token);
    }
  });
});
