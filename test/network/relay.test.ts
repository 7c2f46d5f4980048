// The roads themselves: a test over a bad network is worth what its badness is.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { until } from '../participant/until.ts';
import { Seeded } from '../../src/load/seeded.ts';
import { TcpRelay, perfectTcp } from './tcpRelay.ts';
import type { TcpConditions } from './tcpRelay.ts';
import { UdpRelay } from './udpRelay.ts';
import type { UdpConditions } from './udpRelay.ts';

const seed = 20_240;

/** Numbered packets through a relay to a server that answers each: those that came back, in their order. */
const echoed = async (t: TestContext, conditions: UdpConditions, packets: number): Promise<number[]> => {
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const port = server.address().port;
  const relay = await UdpRelay.open({
    listenAddress: '127.0.0.2',
    port,
    serverAddress: '127.0.0.1',
    seed,
    conditions,
  });
  const client = createSocket('udp4');
  t.after(() => {
    for (const socket of [server, client]) socket.close();
    relay.close();
  });
  server.on('message', (packet, { port, address }) => server.send(packet, port, address));
  const back: number[] = [];
  client.on('message', (packet) => back.push(packet.readUInt32BE()));
  await sendNumbered(client, port, packets);
  // Each packet is lost on its way there or back, or it is here.
  await until('all packets are accounted for', 5_000, () => relay.lost + back.length >= packets);
  return back;
};

const sendNumbered = async (client: Socket, port: number, packets: number): Promise<void> => {
  for (let number = 0; number < packets; number++) {
    const packet = Buffer.alloc(100);
    packet.writeUInt32BE(number);
    await new Promise<void>((resolve) => client.send(packet, port, '127.0.0.2', () => resolve()));
    // A socket's buffer holds some 250: all ends are in this process, and read in between.
    await new Promise(setImmediate);
  }
};

describe('the relay of media', () => {
  it('a perfect road passes everything in order, both ways', async (t) => {
    const back = await echoed(t, { loss: 0, delayMs: 0, jitterMs: 0 }, 200);
    assert.deepEqual(
      back,
      Array.from({ length: 200 }, (_, number) => number),
    );
  });

  it('loses the share that it should, the same packets for the same seed', async (t) => {
    const conditions = { loss: 0.2, delayMs: 20, jitterMs: 0 };
    const first = await echoed(t, conditions, 500);
    // 0.8 × 0.8 of 500, ± 5 standard deviations.
    assert.ok(Math.abs(first.length - 320) < 54, `${first.length} came back`);
    const lostThere = new Seeded(seed, 0);
    const arrives = new Set<number>();
    for (let number = 0; number < 500; number++) {
      if (lostThere.chance(0.2)) continue;
      arrives.add(number);
      // How late it is.
      lostThere.next();
    }
    assert.ok(
      first.every((number) => arrives.has(number)),
      'what the seed loses is lost',
    );
  });

  it('delays, and whoever is late is overtaken', async (t) => {
    const began = performance.now();
    const back = await echoed(t, { loss: 0, delayMs: 50, jitterMs: 20 }, 100);
    assert.ok(performance.now() - began >= 60, 'twice 30 ms at the least');
    assert.equal(back.length, 100);
    assert.notDeepEqual(
      back,
      [...back].sort((a, b) => a - b),
    );
  });
});

interface Line {
  readonly relay: TcpRelay;
  readonly client: TcpSocket;
  readonly server: TcpSocket;
}

const line = async (t: TestContext, conditions: TcpConditions): Promise<Line> => {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const relay = await TcpRelay.open({
    listenAddress: '127.0.0.2',
    serverAddress: '127.0.0.1',
    serverPort: (listener.address() as AddressInfo).port,
    seed,
    conditions,
  });
  const { hostname, port } = new URL(relay.url);
  const accepted = once(listener, 'connection') as Promise<[TcpSocket]>;
  const client = createConnection({ host: hostname, port: Number(port) });
  await once(client, 'connect');
  const [server] = await accepted;
  t.after(async () => {
    await relay.close();
    for (const socket of [client, server]) socket.destroy();
    listener.close();
  });
  return { relay, client, server };
};

/** As many bytes as are expected, and when the last of them came. */
const received = async (socket: TcpSocket, bytes: number): Promise<{ data: Buffer; atMs: number }> => {
  const parts: Buffer[] = [];
  for await (const part of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    parts.push(part);
    if (Buffer.concat(parts).length >= bytes) break;
  }
  return { data: Buffer.concat(parts), atMs: performance.now() };
};

describe('the relay of signalling', () => {
  it('loses and reorders nothing, whatever the road', async (t) => {
    const { client, server } = await line(t, { ...perfectTcp, delayMs: 10, jitterMs: 8, loss: 0.1 });
    const sent = Buffer.from(Array.from({ length: 2_000 }, (_, i) => i & 0xff));
    const arriving = received(server, sent.length);
    for (let at = 0; at < sent.length; at += 100) {
      client.write(sent.subarray(at, at + 100));
      await new Promise(setImmediate);
    }
    assert.deepEqual((await arriving).data, sent);
  });

  it('stalls for as long as it is told, then delivers', async (t) => {
    const { relay, client, server } = await line(t, perfectTcp);
    const began = performance.now();
    relay.stall(300);
    client.write('later');
    const { data, atMs } = await received(server, 5);
    assert.equal(data.toString(), 'later');
    assert.ok(atMs - began >= 295);
  });

  it('passes no more bytes a second than the road has', async (t) => {
    const { client, server } = await line(t, { ...perfectTcp, bytesPerSecond: 100_000 });
    const began = performance.now();
    client.write(Buffer.alloc(30_000));
    const { atMs } = await received(server, 30_000);
    assert.ok(atMs - began >= 250, 'the last piece of 30 kB at 100 kB a second');
  });

  it('resets both ends', async (t) => {
    const { relay, client, server } = await line(t, perfectTcp);
    client.write('x');
    await received(server, 1);
    const broken = Promise.all([client, server].map((socket) => once(socket, 'error') as Promise<[Error]>));
    server.resume();
    client.resume();
    relay.reset();
    for (const [error] of await broken) assert.match(String(error), /ECONNRESET/);
    assert.equal(relay.connections, 0);
  });

  it('an end that closes closes the other one, after what was sent', async (t) => {
    const { client, server } = await line(t, { ...perfectTcp, delayMs: 20 });
    client.end('goodbye');
    const { data } = await received(server, 7);
    assert.equal(data.toString(), 'goodbye');
    server.resume();
    await once(server, 'end');
  });
});
