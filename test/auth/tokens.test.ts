import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import { TokenService, tokenAudience, tokenIssuer } from '../../src/auth/tokens.ts';
import type { TokenRequest } from '../../src/auth/tokens.ts';
import { Secret } from '../../src/observe/secret.ts';
import { toBase64Url } from '../../src/protocol/bytes.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const key = randomBytes(32);
const startMs = Date.UTC(2026, 0, 1);

const serviceAt = (clock: { nowMs: number }, bytes: Uint8Array = key): TokenService =>
  new TokenService(new Secret(bytes), { defaultTtlSeconds: 3_600, maxTtlSeconds: 7_200 }, () => clock.nowMs);

const clock = { nowMs: startMs };
const tokens = serviceAt(clock);
const ada: TokenRequest = { meeting: 'meeting-1', name: 'Ada', role: 'host' };

const refused = (code: string) => (thrown: unknown) =>
  thrown instanceof LatchkeyError && thrown.code === code;

/** What a token of ours claims, changed. */
const claims = (changes: Record<string, unknown> = {}) => ({
  iss: tokenIssuer,
  aud: tokenAudience,
  meeting: 'meeting-1',
  name: 'Ada',
  role: 'host',
  iat: startMs / 1_000,
  exp: startMs / 1_000 + 60,
  jti: 'a-token',
  ...changes,
});

const header = { alg: 'HS256', typ: 'latchkey+jwt' };
const sign = (payload: Record<string, unknown>, protectedHeader = header, bytes: Uint8Array = key) =>
  new SignJWT(payload).setProtectedHeader(protectedHeader).sign(bytes);

test('a token says who may join which meeting, as what, until when', async () => {
  const { token, tokenId, expiresAt } = await tokens.issue({ ...ada, ttlSeconds: 60 });
  assert.equal(expiresAt.getTime(), startMs + 60_000);
  assert.deepEqual(await tokens.verify(token), {
    tokenId,
    meeting: 'meeting-1',
    name: 'Ada',
    role: 'host',
    expiresAtSeconds: startMs / 1_000 + 60,
  });
  assert.deepEqual(await tokens.verify(token, 'meeting-1'), await tokens.verify(token));
  assert.match(tokenId, /^[\w-]{22}$/);
  assert.deepEqual(decodeProtectedHeader(token), header);
  assert.deepEqual(Object.keys(decodeJwt(token)).toSorted(), Object.keys(claims()).toSorted());
});

test('no two tokens share an id', async () => {
  const ids = await Promise.all(Array.from({ length: 100 }, async () => (await tokens.issue(ada)).tokenId));
  assert.equal(new Set(ids).size, ids.length);
});

test('a token that carries a key carries its public half and nothing else', async () => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(randomBytes(32)) } as const;
  const { token } = await tokens.issue({ ...ada, confirmation: { jwk } });
  assert.deepEqual((await tokens.verify(token)).confirmation, { jwk });
});

test('a token lives as long as its maker says, within what the settings allow', async () => {
  assert.equal((await tokens.issue(ada)).expiresAt.getTime(), startMs + 3_600_000);
  for (const ttlSeconds of [0, -1, 1.5, 7_201, Number.NaN, Infinity]) {
    await assert.rejects(tokens.issue({ ...ada, ttlSeconds }), refused('malformed'));
  }
});

test('a token is expired from the second that it names on', async () => {
  const later = { nowMs: startMs };
  const service = serviceAt(later);
  const { token } = await service.issue({ ...ada, ttlSeconds: 60 });
  later.nowMs = startMs + 59_999;
  await service.verify(token);
  later.nowMs = startMs + 60_000;
  await assert.rejects(service.verify(token), refused('token_expired'));
  // That it is for another meeting as well is not said of a token that is worth nothing.
  await assert.rejects(service.verify(token, 'another'), refused('token_expired'));
});

test('a token for another meeting is foreign', async () => {
  const { token } = await tokens.issue(ada);
  for (const meeting of ['meeting-2', 'Meeting-1', 'meeting-1 ', '']) {
    await assert.rejects(tokens.verify(token, meeting), refused('token_foreign'));
  }
});

test('no token is not the same as a wrong one', async () => {
  await assert.rejects(tokens.verify(''), refused('token_missing'));
});

test("another server's token is not ours", async () => {
  const { token } = await serviceAt(clock, randomBytes(32)).issue(ada);
  await assert.rejects(tokens.verify(token), refused('token_invalid'));
});

