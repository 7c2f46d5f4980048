import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { WebSocketServer } from 'ws';
import type { WebSocket as ServerSocket } from 'ws';
import { systemClock } from '../../src/client/session/clock.ts';
import type { Clock } from '../../src/client/session/clock.ts';
import { endpoint, Signaling } from '../../src/client/session/signaling.ts';
import type { AnyServerNotice } from '../../src/client/session/signaling.ts';
import type { LatchkeyError } from '../../src/protocol/errors.ts';
import { limits } from '../../src/protocol/timers.ts';
import { codeOf } from './observe.ts';
import { VirtualClock } from './virtualClock.ts';

let sockets: WebSocketServer;
let url: string;
const opened: Signaling[] = [];

/** A server that says what the test says, and a client that notes what it is told. */
const open = async (clock: Clock = systemClock) => {
  const connected = once(sockets, 'connection') as Promise<[ServerSocket]>;
  const signaling = await Signaling.open(url, clock, 10_000);
  opened.push(signaling);
  const [socket] = await connected;
  const told: (AnyServerNotice | Uint8Array)[] = [];
  const closed = new Promise<LatchkeyError>((resolve) => {
    deliver = () =>
      signaling.deliverTo({
        notice: (notice) => told.push(notice),
        keyMessage: (message) => told.push(message),
        closed: resolve,
      });
  });
  return { signaling, socket, told, closed, deliver: () => deliver() };
};
let deliver = (): void => undefined;

