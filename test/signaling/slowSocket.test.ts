// A peer that reads too slowly, or not at all: what waits for it is bounded, what can be left out is, and in the end it goes. First one
// connection over a real socket, then a participant of a real meeting whose others notice nothing.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import type { EndReason } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';
import { Connection } from '../../src/signaling/connection.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { until } from '../participant/until.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { RawClient, joinAsk } from './rawClient.ts';
import { Attendee } from './scene.ts';

const socketQueueBytes = 1_048_576;
/** More than the buffers of the system between two sockets of loopback ever hold. */
const mostBytes = 64 * socketQueueBytes;
const filling = 'x'.repeat(32_768);

/** What can go out goes out. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

class Pair {
  readonly errors: string[] = [];
  /** Why the handlers were told that it closed; undefined: they were not. */
  ended: EndReason | null | undefined;
  readonly #sides: { server: WebSocketServer; inner: WebSocket; connection: Connection; client: WebSocket };

  private constructor(open: (pair: Pair) => Pair['connections']) {
    this.#sides = open(this);
  }

  get connections(): {
    server: WebSocketServer;
    inner: WebSocket;
    connection: Connection;
    client: WebSocket;
  } {
    return this.#sides;
  }

  get connection(): Connection {
    return this.#sides.connection;
  }

  get client(): WebSocket {
    return this.#sides.client;
  }

  /** Bytes that wait in this process for the client to read. */
  get queuedBytes(): number {
    return this.#sides.inner.bufferedAmount;
  }

  static async open(): Promise<Pair> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[WebSocket]>;
    const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    const [[inner]] = await Promise.all([accepted, once(client, 'open')]);
    return new Pair((pair) => ({
      server,
      inner,
      client,
      connection: new Connection(inner, {
        limits: { messagesPerSecond: 100, socketQueueBytes, joinTimeoutMs: 60_000, pingMs: 60_000 },
        log: pino({ level: 'silent' }),
        handlers: () => ({
          request: () => Promise.reject(new Error('nothing is asked here')),
          notice: () => undefined,
          closed: (reason) => (pair.ended = reason),
        }),
        onError: (code) => void pair.errors.push(code),
        onClosed: () => undefined,
      }),
    }));
  }

  /** State is sent for as long as it is taken. */
  async fill(): Promise<void> {
    for (let sent = 0; this.connection.sendState(filling); sent += filling.length) {
      assert.ok(sent < mostBytes, 'it takes everything');
      await turn();
    }
  }

  async close(): Promise<void> {
    const { server, client, inner } = this.#sides;
    client.terminate();
    inner.terminate();
    server.close();
    await once(server, 'close');
  }
}

const withPair = (act: (pair: Pair) => Promise<void>) => async (): Promise<void> => {
  const pair = await Pair.open();
  try {
    await act(pair);
  } finally {
    await pair.close();
  }
};

describe('a connection whose peer reads nothing', () => {
  it(
    'takes no more state above a quarter of its queue, and says when it has drained',
    withPair(async (pair) => {
      const { connection, client } = pair;
      client.pause();
      await pair.fill();
      assert.ok(pair.queuedBytes > socketQueueBytes / 4);
      assert.ok(pair.queuedBytes < socketQueueBytes / 2, `${pair.queuedBytes} bytes`);
      connection.sendText('"must arrive"');
      let drained = 0;
      connection.whenDrained(() => void drained++);
      for (let turns = 0; turns < 100; turns++) await turn();
      assert.equal(drained, 0);
      assert.equal(connection.sendState('"state"'), false);

      const texts: string[] = [];
      client.on('message', (data: Buffer) => void texts.push(data.toString()));
      client.resume();
      await until('it has drained', 10_000, () => drained > 0);
      assert.equal(pair.queuedBytes, 0);
      assert.equal(connection.sendState('"state again"'), true);
      await until('the client has read it', 10_000, () => texts.at(-1) === '"state again"');
      assert.ok(texts.includes('"must arrive"') && !texts.includes('"state"'));
      assert.deepEqual([drained, pair.errors, pair.ended], [1, [], undefined]);
    }),
  );

  it(
    'ends when its queue is full, holds no more from then on, and its peer reads why when it goes on',
    withPair(async (pair) => {
      const { connection, client } = pair;
      client.pause();
      await pair.fill();
      let drained = false;
      connection.whenDrained(() => (drained = true));
      for (let sent = 0; pair.errors.length === 0; sent += filling.length) {
        assert.ok(sent < mostBytes, 'it takes everything');
        connection.sendText(filling);
      }
      const queued = pair.queuedBytes;
      assert.ok(queued < socketQueueBytes + 2 * filling.length, `${queued} bytes`);
      for (let sent = 0; sent < mostBytes; sent += filling.length) {
        connection.sendText(filling);
        connection.sendKeyMessage(Buffer.from(filling));
        connection.sendState(filling);
      }
      connection.end('left');
      assert.ok(pair.queuedBytes <= queued, `${pair.queuedBytes} bytes`);
      assert.deepEqual(pair.errors, ['too_slow']);

      const texts: string[] = [];
      client.on('message', (data: Buffer) => void texts.push(data.toString()));
      const closed = once(client, 'close') as Promise<[number, Buffer]>;
      client.resume();
      const [code, reason] = await closed;
      assert.deepEqual([code, reason.toString()], [4002, 'tooSlow']);
      assert.equal(texts.at(-1), '{"notice":"ended","data":{"reason":"tooSlow","code":"too_slow"}}');
      await until('the handlers know', 10_000, () => pair.ended !== undefined);
      assert.equal(pair.ended, 'tooSlow');
      assert.equal(drained, true, 'what was sent before did leave');
      connection.whenDrained(() => assert.fail('nothing is sent any more'));
      await turn();
    }),
  );

  it(
    'is cut where it never goes on, and nothing that waited for it to drain runs',
    withPair(async (pair) => {
      const { connection, client } = pair;
      client.pause();
      await pair.fill();
      let drained = false;
      connection.whenDrained(() => (drained = true));
      connection.end('tooSlow', 'too_slow');
      await until('it is cut', 20_000, () => pair.ended !== undefined);
      assert.deepEqual([pair.ended, drained], ['tooSlow', false]);
      assert.equal(pair.queuedBytes, 0, 'what waited is given up');
    }),
  );
});

