import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { MediaWorkers } from '../../src/media/workers.ts';
import { codeOf } from '../client/observe.ts';
import { receiverCapabilities, rtpParametersOf, speech } from '../../src/load/syntheticMedia.ts';
import { until } from '../participant/until.ts';
import { mediaSettings } from './mediaSettings.ts';

const settings = { ...mediaSettings, workers: 2 };
const silent = pino({ level: 'silent' });

const processLives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('media workers', () => {
  it('as many processes as asked for, a router where it is asked for, none left after close', async () => {
    const workers = await MediaWorkers.start(settings, silent);
    const { pids } = workers;
    assert.equal(workers.alive, 2);
    assert.equal(new Set(pids).size, 2);
    const first = await workers.createRouter(0);
    const second = await workers.createRouter(1);
    assert.notEqual(first.server, second.server);
    const ended = Promise.all([first.router, second.router].map((router) => once(router, 'workerclose')));
    workers.close();
    workers.close();
    await ended;
    assert.equal(workers.alive, 0);
  });

  it('what is on a worker is counted as it comes and goes, and taps are not', async () => {
    const workers = await MediaWorkers.start(settings, silent);
    try {
      const { router, server } = await workers.createRouter(1);
      const transport = await router.createWebRtcTransport({ webRtcServer: server });
      await transport.produce({ kind: 'audio', rtpParameters: rtpParametersOf(speech, 1) });
      await router.createDirectTransport();
      const counted = () =>
        workers
          .loads()
          .map(({ index, routers, transports, producers }) => [index, routers, transports, producers]);
      assert.deepEqual(counted(), [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ]);
      transport.close();
      assert.deepEqual(counted().at(1), [1, 1, 0, 0]);
      router.close();
      assert.deepEqual(counted().at(1), [1, 0, 0, 0]);
    } finally {
      workers.close();
    }
  });

  it('a worker tells its processor time and memory; one whose consumers reach the limit is full', async () => {
    const workers = await MediaWorkers.start({ ...settings, consumersPerWorker: 1 }, silent);
    try {
      await until('both are sampled', 5_000, () =>
        workers.loads().every(({ rssBytes, cpuSeconds }) => rssBytes > 1_000_000 && cpuSeconds > 0),
      );
      assert.equal(workers.full, false);
      for (const index of [0, 1]) {
        const { router, server } = await workers.createRouter(index);
        const transport = await router.createWebRtcTransport({ webRtcServer: server });
        const { id } = await transport.produce({ kind: 'audio', rtpParameters: rtpParametersOf(speech, 1) });
        await transport.consume({ producerId: id, rtpCapabilities: receiverCapabilities });
        assert.equal(workers.full, index === 1);
      }
    } finally {
      workers.close();
    }
  });

  it('a worker that is killed is replaced, and its processor time stays counted', async () => {
    const workers = await MediaWorkers.start({ ...settings, workers: 1 }, silent);
    try {
      const [pid] = workers.pids;
      assert.ok(pid !== undefined);
      await until('it is sampled', 5_000, () => (workers.loads()[0]?.cpuSeconds ?? 0) > 0);
      const spent = workers.loads()[0]?.cpuSeconds ?? 0;
      const { router } = await workers.createRouter(0);
      const replaced = new Promise<void>((resolve) => void workers.onReplaced(resolve));
      const ended = once(router, 'workerclose').then(async () => {
        assert.equal(workers.alive, 0, 'who is told asks for no router of a dead worker');
        assert.equal(await codeOf(workers.createRouter(0)), 'worker_died');
      });
      process.kill(pid, 'SIGKILL');
      await ended;
      await replaced;
      assert.equal(workers.alive, 1);
      assert.notEqual(workers.pids[0], pid);
      assert.equal(processLives(pid), false);
      assert.ok((workers.loads()[0]?.cpuSeconds ?? 0) >= spent);
      assert.equal((await workers.createRouter(0)).router.closed, false);
    } finally {
      workers.close();
    }
  });

  it('a port that is taken fails the start, and no process stays', async () => {
    const first = await MediaWorkers.start({ ...settings, workers: 1 }, silent);
    try {
      const { server } = await first.createRouter(0);
      const dump = await server.dump();
      const port = dump.udpSockets[0]?.port;
      assert.ok(port !== undefined);
      await assert.rejects(MediaWorkers.start({ ...settings, workers: 1, portBase: port }, silent));
    } finally {
      first.close();
    }
  });
});
