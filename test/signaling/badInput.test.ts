// Whatever a peer sends ends in a code of its own, on its own connection, while a meeting goes on beside it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { isErrorCode } from '../../src/protocol/errors.ts';
import { limits } from '../../src/protocol/timers.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { RawClient, joinAsk } from './rawClient.ts';
import { rtpCapabilities } from './scene.ts';

let server: ServerProcess;
let meeting: string;
/** Joined and waiting: what must not notice anything. */
let bystander: RawClient;

const token = (name = 'Guest', role: 'host' | 'presenter' | 'viewer' = 'presenter') =>
  api(server).token(meeting, name, role);

const withClient = async (act: (client: RawClient) => Promise<void>): Promise<void> => {
  const client = await RawClient.connect(server.url);
  try {
    await act(client);
  } finally {
    client.close();
    await client.closed;
  }
};

const joined = async (role: 'host' | 'presenter' | 'viewer' = 'presenter'): Promise<RawClient> => {
  const client = await RawClient.connect(server.url);
  const reply = await client.request('join', joinAsk(await token('Guest', role)));
  assert.equal(reply.ok, true, reply.error?.message ?? '');
  return client;
};

const opusParameters = (mimeType = 'audio/opus') => ({
  mid: '0',
  codecs: [{ mimeType, payloadType: 111, clockRate: 48_000, channels: 2, parameters: {}, rtcpFeedback: [] }],
  headerExtensions: [],
  encodings: [{ ssrc: 1_234 }],
  rtcp: { cname: 'guest' },
});

before(async () => {
  server = await startServerProcess();
  meeting = await api(server).createMeeting();
  bystander = await joined();
});

after(async () => {
  assert.ok(bystander.open, 'the bystander was disturbed');
  bystander.close();
  assert.equal(await server.stop(), 0);
});

describe('tokens', () => {
  it('one that we did not make is refused', () =>
    withClient(async (client) => {
      for (const wrong of ['x', 'a.b.c', `${await token()}x`]) {
        assert.equal(await client.outcome('join', joinAsk(wrong)), 'token_invalid');
      }
      assert.equal(await client.outcome('join', joinAsk('')), 'token_missing');
    }));

  it('one for another meeting is refused where the client says which it means', () =>
    withClient(async (client) => {
      const other = await api(server).createMeeting();
      assert.equal(await client.outcome('join', joinAsk(await token(), { meeting: other })), 'token_foreign');
      assert.equal(await client.outcome('join', joinAsk(await token(), { meeting })), 'ok');
    }));

  it('one of a meeting that ended opens nothing', () =>
    withClient(async (client) => {
      const other = await api(server).createMeeting();
      const late = await api(server).token(other, 'Late');
      const ended = await fetch(`${server.url}/v1/meetings/${other}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${server.apiSecret}` },
      });
      assert.ok(ended.ok);
      assert.equal(await client.outcome('join', joinAsk(late)), 'meeting_ended');
    }));

  it('while its participant is here a second socket is told so; afterwards it is used up', async () => {
    const once = await token();
    const first = await RawClient.connect(server.url);
    assert.equal(await first.outcome('join', joinAsk(once)), 'ok');
    await withClient(async (client) =>
      assert.equal(await client.outcome('join', joinAsk(once)), 'lease_taken'),
    );
    assert.equal(await first.outcome('leave', {}), 'ok');
    await first.closed;
    await withClient(async (client) =>
      assert.equal(await client.outcome('join', joinAsk(once)), 'token_replayed'),
    );
  });
});

describe('joining', () => {
  it('a browser that cannot seal frames is told so and not let in, and its token stays good', () =>
    withClient(async (client) => {
      const good = await token();
      assert.equal(
        await client.outcome('join', joinAsk(good, { encodedTransforms: false })),
        'media_unsupported',
      );
      assert.equal(await client.outcome('join', joinAsk(good, { protocol: 99 })), 'unsupported_protocol');
      assert.equal(await client.outcome('openMedia', { rtpCapabilities }), 'not_joined');
      assert.equal(await client.outcome('join', joinAsk(good)), 'ok');
      assert.equal(await client.outcome('join', joinAsk(good)), 'already_joined');
    }));

  it('a public key that is none is refused', () =>
    withClient(async (client) => {
      assert.equal(await client.outcome('join', joinAsk(await token(), { publicKey: 'AAAA' })), 'malformed');
      const low = Buffer.alloc(32).toString('base64url');
      assert.equal(
        await client.outcome('join', joinAsk(await token(), { publicKey: low })),
        'public_key_invalid',
      );
    }));
});

