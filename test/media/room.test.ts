// The media of a meeting over several workers, alive.

import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { workerBin } from 'mediasoup';
import type { Producer } from 'mediasoup/types';
import { togetherUpTo } from '../../src/media/placement.ts';
import { receiverCapabilities } from '../../src/load/syntheticMedia.ts';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { until } from '../participant/until.ts';
import { connect, openScene, produce, speak, watch } from './roomScene.ts';
import type { Scene } from './roomScene.ts';

after(() => mediaPeersEnded());

/** Whoever lost its worker is told within this. */
const reopenMs = 3_000;

const homeOf = ({ room }: Scene, before: ReadonlyMap<number, number>): number => {
  const grown = [...room.residents].find(([index, count]) => count > (before.get(index) ?? 0));
  assert.ok(grown !== undefined);
  return grown[0];
};

const kill = ({ workers }: Scene, index: number): void => {
  const pid = workers.loads().find((load) => load.index === index)?.pid;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
};

/**
 * Ada, who may produce, and one listener on each worker, hers first: a worker with one consumer is full in these scenes.
 */
const spreadOut = async (t: { after(fn: () => void): void }, workers: number) => {
  const scene = await openScene(t, { workers, consumersPerWorker: 1 });
  const ada = await scene.enter('ada', true);
  const adasHome = homeOf(scene, new Map());
  const producer = await produce(ada, 'audio');
  const listeners = [];
  for (let n = 0; n < workers; n++) {
    const before = scene.room.residents;
    const name = `listener-${n}`;
    const media = await scene.enter(name, false);
    listeners.push({ name, media, home: homeOf(scene, before), consumer: await watch(media, producer) });
  }
  assert.deepEqual(new Set(listeners.map(({ home }) => home)).size, workers, 'one on each');
  return { ...scene, scene, ada, adasHome, producer, listeners };
};