test('one changed character anywhere makes a token invalid', async () => {
  const { token } = await tokens.issue(ada);
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === 'A' ? 'B' : 'A';
    const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
    // The last character of 32 bytes holds two bits that mean nothing; a strict decoder refuses them too.
    await assert.rejects(tokens.verify(changed), refused('token_invalid'), `at ${at}`);
  }
});

test('what is cut short, long, or no token at all is invalid', async () => {
  const { token } = await tokens.issue(ada);
  const [head = '', body = '', tag = ''] = token.split('.');
  const wrong = [
    token.slice(0, -1),
    `${token}.`,
    `${token}A`,
    `${head}.${body}`,
    `${head}.${body}.`,
    `${head}..${tag}`,
    ` ${token}`,
    '..',
    'x'.repeat(4_096),
    token + 'x'.repeat(100_000),
    '\0',
  ];
  for (const text of wrong) await assert.rejects(tokens.verify(text), refused('token_invalid'));
});

test('only HS256 and only our type: neither "none", nor another hash, nor a JWT of another use of this key', async () => {
  await tokens.verify(await sign(claims()));
  const unsecured = new UnsecuredJWT(claims()).encode();
  const [, body = ''] = unsecured.split('.');
  const noneHead = Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url');
  const forged = [
    unsecured,
    `${noneHead}.${body}.`,
    `${noneHead}.${body}.${createHmac('sha256', key).update(`${noneHead}.${body}`).digest('base64url')}`,
    await sign(claims(), { alg: 'HS512', typ: header.typ }, Buffer.concat([key, key])),
    await sign(claims(), { alg: 'HS256', typ: 'JWT' }),
    await sign(claims(), { alg: 'HS256' } as typeof header),
  ];
  for (const token of forged) await assert.rejects(tokens.verify(token), refused('token_invalid'));
});

test('claims are of exactly one shape, even where the signature is right', async () => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(randomBytes(32)) };
  const wrong: Record<string, unknown>[] = [
    ...Object.keys(claims()).map((name) => ({ [name]: undefined })),
    { admin: true },
    { iss: 'somebody' },
    { aud: 'latchkey/api' },
    { aud: [tokenAudience] },
    { role: 'admin' },
    { role: ['host'] },
    { name: '' },
    { name: 'x'.repeat(81) },
    { name: 'a\u202Eb' },
    { name: 'a\nb' },
    { meeting: 7 },
    { exp: 'never' },
    { exp: startMs / 1_000 + 0.5 },
    { nbf: startMs / 1_000 + 30 },
    { cnf: {} },
    { cnf: { jwk, kid: 'x' } },
    { cnf: { jwk: { ...jwk, d: jwk.x } } },
    { cnf: { jwk: { ...jwk, crv: 'X25519' } } },
    { cnf: { jwk: { ...jwk, x: jwk.x.slice(1) } } },
  ];
  for (const change of wrong) {
    await assert.rejects(
      tokens.verify(await sign(claims(change))),
      refused('token_invalid'),
      JSON.stringify(change),
    );
  }
});

test('a refusal carries nothing of the token', async () => {
  const { token } = await tokens.issue({ ...ada, name: 'Somebody Secret' });
  const later = serviceAt({ nowMs: startMs + 4_000_000 });
  await assert.rejects(later.verify(token), (thrown: unknown) => {
    assert.ok(thrown instanceof LatchkeyError);
    assert.equal(thrown.cause, undefined);
    return !`${thrown.message}${thrown.stack}`.includes('Somebody');
  });
});

test('a token is spent once', async () => {
  const service = serviceAt(clock);
  const verified = await service.verify((await service.issue(ada)).token);
  service.spend(verified);
  assert.throws(() => service.spend(verified), refused('token_replayed'));
  service.spend(await service.verify((await service.issue(ada)).token));
});

test('a token that expired between being verified and being spent is not spent', async () => {
  const later = { nowMs: startMs };
  const service = serviceAt(later);
  const verified = await service.verify((await service.issue({ ...ada, ttlSeconds: 1 })).token);
  later.nowMs += 1_000;
  assert.throws(() => service.spend(verified), refused('token_expired'));
});

test('the key is 32 bytes', () => {
  for (const length of [16, 31, 33, 64])
    assert.throws(() => serviceAt(clock, randomBytes(length)), RangeError);
});