describe('a participant that stops reading', () => {
  let server: ServerProcess;

  before(async () => {
    server = await startServerProcess(
      {
        LATCHKEY_LIMITS_SOCKET_QUEUE_BYTES: '65536',
        LATCHKEY_LIMITS_MESSAGES_PER_SECOND: '100000',
        // Who does not read answers no ping either: here it is the queue that ends it.
        LATCHKEY_TIMERS_PING_MS: '120000',
      },
      { tapped: false },
    );
  });

  after(async () => {
    assert.equal(await server.stop(), 0);
  });

  it('is not waited for, is departed in the end, and nobody else notices', async (t) => {
    const meeting = await api(server).createMeeting({ settings: { lobby: true } });
    const host = await Attendee.join(server, meeting, 'Hedy', 'host');
    const bystander = await joinAsNode(server.url, await api(server).token(meeting, 'Berta', 'host'));
    const slow = await Attendee.join(server, meeting, 'Slow', 'host');
    const troubles: string[] = [];
    bystander.session.on('failure', ({ code }) => void troubles.push(code));
    bystander.session.on('connection', ({ state }) => void troubles.push(state));
    const guests = await Promise.all(
      Array.from({ length: limits.guestsNamed }, async (_, number) => {
        const guest = await RawClient.connect(server.url);
        const token = await api(server).token(meeting, `${number}`.padEnd(limits.nameLength, '.'), 'viewer');
        guest.send(JSON.stringify({ id: 1, method: 'join', data: joinAsk(token) }));
        return guest;
      }),
    );
    await host.until(() => host.told('guests').at(-1)?.['count'] === guests.length);
    slow.client.pause();

    const { epoch } = await api(server).rekey(meeting, 'operator');
    await bystander.epochWhere((state) => state.epoch >= epoch);

    // Whoever becomes a host is told who waits, and that must arrive: some 20 kB each time.
    const ended = (): boolean => server.output().includes('"cause":"lost"');
    let raised = 0;
    for (; !ended(); raised++) {
      assert.ok(raised < 5_000, 'the slow one is not ended');
      for (const role of ['viewer', 'host']) {
        const outcome = await host.outcome('setRole', { participantId: slow.id, role });
        assert.ok(outcome === 'ok' || ended(), outcome);
      }
    }
    t.diagnostic(`departed after it was raised ${raised} times`);
    await host.until(() => host.left.get(slow.id) === 'lost');
    await bystander.epochWhere((state) => state.epoch > epoch && state.trigger === 'departure');
    assert.deepEqual([troubles, bystander.session.ended, host.client.open], [[], false, true]);
    const metrics = await api(server).metrics();
    assert.match(metrics, /^latchkey_slow_sockets_total\{result="dropped"\} 1$/m);
    assert.match(metrics, /^latchkey_signaling_errors_total\{code="too_slow"\} 1$/m);

    slow.client.resume();
    const { code } = await slow.client.closed;
    assert.ok([4002, 1006].includes(code), `${code}`);
    await bystander.session.leave();
    for (const client of [host.client, ...guests]) client.close();
  });
});