describe('a meeting over several workers', () => {
  it('a small one stays on one and pipes nothing; one that grows takes the next, and a stream crosses once', async (t) => {
    const scene = await openScene(t);
    const { room, enter } = scene;
    const producer = await produce(await enter('ada', true), 'audio');
    for (let n = 1; n < togetherUpTo; n++) await watch(await enter(`near-${n}`, false), producer);
    assert.deepEqual([...room.residents.values()], [togetherUpTo]);
    assert.deepEqual(room.pipes.counts, { links: 0, pipes: 0 });
    const far = [await enter('far-0', false), await enter('far-1', false), await enter('far-2', false)];
    assert.deepEqual([...room.residents.values()], [togetherUpTo, far.length]);
    const consumers = await Promise.all(far.map((media) => watch(media, producer)));
    assert.deepEqual(room.pipes.counts, { links: 1, pipes: 1 });
    assert.equal(producer.appData['participantId'], 'ada');
    assert.ok(consumers.every((consumer) => !consumer.closed && !consumer.paused));
    for (const media of far) media.close();
    await until('the pipe ends', 6_000, () => room.pipes.counts.pipes === 0);
    assert.deepEqual(scene.told.failed, []);
  });

  it('real packets cross, and pauses of their sender do', async (t) => {
    const { workers, ada, producer, listeners } = await spreadOut(t, 2);
    const far = listeners[1];
    assert.ok(far !== undefined);
    const { peer } = await connect(t, ada, 'send');
    const { packets } = await connect(t, far.media, 'receive');
    speak(t, peer, producer);
    await until('thirty packets came', 10_000, () => packets() >= 30);
    assert.deepEqual(workers.handshakes, {
      dtlsConnected: 2,
      dtlsFailed: 0,
      dtlsAbandoned: 0,
      iceConnected: 2,
      iceDisconnected: 0,
    });
    await ada.setMuted(producer.id, true);
    await until('it is muted over there', 5_000, () => far.consumer.producerPaused);
    const before = packets();
    await ada.setMuted(producer.id, false);
    await until('it is heard again', 5_000, () => packets() > before + 10);
  });

  it('a listener whose worker dies is told within three seconds, opens media elsewhere, and hears again; nobody else notices', async (t) => {
    const { scene, room, told, ada, adasHome, producer, listeners } = await spreadOut(t, 2);
    const far = listeners.find(({ home }) => home !== adasHome);
    assert.ok(far !== undefined);
    const { peer } = await connect(t, ada, 'send');
    speak(t, peer, producer);
    const first = await connect(t, far.media, 'receive');
    await until('it hears', 10_000, () => first.packets() > 10);
    kill(scene, far.home);
    await until('it is told', reopenMs, () => told.reopened.length > 0);
    assert.deepEqual([told.lost, told.reopened], [[far.name], [far.name]]);
    assert.equal(room.residents.get(far.home), 1, 'the worker in its place takes over');
    const second = await connect(t, far.media, 'receive');
    await watch(far.media, producer);
    await until('it hears again', 10_000, () => second.packets() > 10);
    assert.equal(producer.closed, false);
    assert.equal(told.died, false);
    assert.deepEqual([...told.gone], []);
    assert.deepEqual(told.failed, []);
  });

  it('a sender whose worker dies loses its producers and keeps its gates; its streams are free again', async (t) => {
    const { scene, room, told, ada, adasHome, producer, listeners } = await spreadOut(t, 2);
    const far = listeners.find(({ home }) => home !== adasHome);
    assert.ok(far !== undefined);
    let ended = 0;
    let toldWithIt = false;
    producer.observer.once('close', () => {
      ended++;
      queueMicrotask(() => (toldWithIt = told.lost.includes('ada')));
    });
    kill(scene, adasHome);
    await until('she is told', reopenMs, () => told.reopened.includes('ada'));
    assert.equal(ended, 1);
    assert.ok(toldWithIt, 'that her worker died, before anybody can be told that a producer is gone');
    assert.deepEqual(ada.producers, []);
    const again = await produce(ada, 'audio');
    assert.equal(again.paused, false, 'released, as before');
    const { peer } = await connect(t, ada, 'send');
    speak(t, peer, again);
    await watch(far.media, again);
    const { packets } = await connect(t, far.media, 'receive');
    await until('she is heard again', 10_000, () => packets() > 10);
    assert.equal(
      [...room.residents.values()].reduce((sum, count) => sum + count),
      3,
      'everybody has one home',
    );
  });

  it('a held sender stays held where it opens media again', async (t) => {
    const { scene, told, ada, adasHome } = await spreadOut(t, 2);
    await ada.hold();
    kill(scene, adasHome);
    await until('she is told', reopenMs, () => told.reopened.includes('ada'));
    assert.equal((await produce(ada, 'audio')).paused, true);
  });

  it('who received over a worker that died is told what went, and gets it another way', async (t) => {
    const { scene, room, told, adasHome, producer, listeners } = await spreadOut(t, 5);
    const routes = room.pipes.routes(producer.id);
    const [between, end] = routes.find(([from]) => from !== adasHome) ?? [];
    const below = listeners.find(({ home }) => home === end);
    assert.ok(between !== undefined && below !== undefined, 'the tree has a second row');
    kill(scene, between);
    await until('it is told', reopenMs, () => told.gone.has(below.name));
    assert.deepEqual(told.gone.get(below.name), [{ consumerId: below.consumer.id, producerId: producer.id }]);
    const consumer = await watch(below.media, producer);
    assert.equal(consumer.paused, false);
    assert.deepEqual([...told.gone.keys()], [below.name]);
  });

  it('a meeting on the only worker goes on with the next one', async (t) => {
    const scene = await openScene(t, { workers: 1 });
    const { told, enter } = scene;
    const [ada, bob] = [await enter('ada', true), await enter('bob', false)];
    await watch(bob, await produce(ada, 'audio'));
    kill(scene, 0);
    await until('both are told', reopenMs, () => told.reopened.length === 2);
    await bob.open(receiverCapabilities, false);
    const consumer = await watch(bob, await produce(ada, 'audio'));
    assert.equal(consumer.paused, false);
    assert.equal(told.died, false);
  });

  it('waits while no worker starts, and ends when none has for long', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-worker-'));
    t.after(() => rm(folder, { recursive: true }));
    const binary = join(folder, 'mediasoup-worker');
    await symlink(workerBin, binary);
    const patience = { noWorkerMs: 6_000 };
    const scene = await openScene(t, { workers: 1, workerBin: binary, patience });
    const { told, enter } = scene;
    await enter('ada', false);
    await rename(binary, `${binary}.away`);
    kill(scene, 0);
    await until('no worker runs', 2_000, () => scene.workers.alive === 0);
    const joining = enter('bob', false);
    await rename(`${binary}.away`, binary);
    await until('a worker runs again', 5_000, () => scene.workers.alive === 1);
    await joining;
    await until('ada is told', reopenMs, () => told.reopened.includes('ada'));
    assert.equal(told.died, false);
    await rename(binary, `${binary}.away`);
    kill(scene, 0);
    await until('it ends', 10_000, () => told.died);
    assert.deepEqual(told.reopened, ['ada']);
  });

  it('opening media while the worker dies ends on another', async (t) => {
    const scene = await openScene(t, { workers: 2 });
    const media = scene.room.addParticipant('ada');
    const opening = media.open(receiverCapabilities, true);
    kill(scene, [...scene.room.residents.keys()][0] ?? 0);
    const { send, receive } = await opening;
    // Either it was quick, and is told, or it went elsewhere at once.
    await until('its transports live', reopenMs, () => !receive.closed || scene.told.reopened.length > 0);
    const again = await media.open(receiverCapabilities, true);
    assert.equal(again.receive.closed, false);
    if (!receive.closed) assert.equal(again.send, send);
  });
});

