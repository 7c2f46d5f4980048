import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { MediaWorkers } from '../../src/media/workers.ts';

const settings = { workers: 2, listenIp: '127.0.0.1', portBase: 0 };
const silent = pino({ level: 'silent' });

const processLives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Resolves with the log's next line of this event. */
const logWith = () => {
  const waiting = new Map<string, () => void>();
  const log = pino(
    { level: 'info' },
    {
      write: (line: string) => {
        const { event } = JSON.parse(line) as { event: string };
        waiting.get(event)?.();
      },
    },
  );
  const next = (event: string) => new Promise<void>((resolve) => waiting.set(event, resolve));
  return { log, next };
};

describe('media workers', () => {
  it('as many processes as asked for, routers spread over them, none left after close', async () => {
    const workers = await MediaWorkers.start(settings, silent);
    const { pids } = workers;
    assert.equal(workers.alive, 2);
    assert.equal(new Set(pids).size, 2);
    const first = await workers.createRouter(() => assert.fail('nothing died'));
    const second = await workers.createRouter(() => assert.fail('nothing died'));
    assert.notEqual(first.server, second.server);
    const ended = Promise.all([first.router, second.router].map((router) => once(router, 'workerclose')));
    workers.close();
    workers.close();
    await ended;
    assert.equal(workers.alive, 0);
  });

  it('a router that closes makes room on its worker', async () => {
    const workers = await MediaWorkers.start(settings, silent);
    try {
      const first = await workers.createRouter(() => undefined);
      const second = await workers.createRouter(() => undefined);
      first.router.close();
      const third = await workers.createRouter(() => undefined);
      assert.equal(third.server, first.server);
      assert.notEqual(third.server, second.server);
    } finally {
      workers.close();
    }
  });

  it('a worker that is killed is replaced, and whoever used it is told', async () => {
    const { log, next } = logWith();
    const workers = await MediaWorkers.start({ ...settings, workers: 1 }, log);
    try {
      const [pid] = workers.pids;
      assert.ok(pid !== undefined);
      const died = new Promise<void>(
        (resolve) => void workers.createRouter(resolve).then(() => process.kill(pid, 'SIGKILL')),
      );
      const started = next('worker.started');
      await died;
      await started;
      // `worker.started` is logged just before the worker is taken into service.
      await new Promise(setImmediate);
      assert.equal(workers.alive, 1);
      assert.notEqual(workers.pids[0], pid);
      assert.equal(processLives(pid), false);
      const { router } = await workers.createRouter(() => undefined);
      assert.equal(router.closed, false);
    } finally {
      workers.close();
    }
  });

  it('a port that is taken fails the start, and no process stays', async () => {
    const first = await MediaWorkers.start({ ...settings, workers: 1 }, silent);
    try {
      const { server } = await first.createRouter(() => undefined);
      const dump = await server.dump();
      const port = dump.udpSockets[0]?.port;
      assert.ok(port !== undefined);
      await assert.rejects(MediaWorkers.start({ ...settings, workers: 1, portBase: port }, silent));
    } finally {
      first.close();
    }
  });
});
