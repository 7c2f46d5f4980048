import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import { connect } from '../../src/client/session/connect.ts';
import type { ConnectOptions } from '../../src/client/session/connect.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { Session } from '../../src/client/session/session.ts';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import { decodeAdmission, encodeAdmission, joinSignatureInput } from '../../src/protocol/keyMessages.ts';
import type { Admission } from '../../src/protocol/keyMessages.ts';
import type { Answer, Ask } from '../../src/protocol/signaling.ts';
import { MeetingServer } from './meetingServer.ts';
import type { MeetingServerOptions } from './meetingServer.ts';
import { codeOf } from './observe.ts';

let server: MeetingServer | undefined;
const sessions: Session[] = [];

const start = async (options: MeetingServerOptions = {}): Promise<MeetingServer> => {
  server = await MeetingServer.start(options);
  return server;
};

const join = async (to: MeetingServer, options: Partial<ConnectOptions> = {}): Promise<Session> => {
  const keyAgent = new LocalKeyAgent(createNodeAgentCrypto(), systemClock);
  const session = await connect({
    url: to.url,
    token: to.token('Ann'),
    keyAgent,
    encodedTransforms: true,
    ...options,
  });
  sessions.push(session);
  return session;
};

const joinAsk = (to: MeetingServer): Ask<'join'> =>
  to.member('Ann').received.find(({ name }) => name === 'join')?.data as Ask<'join'>;

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  await server?.close();
  server = undefined;
});