describe('what a large meeting forwards', () => {
  it('of more than so many voices the loudest, at the server, whatever clients ask for', async (t) => {
    const { enter, told } = await openScene(t, { workers: 1, limits: { loudestFrom: 3, loudest: 2 } });
    const bob = await enter('bob', false);
    const voices: { name: string; producer: Producer }[] = [];
    const consumers = new Map<string, Awaited<ReturnType<typeof watch>>>();
    const speakers = [];
    for (const name of ['p0', 'p1', 'p2']) {
      const media = await enter(name, true);
      speakers.push(media);
      const producer = await produce(media, 'audio');
      voices.push({ name, producer });
      consumers.set(name, await watch(bob, producer));
    }
    const heard = (): string[] =>
      [...consumers].filter(([, consumer]) => !consumer.paused).map(([name]) => name);
    assert.deepEqual(heard(), ['p0', 'p1', 'p2']);
    const last = await enter('p3', true);
    const producer = await produce(last, 'audio');
    consumers.set('p3', await watch(bob, producer));
    await until('two are left', 5_000, () => heard().length === 2);
    assert.deepEqual(heard(), ['p0', 'p1']);
    const third = consumers.get('p2');
    await bob.resumeConsumer(third?.id ?? '');
    assert.equal(third?.paused, true);
    const [first, second] = speakers;
    await first?.setMuted(voices[0]?.producer.id ?? '', true);
    await until('who waited has its place', 5_000, () => heard().includes('p2'));
    assert.deepEqual(heard(), ['p1', 'p2']);
    await second?.setMuted(voices[1]?.producer.id ?? '', true);
    await until('all are forwarded in a smaller meeting', 5_000, () => heard().length === 4);
    assert.deepEqual(told.failed, []);
  });

  it('up to which layer anybody sees a video is told: more at once, less after a second', async (t) => {
    const { enter, told } = await openScene(t, { workers: 1 });
    const [ada, bob] = [await enter('ada', true), await enter('bob', false)];
    const producer = await produce(ada, 'video', { layers: 3 });
    await until('nobody sees it', 5_000, () => told.wanted.length === 1);
    const { consumer } = await bob.consume(producer.id);
    await bob.setPreferredLayers(consumer.id, 1);
    assert.equal(told.wanted.length, 1, 'a consumer that is paused sees nothing');
    const layers = (): (number | null)[] => told.wanted.map(([, , layer]) => layer);
    await bob.resumeConsumer(consumer.id);
    assert.deepEqual(layers(), [null, 1]);
    await bob.setPreferredLayers(consumer.id, 2);
    assert.deepEqual(layers(), [null, 1, 2]);
    await bob.setPreferredLayers(consumer.id, 0);
    assert.equal(told.wanted.length, 3);
    await until('less is wanted', 5_000, () => told.wanted.length === 4);
    await bob.pauseConsumer(consumer.id);
    await until('nobody sees it again', 5_000, () => told.wanted.length === 5);
    assert.deepEqual(layers(), [null, 1, 2, 0, null]);
    assert.deepEqual(
      new Set(told.wanted.map(([name, id]) => `${name} ${id}`)),
      new Set([`ada ${producer.id}`]),
    );
  });

  it('everybody has an even share of what the meeting may send', async (t) => {
    const { enter } = await openScene(t, { workers: 1, limits: { egressBitrate: 40_000_000 } });
    const ada = await enter('ada', false);
    const { receive } = await ada.open(receiverCapabilities, false);
    const limit = async (): Promise<number | undefined> => (await receive.getStats())[0]?.maxOutgoingBitrate;
    assert.equal(await limit(), 40_000_000);
    const others = await Promise.all(['b', 'c', 'd'].map((name) => enter(name, false)));
    let set: number | undefined;
    for (let looks = 0; looks < 100 && set !== 10_000_000; looks++) set = await limit();
    assert.equal(set, 10_000_000);
    for (const media of others) media.close();
    for (let looks = 0; looks < 100 && set !== 40_000_000; looks++) set = await limit();
    assert.equal(set, 40_000_000);
  });
});