describe('media', () => {
  it('a sha-1 fingerprint is refused, a viewer does not produce, other codecs are not taken', async () => {
    const presenter = await joined();
    const { data } = await presenter.request('openMedia', { rtpCapabilities });
    const send = data?.['send'] as { id: string };
    const sha1 = { algorithm: 'sha-1', value: Array.from({ length: 20 }, () => 'AB').join(':') };
    const connect = { transportId: send.id, dtlsParameters: { role: 'client', fingerprints: [sha1] } };
    assert.equal(await presenter.outcome('connectTransport', connect), 'weak_fingerprint');
    const produce = { transportId: send.id, kind: 'audio', source: 'microphone', paused: false, stream: 0 };
    assert.equal(
      await presenter.outcome('produce', { ...produce, rtpParameters: opusParameters('audio/PCMU') }),
      'codec_refused',
    );
    assert.equal(
      await presenter.outcome('produce', { ...produce, rtpParameters: { codecs: [] } }),
      'malformed',
    );
    assert.equal(await presenter.outcome('produce', { ...produce, rtpParameters: opusParameters() }), 'ok');
    assert.equal(
      await presenter.outcome('produce', { ...produce, rtpParameters: opusParameters() }),
      'malformed',
    );
    presenter.close();

    const viewer = await joined('viewer');
    const opened = await viewer.request('openMedia', { rtpCapabilities });
    assert.equal(opened.data?.['send'], null);
    const receive = opened.data?.['receive'] as { id: string };
    const asViewer = { ...produce, transportId: receive.id, rtpParameters: opusParameters() };
    assert.equal(await viewer.outcome('produce', asViewer), 'forbidden');
    viewer.close();
    await Promise.all([presenter.closed, viewer.closed]);
  });

  it('asking for what is not there, or has just gone, is answered and not held against anybody', async () => {
    const client = await joined();
    await client.request('openMedia', { rtpCapabilities });
    for (let i = 0; i < limits.errorsPerConnection + 1; i++) {
      assert.equal(await client.outcome('consume', { producerId: `gone-${i}` }), 'producer_not_found');
    }
    assert.ok(client.open);
    client.close();
    await client.closed;
  });
});

describe('messages', () => {
  it('what is no message of the protocol gets its code', () =>
    withClient(async (client) => {
      assert.equal(await client.refused('no json'), 'malformed');
      assert.equal(await client.refused('[]'), 'malformed');
      assert.equal(await client.refused('{"id":1,"method":"join"}'), 'malformed');
      assert.equal(await client.refused('{"id":1,"method":"join","data":{},"extra":1}'), 'malformed');
      assert.equal(await client.refused('{"id":2,"method":"constructor","data":{}}'), 'unknown_method');
      assert.equal(await client.refused('{"notice":"toString","data":{}}'), 'unknown_method');
      assert.equal(await client.refused(Uint8Array.of(3, 1)), 'malformed');
    }));

  it('a message larger than allowed ends its connection', async () => {
    const client = await RawClient.connect(server.url);
    client.send(`"${'x'.repeat(limits.messageBytes)}"`);
    assert.equal((await client.closed).code, 1009);
  });

  it('too many errors end the connection, with the reason', async () => {
    const client = await RawClient.connect(server.url);
    for (let i = 0; i < limits.errorsPerConnection; i++) client.send('{');
    assert.equal((await client.closed).code, 1002);
    const last = client.received.at(-1);
    assert.deepEqual(
      [last?.notice, last?.data],
      ['ended', { reason: 'protocolError', code: 'too_many_errors' }],
    );
  });

  it('random and mutated messages, below the limit on sockets of their own: each gets a code, nobody is disturbed', async (t) => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const good = [
      { id: 1, method: 'join', data: joinAsk('x.y.z') },
      { id: 2, method: 'openMedia', data: { rtpCapabilities } },
      { id: 3, method: 'connectTransport', data: { transportId: 'x', dtlsParameters: { fingerprints: [] } } },
      { id: 4, method: 'consume', data: { producerId: 'x' } },
      { notice: 'acknowledged', data: { epoch: 0, fingerprint: 'A'.repeat(22) } },
    ].map((message) => JSON.stringify(message));
    const random = fc.sample(fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 200 })), {
      numRuns: 100,
      seed,
    });
    const mutations = fc.sample(
      fc.record({
        which: fc.nat(good.length - 1),
        at: fc.nat(200),
        with: fc.string({ maxLength: 3 }),
        cut: fc.nat(3),
      }),
      { numRuns: 100, seed },
    );
    const mutated = mutations.map(({ which, at, with: insert, cut }) => {
      const text = good[which] ?? '';
      const place = at % text.length;
      return text.slice(0, place) + insert + text.slice(place + cut);
    });
    const messages: (string | Uint8Array)[] = [...random, ...mutated];
    const batch = limits.errorsPerConnection - 1;
    for (let start = 0; start < messages.length; start += batch) {
      const part = messages.slice(start, start + batch);
      await withClient(async (client) => {
        for (const message of part) {
          const code = await client.refused(message);
          assert.ok(isErrorCode(code) && code !== 'internal', `${code} for ${String(message)}`);
        }
      });
    }
    assert.equal(await bystander.outcome('consume', { producerId: 'x' }), 'transport_not_found');
  });
});
