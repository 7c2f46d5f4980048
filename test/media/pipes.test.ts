// Pipes between real workers: packets are put into one router and come out of others.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Consumer, Router } from 'mediasoup/types';
import { pino } from 'pino';
import type { PipeSeat } from '../../src/media/pipeLinks.ts';
import { Pipes } from '../../src/media/pipes.ts';
import type { PipeUse } from '../../src/media/pipes.ts';
import { pipeFanOut } from '../../src/media/pipeTree.ts';
import { MediaWorkers } from '../../src/media/workers.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { codeOf } from '../client/observe.ts';
import { rtpPacket, vp8Payloads } from '../../src/load/rtpPackets.ts';
import { until } from '../participant/until.ts';
import { directTransport, InjectedSender, sealerFor } from './injectedSender.ts';
import { Seeded } from '../../src/load/seeded.ts';
import { testSeed } from '../network/testSeed.ts';
import { mediaSettings } from './mediaSettings.ts';

/** One more than the root hands a stream to: there is a second row. */
const workerCount = pipeFanOut + 2;
const arriveMs = 5_000;
/** Longer than an unused pipe stays. */
const unpipedMs = 6_000;

const vp8 = {
  codecs: [
    {
      mimeType: 'video/VP8',
      payloadType: 101,
      clockRate: 90_000,
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
  ],
};

let workers: MediaWorkers;

before(async () => {
  workers = await MediaWorkers.start({ ...mediaSettings, workers: workerCount }, pino({ level: 'silent' }));
});

after(() => workers.close());

/** A router on each worker, and somebody who speaks, or shows a picture, at the first. */
const scene = async (t: { after(fn: () => void): void }, kind: 'audio' | 'video' = 'audio') => {
  const failed: unknown[] = [];
  const pipes = new Pipes({
    listenInfo: workers.pipeListenInfo,
    keyFrameRequestDelayMs: 500,
    onFailed: (cause) => void failed.push(cause),
  });
  const indices = workers.loads().map(({ index }) => index);
  const seats: PipeSeat[] = [];
  for (const index of indices) seats.push({ index, router: (await workers.createRouter(index)).router });
  const [origin, ...others] = seats;
  assert.ok(origin !== undefined);
  const transport = await directTransport(origin.router);
  const sealer = sealerFor({ kind, lease: 1, stream: 0, epoch: 0 });
  const sender = await InjectedSender.start(transport, { kind, participantId: 'ada', stream: 0 }, sealer);
  t.after(() => {
    sender.producer.close();
    pipes.close();
    for (const { router } of seats) router.close();
    assert.deepEqual(failed, []);
  });
  const { producer } = sender;
  return { pipes, origin, others, producer, use: (seat: PipeSeat) => pipes.use(producer, origin, seat) };
};

/** What arrives at a router, by sequence number. */
const listen = async (router: Router, producerId: string): Promise<{ got: number[]; consumer: Consumer }> => {
  const transport = await directTransport(router);
  const consumer = await transport.consume({
    producerId,
    rtpCapabilities: router.rtpCapabilities,
    enableRtx: false,
  });
  const got: number[] = [];
  consumer.on('rtp', (packet) => void got.push(packet.readUInt16BE(2)));
  return { got, consumer };
};

/** A use by somebody who listens. */
const flowing = async (use: Promise<PipeUse>): Promise<PipeUse> => {
  const settled = await use;
  settled.setFlowing(true);
  return settled;
};

/** Nothing new for so many looks that a sender of fifty frames a second would have been noticed. */
const isStill = (got: readonly number[]): (() => boolean) => {
  let [seen, looks] = [got.length, 0];
  return () => {
    looks = seen === got.length ? looks + 1 : 0;
    seen = got.length;
    return looks > 10;
  };
};

/** RTCP payload-specific feedback, PLI: RFC 4585 §6.3.1. */
const isPli = (packet: Uint8Array): boolean => packet[1] === 206 && ((packet[0] ?? 0) & 0x1f) === 1;

describe('pipes between workers', () => {
  it('packets arrive everywhere, each once, along a tree that is not a star', async (t) => {
    const { pipes, origin, others, producer, use } = await scene(t);
    await Promise.all(others.map((seat) => flowing(use(seat))));
    const heard = await Promise.all(others.map(({ router }) => listen(router, producer.id)));
    await until('thirty packets are everywhere', arriveMs, () => heard.every(({ got }) => got.length >= 30));
    for (const { got } of heard) assert.equal(new Set(got).size, got.length, 'none twice');
    const routes = pipes.routes(producer.id);
    assert.equal(routes.length, others.length);
    assert.equal(routes.filter(([from]) => from === origin.index).length, pipeFanOut);
    assert.deepEqual(pipes.counts, { links: others.length, pipes: others.length });
  });

  it('everybody who asks at once shares one pipe', async (t) => {
    const { pipes, others, producer, use } = await scene(t);
    const [seat] = others;
    assert.ok(seat !== undefined);
    const before = workers.loads().reduce((sum, load) => sum + load.pipes, 0);
    await Promise.all(Array.from({ length: 50 }, () => use(seat)));
    const after = workers.loads().reduce((sum, load) => sum + load.pipes, 0);
    assert.equal(after - before, 1);
    assert.deepEqual(pipes.counts, { links: 1, pipes: 1 });
    assert.equal(pipes.routes(producer.id).length, 1);
  });

  it('two streams in opposite directions share a pair of transports', async (t) => {
    const { pipes, origin, others, use } = await scene(t);
    const [seat] = others;
    assert.ok(seat !== undefined);
    const back = await InjectedSender.start(
      await directTransport(seat.router),
      { kind: 'audio', participantId: 'bob', stream: 0 },
      sealerFor({ kind: 'audio', lease: 2, stream: 0, epoch: 0 }),
    );
    t.after(() => back.producer.close());
    await Promise.all([flowing(use(seat)), flowing(pipes.use(back.producer, seat, origin))]);
    const { got } = await listen(origin.router, back.producer.id);
    await until('the way back is open', arriveMs, () => got.length > 5);
    assert.deepEqual(pipes.counts, { links: 1, pipes: 2 });
  });

  it('a pipe that nobody uses ends, and its transports with the last; who uses it again gets it again', async (t) => {
    const { pipes, others, producer, use } = await scene(t);
    const uses = await Promise.all(others.map((seat) => flowing(use(seat))));
    const last = others.at(-1);
    assert.ok(last !== undefined);
    const { consumer } = await listen(last.router, producer.id);
    const [lastUse] = uses.splice(-1);
    for (const one of uses) one.release();
    // What the last one hangs under stays, though nobody there uses it.
    await until('two pipes are left', unpipedMs, () => pipes.counts.pipes === 2);
    assert.equal(consumer.closed, false);
    lastUse?.release();
    lastUse?.release();
    await until('none is', 2 * unpipedMs, () => pipes.counts.pipes === 0);
    assert.equal(pipes.counts.links, 0);
    await flowing(use(last));
    const { got } = await listen(last.router, producer.id);
    await until('it flows again', arriveMs, () => got.length > 5);
  });

  it('nothing flows through a pipe while nobody there listens, and it does once somebody does', async (t) => {
    const { others, producer, use } = await scene(t, 'video');
    const [seat] = others;
    assert.ok(seat !== undefined);
    const one = await use(seat);
    const { got } = await listen(seat.router, producer.id);
    // Some may have passed before the pipe was paused.
    await until('it is still', arriveMs, isStill(got));
    one.setFlowing(true);
    const before = got.length;
    await until('it flows', arriveMs, () => got.length > before + 10);
    one.setFlowing(false);
    await until('it is still again', arriveMs, isStill(got));
  });

  it('a producer that is paused is paused at every end, and resumed there', async (t) => {
    const { others, producer, use } = await scene(t);
    await Promise.all(others.map((seat) => flowing(use(seat))));
    const heard = await Promise.all(others.map(({ router }) => listen(router, producer.id)));
    await producer.pause();
    await until('all ends are paused', arriveMs, () =>
      heard.every(({ consumer }) => consumer.producerPaused),
    );
    await producer.resume();
    await until('no end is', arriveMs, () => heard.every(({ consumer }) => !consumer.producerPaused));
  });

  it('one that is paused when its pipe is made comes paused', async (t) => {
    const { others, producer, use } = await scene(t);
    const [seat] = others;
    assert.ok(seat !== undefined);
    await producer.pause();
    await use(seat);
    const { consumer } = await listen(seat.router, producer.id);
    assert.equal(consumer.producerPaused, true);
  });

  it('a producer that ends while its pipe is made is not found; nothing of it stays', async (t) => {
    const { pipes, others, producer, use } = await scene(t);
    const asked = others.map((seat) => codeOf(use(seat)));
    await new Promise(setImmediate);
    producer.close();
    for (const code of await Promise.all(asked)) assert.equal(code, 'producer_not_found');
    assert.deepEqual(pipes.counts, { links: 0, pipes: 0 });
    assert.equal(await codeOf(use(others[0] as PipeSeat)), 'producer_not_found');
  });

  it('consumers at the ends hear that a producer ended', async (t) => {
    const { others, producer, use } = await scene(t);
    await Promise.all(others.map((seat) => flowing(use(seat))));
    const heard = await Promise.all(others.map(({ router }) => listen(router, producer.id)));
    const closed = heard.map(({ consumer }) => once(consumer, 'producerclose'));
    producer.close();
    await Promise.all(closed);
  });

  it('when a router in between goes, so does what came over it; asked again, it comes another way', async (t) => {
    const { pipes, origin, others, producer, use } = await scene(t);
    const uses = await Promise.all(others.map((seat) => flowing(use(seat))));
    const between = others.find(({ index }) => pipes.routes(producer.id).some(([from]) => from === index));
    assert.ok(between !== undefined);
    const [, belowIndex] = pipes.routes(producer.id).find(([from]) => from === between.index) ?? [];
    const below = others.find(({ index }) => index === belowIndex);
    assert.ok(below !== undefined);
    const { consumer } = await listen(below.router, producer.id);
    const lost = once(consumer, 'producerclose');
    between.router.close();
    await lost;
    assert.equal(pipes.counts.pipes, others.length - 2);
    uses[others.indexOf(below)]?.release();
    await flowing(use(below));
    assert.ok(pipes.routes(producer.id).some(([from, to]) => from === origin.index && to === below.index));
    const { got } = await listen(below.router, producer.id);
    await until('it flows', arriveMs, () => got.length > 5);
  });

  it('key frames that many ask for at many ends are asked of the sender once in a while', async (t) => {
    const { pipes, origin, others } = await scene(t);
    const transport = await directTransport(origin.router);
    let asked = 0;
    transport.on('rtcp', (packet) => void (asked += isPli(packet) ? 1 : 0));
    const producer = await transport.produce({
      kind: 'video',
      rtpParameters: { ...vp8, encodings: [{ ssrc: 81 }] },
      keyFrameRequestDelay: 500,
    });
    // Consumers begin with one. Afterwards none that is asked for ever comes.
    let keyFrames = true;
    const send = (sequence: number): void => {
      const fields = { payloadType: 101, sequence, timestamp: sequence * 1_800, ssrc: 81, marker: true };
      const frame = new Uint8Array([keyFrames ? 0x10 : 0x11, 0, 0, 0]);
      producer.send(rtpPacket(fields, vp8Payloads(frame, sequence)[0] ?? Buffer.of()));
    };
    let sequence = 0;
    const sending = setInterval(() => send(sequence++), 20);
    t.after(() => clearInterval(sending));
    const heard = await Promise.all(
      others.map(async (seat) => {
        const use = await pipes.use(producer, origin, seat);
        use.setFlowing(true);
        return await listen(seat.router, producer.id);
      }),
    );
    await until('it flows', arriveMs, () => heard.every(({ got }) => got.length > 0));
    keyFrames = false;
    const [before, requests] = [asked, 25];
    const began = performance.now();
    for (let i = 0; i < requests; i++) {
      await Promise.all(heard.map(({ consumer }) => consumer.requestKeyFrame()));
      await setTimeout(10);
    }
    await until('one is asked for', arriveMs, () => asked > before);
    const most = 2 + (2 * (performance.now() - began)) / 500;
    assert.ok(asked - before <= most, `${asked - before} asked for by ${requests * heard.length}`);
  });

  it('however many come and go at a time, no pair of workers carries a stream twice, and nothing is left', async (t) => {
    const { pipes, origin, others, producer, use } = await scene(t);
    const pipesOfWorkers = (): number => workers.loads().reduce((sum, load) => sum + load.pipes, 0);
    const before = pipesOfWorkers();
    t.diagnostic(`seed ${testSeed}`);
    const seeded = new Seeded(testSeed);
    const random = (below: number): number => Math.floor(seeded.next() * below);
    const held: PipeUse[] = [];
    const asked: Promise<void>[] = [];
    for (let step = 0; step < 300; step++) {
      const seat = others[random(others.length)];
      if (seat === undefined) continue;
      if (random(3) > 0)
        asked.push(
          use(seat).then(
            (one) => void held.push(one),
            (thrown: unknown) => assert.ok(thrown instanceof LatchkeyError),
          ),
        );
      else held.splice(random(held.length), 1)[0]?.release();
      held[random(held.length)]?.setFlowing(random(2) === 0);
      // A router goes without a warning, with all that crosses it, and another stands in its place.
      if (random(40) === 0) {
        seat.router.close();
        const { router } = await workers.createRouter(seat.index);
        t.after(() => router.close());
        others[others.indexOf(seat)] = { index: seat.index, router };
      }
      if (random(4) === 0) await new Promise(setImmediate);
      const routes = pipes.routes(producer.id);
      assert.equal(new Set(routes.map(([, to]) => to)).size, routes.length);
      assert.ok(routes.every(([, to]) => to !== origin.index));
    }
    await Promise.all(asked);
    await until(
      'the workers have what we think',
      arriveMs,
      () => pipesOfWorkers() - before === pipes.counts.pipes,
    );
    for (const one of held) one.release();
    await until('all pipes end', 2 * unpipedMs, () => pipes.counts.pipes === 0);
    assert.equal(pipesOfWorkers(), before);
    assert.equal(pipes.counts.links, 0);
  });

  it('simulcast keeps its layers through a pipe', async (t) => {
    const { pipes, origin, others } = await scene(t);
    const [seat] = others;
    assert.ok(seat !== undefined);
    const sending = await origin.router.createPlainTransport({ listenInfo: workers.pipeListenInfo });
    const producer = await sending.produce({
      kind: 'video',
      rtpParameters: { ...vp8, encodings: [{ ssrc: 71 }, { ssrc: 72 }, { ssrc: 73 }] },
    });
    await pipes.use(producer, origin, seat);
    const receiving = await seat.router.createPlainTransport({ listenInfo: workers.pipeListenInfo });
    const consumer = await receiving.consume({
      producerId: producer.id,
      rtpCapabilities: seat.router.rtpCapabilities,
      paused: true,
    });
    assert.equal(consumer.type, 'simulcast');
    await consumer.setPreferredLayers({ spatialLayer: 1 });
    assert.equal(consumer.preferredLayers?.spatialLayer, 1);
  });
});