describe('joining', () => {
  it('gives a session that knows itself and its meeting', async () => {
    const to = await start();
    const session = await join(to);
    assert.deepEqual(session.self, {
      participantId: 'p-1',
      name: 'Ann',
      role: 'presenter',
      hand: null,
    });
    assert.equal(session.meeting.id, 'stand-up');
    assert.equal(session.lease, 1);
    assert.equal(session.incarnation.length, 16);
    const ask = joinAsk(to);
    assert.equal(ask.encodedTransforms, true);
    assert.equal(ask.signature, undefined);
  });

  it('keeps the token out of every address, wherever the given one had it', async () => {
    const to = await start();
    const token = to.token('Ann');
    await join(to, { token, url: `${to.url}/?token=${token}#${token}` });
    assert.deepEqual(to.requested.sort(), ['/.well-known/latchkey.json', '/v1/connect']);
  });

  it('goes on with a server whose key is the pinned one, and with no other', async () => {
    const to = await start();
    await join(to, { signingKey: to.signingKey });
    const other = to.signingKey.with(0, (to.signingKey[0] ?? 0) ^ 1);
    assert.equal(await codeOf(join(to, { signingKey: other })), 'key_message_forged');
  });

  it('signs the join where the token is bound to a key', async () => {
    const to = await start();
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    await join(to, { sign: async (message) => new Uint8Array(sign(null, message, privateKey)) });
    const { token, publicKey: ours, signature } = joinAsk(to);
    const input = joinSignatureInput({ token, publicKey: fromBase64Url(ours) ?? new Uint8Array() });
    assert.ok(verify(null, input, publicKey, fromBase64Url(signature ?? '') ?? new Uint8Array()));
  });

  it('says which meeting it means, where that is known', async () => {
    const to = await start();
    await join(to, { meeting: 'stand-up' });
    assert.equal(joinAsk(to).meeting, 'stand-up');
  });

  const identities: [string, Record<string, unknown>, string][] = [
    ['another protocol', { protocol: 2 }, 'unsupported_protocol'],
    ['a signing key that is none', { signingKey: 'AAAA' }, 'malformed'],
    ['no signing key', { signingKey: undefined }, 'malformed'],
    ['keying that is not ours', { keying: 'participants' }, 'malformed'],
    [
      'the key of somebody else',
      { signingKey: toBase64Url(new Uint8Array(32).fill(3)) },
      'key_message_forged',
    ],
  ];
  for (const [what, identity, code] of identities) {
    it(`refuses a server that names ${what}: ${code}`, async () => {
      assert.equal(await codeOf(join(await start({ identity }))), code);
    });
  }

  const admissions: [string, (admission: Admission) => Admission | Uint8Array, string][] = [
    ['with another role', (a) => ({ ...a, terms: { ...a.terms, role: 'host' } }), 'key_message_forged'],
    [
      'with another lease',
      (a) => ({ ...a, terms: { ...a.terms, lease: (a.terms.lease + 1) as typeof a.terms.lease } }),
      'key_message_forged',
    ],
    [
      'of another participant',
      (a) => ({ ...a, terms: { ...a.terms, participant: 'p-9' } }),
      'key_message_forged',
    ],
    [
      'with another HPKE key',
      (a) => ({ ...a, enc: a.enc.with(0, (a.enc[0] ?? 0) ^ 1) }),
      'key_message_forged',
    ],
    ['with a byte too many', (a) => new Uint8Array([...encodeAdmission(a), 0]), 'key_message_malformed'],
    ['cut short', (a) => encodeAdmission(a).slice(0, -1), 'key_message_malformed'],
  ];
  for (const [what, change, code] of admissions) {
    it(`refuses an admission ${what}: ${code}`, async () => {
      const to = await start({ tamper: (answer) => ({ ...answer, admission: tampered(answer, change) }) });
      assert.equal(await codeOf(join(to)), code);
    });
  }

  it('refuses an admission, rightly signed, that was made for another join', async () => {
    let first: string | undefined;
    const to = await start({
      tamper: (answer) => {
        first ??= answer.admission;
        return { ...answer, admission: first };
      },
    });
    await join(to);
    assert.equal(await codeOf(join(to, { token: to.token('Ben') })), 'key_message_forged');
  });

  it('passes on why the server refuses', async () => {
    const refusal = { code: 'token_expired', message: 'the token has expired' };
    const to = await start({ intercept: () => JSON.stringify({ id: 1, ok: false, error: refusal }) });
    assert.equal(await codeOf(join(to)), 'token_expired');
  });

  it('says so where there is no server', async () => {
    const to = await start();
    const { url } = to;
    await to.close();
    server = undefined;
    assert.equal(await codeOf(join(to, { url })), 'connection_lost');
  });

  it('says so where the server speaks another protocol', async () => {
    assert.equal(await codeOf(join(await start({ subprotocol: false }))), 'connection_lost');
  });

  it('takes no address that is not http or https', async () => {
    const to = await start();
    await assert.rejects(join(to, { url: 'ftp://example.org' }), TypeError);
  });

  it('can be given up, before and while it waits', async () => {
    const reason = new Error('changed my mind');
    const to = await start();
    await assert.rejects(join(to, { signal: AbortSignal.abort(reason) }), reason);
    const giveUp = new AbortController();
    const silent = await MeetingServer.start({
      intercept: () => {
        giveUp.abort(reason);
        return '{"notice":"speakers","data":{"participantIds":[]}}';
      },
    });
    await assert.rejects(join(silent, { signal: giveUp.signal }), reason);
    await silent.close();
  });

  it('closes the agent where joining fails', async () => {
    const to = await start({ identity: { protocol: 2 } });
    const keyAgent = new LocalKeyAgent(createNodeAgentCrypto(), systemClock);
    assert.equal(await codeOf(join(to, { keyAgent })), 'unsupported_protocol');
    await assert.rejects(keyAgent.begin(), { code: 'closed' });
  });
});

const tampered = (
  answer: Answer<'join'>,
  change: (admission: Admission) => Admission | Uint8Array,
): string => {
  const changed = change(decodeAdmission(fromBase64Url(answer.admission) ?? new Uint8Array()));
  return toBase64Url(changed instanceof Uint8Array ? changed : encodeAdmission(changed));
};