beforeEach(async () => {
  sockets = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'latchkey.1' });
  await once(sockets, 'listening');
  url = `http://127.0.0.1:${(sockets.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const signaling of opened.splice(0)) signaling.close();
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  await once(sockets, 'close');
});

const speakers = { notice: 'speakers', data: { participantIds: ['p'] } };

describe('signalling', () => {
  it('knows where the server listens, whatever stands behind the address', () => {
    assert.equal(endpoint('https://a.example', 'v1/connect', true), 'wss://a.example/v1/connect');
    assert.equal(endpoint('http://a.example:8080/', 'v1/connect', true), 'ws://a.example:8080/v1/connect');
    assert.equal(
      endpoint('https://a.example/base/?q=1#token', 'v1/connect', true),
      'wss://a.example/base/v1/connect',
    );
    assert.throws(() => endpoint('wss://a.example', 'v1/connect'), TypeError);
  });

  it('delivers text and binary messages in the order in which they were sent, also those held back', async () => {
    const { socket, told, deliver, signaling } = await open();
    socket.send(JSON.stringify(speakers));
    socket.send(Uint8Array.of(1));
    socket.send(JSON.stringify({ notice: 'a notice of the future', data: { what: 'ever' } }));
    // Answered after what was sent before it, so all of that has arrived.
    socket.once('message', () => socket.send(JSON.stringify({ id: 1, ok: true, data: {} })));
    await signaling.request('leave', {});
    assert.deepEqual(told, []);
    deliver();
    assert.deepEqual(told, [speakers, Uint8Array.of(1)]);
    socket.send(Uint8Array.of(2));
    socket.once('message', () => socket.send(JSON.stringify({ id: 2, ok: true, data: {} })));
    await signaling.request('leave', {});
    assert.deepEqual(told.at(-1), Uint8Array.of(2));
  });

  const breaches: [string, string | Uint8Array][] = [
    ['text that is not JSON', '{"notice":'],
    ['JSON that is no message', '[]'],
    ['a notice without data that it needs', JSON.stringify({ notice: 'activated', data: {} })],
    [
      'a notice with data of another type',
      JSON.stringify({ notice: 'speakers', data: { participantIds: 'p' } }),
    ],
    [
      'an activation with a fingerprint that is too short',
      JSON.stringify({ notice: 'activated', data: { epoch: 0, fingerprint: 'AAAA', trigger: 'join' } }),
    ],
    [
      'an activation of an epoch beyond 32 bits',
      JSON.stringify({
        notice: 'activated',
        data: { epoch: 2 ** 32, fingerprint: 'AAAAAAAAAAAAAAAAAAAAAA', trigger: 'join' },
      }),
    ],
    [
      'a stream that cannot be',
      JSON.stringify({
        notice: 'roster',
        data: {
          full: false,
          participants: [],
          left: [],
          producers: [
            {
              producerId: 'a',
              participantId: 'p',
              kind: 'audio',
              source: 'microphone',
              lease: 0,
              stream: 0,
              paused: false,
            },
          ],
          removed: [],
        },
      }),
    ],
    [
      'an error with a code that there is not',
      JSON.stringify({ id: 1, ok: false, error: { code: 'odd', message: '' } }),
    ],
  ];
  for (const [what, message] of breaches) {
    it(`believes a server nothing more after ${what}`, async () => {
      const { socket, told, closed, deliver } = await open();
      deliver();
      const gone = once(socket, 'close') as Promise<[number]>;
      socket.send(message);
      socket.send(JSON.stringify(speakers));
      assert.equal((await closed).code, 'malformed');
      assert.deepEqual(told, []);
      assert.equal((await gone)[0], 4010);
    });
  }

  it('refuses an answer that is not what its request is answered with', async () => {
    const { signaling, socket, closed, deliver } = await open();
    deliver();
    const asked = codeOf(signaling.request('produce', produceAsk));
    const other = codeOf(signaling.request('leave', {}));
    socket.once('message', () => socket.send(JSON.stringify({ id: 1, ok: true, data: { producerId: 7 } })));
    assert.equal(await asked, 'malformed');
    assert.equal(await other, 'malformed');
    assert.equal((await closed).code, 'malformed');
  });

  it('ignores answers to nothing', async () => {
    const { signaling, socket } = await open();
    for (const id of [99, null]) {
      socket.send(JSON.stringify({ id, ok: false, error: { code: 'internal', message: '' } }));
    }
    socket.once('message', () => socket.send(JSON.stringify({ id: 1, ok: true, data: {} })));
    assert.deepEqual(await signaling.request('leave', {}), {});
  });

  it('gives each request its own answer, in whatever order they come', async () => {
    const { signaling, socket } = await open();
    const ids: number[] = [];
    socket.on('message', (data: Buffer) => {
      ids.push((JSON.parse(data.toString()) as { id: number }).id);
      if (ids.length < 2) return;
      const [first, second] = ids;
      socket.send(JSON.stringify({ id: second, ok: false, error: { code: 'forbidden', message: 'no' } }));
      socket.send(JSON.stringify({ id: first, ok: true, data: { producerId: 'x' } }));
    });
    const asked = [signaling.request('produce', produceAsk), signaling.request('leave', {})];
    const [produced, left] = await Promise.allSettled(asked);
    assert.deepEqual(produced, { status: 'fulfilled', value: { producerId: 'x' } });
    assert.ok(left?.status === 'rejected' && (left.reason as LatchkeyError).code === 'forbidden');
  });

  it('does not wait for an answer for ever: a connection that answers nothing is lost', async () => {
    const clock = new VirtualClock();
    const { signaling, socket, closed, deliver } = await open(clock);
    deliver();
    const gone = once(socket, 'close') as Promise<[number]>;
    const asked = [codeOf(signaling.request('leave', {})), codeOf(signaling.request('challenge', {}))];
    clock.advance(9_999);
    assert.equal(signaling.closed, false);
    clock.advance(1);
    assert.deepEqual(await Promise.all(asked), ['connection_lost', 'connection_lost']);
    assert.equal((await closed).code, 'connection_lost');
    assert.equal(signaling.closed, true);
    assert.equal((await gone)[0], 4011);
  });

  it('counts the time of an answer from when its request was sent, not from when it was asked for', async () => {
    const clock = new VirtualClock();
    const { signaling, socket } = await open(clock);
    const { messagesPerSecond } = limits;
    const sent: number[] = [];
    const all = Promise.withResolvers<void>();
    socket.on('message', (data: Buffer) => {
      const { id } = JSON.parse(data.toString()) as { id: number };
      sent.push(id);
      socket.send(JSON.stringify({ id, ok: true, data: {} }));
      if (sent.length === messagesPerSecond + 1) all.resolve();
    });
    const asked = Array.from({ length: messagesPerSecond + 1 }, () => signaling.request('leave', {}));
    await Promise.all(asked.slice(0, -1));
    clock.advance(10_000);
    await all.promise;
    assert.deepEqual(await asked.at(-1), {});
  });

  it('says what was answered before it delivers what was sent after it', async () => {
    const { signaling, socket, told, deliver } = await open();
    deliver();
    socket.once('message', () => {
      socket.send(JSON.stringify({ id: 1, ok: true, data: {} }));
      socket.send(JSON.stringify(speakers));
    });
    const seen: number[] = [];
    await signaling.request('leave', {}, () => seen.push(told.length));
    assert.deepEqual(seen, [0]);
  });

  it('stays below the rate that the server allows, in order, and lets acknowledgements pass', async () => {
    const clock = new VirtualClock();
    const { signaling, socket } = await open(clock);
    const { messagesPerSecond } = limits;
    const methods: string[] = [];
    const arrived = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (data: Buffer): void => {
          const message = JSON.parse(data.toString()) as { id?: number; notice?: string };
          methods.push(message.notice ?? String(message.id));
          if (methods.length < count) return;
          socket.off('message', look);
          resolve();
        };
        socket.on('message', look);
      });
    const first = arrived(messagesPerSecond + 1);
    const answers = Array.from({ length: messagesPerSecond + 3 }, () =>
      codeOf(signaling.request('leave', {})),
    );
    signaling.notify('confirmed', { epoch: 1 });
    await first;
    assert.equal(methods.at(-1), 'confirmed');
    const rest = arrived(messagesPerSecond + 4);
    clock.advance(1_000);
    await rest;
    assert.deepEqual(
      methods.slice(messagesPerSecond + 1),
      [1, 2, 3].map((more) => String(messagesPerSecond + more)),
    );
    signaling.close();
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['closed']));
  });
});

const produceAsk = {
  transportId: 't',
  kind: 'audio',
  source: 'microphone',
  rtpParameters: {},
  paused: false,
  stream: 0,
} as const;
