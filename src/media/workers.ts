// The mediasoup workers: one process per core, each with one WebRtcServer on a UDP and a TCP port of its own. A worker that
// dies is replaced; whoever used it is told by `onDied` and decides what becomes of the meeting.

import { availableParallelism } from 'node:os';
import { createWorker } from 'mediasoup';
import type { Router, TransportListenInfo, WebRtcServer, Worker } from 'mediasoup/types';
import type { Logger } from 'pino';
import { LatchkeyError } from '../protocol/errors.ts';
import { routerCodecs } from './codecs.ts';

export interface MediaSettings {
  /** 0: one per core. */
  readonly workers: number;
  readonly listenIp: string;
  /** What candidates name instead of `listenIp`, where the server stands behind a translated address. */
  readonly announcedAddress?: string | undefined;
  /** Worker n listens on `portBase + n`, UDP and TCP; 0: the system chooses. */
  readonly portBase: number;
  /** Path of the binary; unset: mediasoup's own choice (`MEDIASOUP_WORKER_BIN`). */
  readonly workerBin?: string | undefined;
}

/** Between attempts to replace a dead worker. */
const retryMs = 1_000;

export interface MediaWorker {
  readonly index: number;
  readonly worker: Worker;
  readonly server: WebRtcServer;
  /** Routers open on it: what placement counts. */
  routers: number;
}

const listenInfos = (settings: MediaSettings, index: number): TransportListenInfo[] =>
  (['udp', 'tcp'] as const).map((protocol) => ({
    protocol,
    ip: settings.listenIp,
    ...(settings.announcedAddress === undefined ? {} : { announcedAddress: settings.announcedAddress }),
    ...(settings.portBase === 0 ? {} : { port: settings.portBase + index }),
  }));

export class MediaWorkers {
  readonly #settings: MediaSettings;
  readonly #log: Logger;
  readonly #workers: MediaWorker[] = [];
  readonly #retries = new Set<NodeJS.Timeout>();
  #closed = false;

  private constructor(settings: MediaSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
  }

  /** @throws whatever mediasoup says when a worker does not start or its port is taken. */
  static async start(settings: MediaSettings, log: Logger): Promise<MediaWorkers> {
    const workers = new MediaWorkers(settings, log);
    const count = settings.workers === 0 ? availableParallelism() : settings.workers;
    try {
      for (let index = 0; index < count; index++) workers.#workers.push(await workers.#startOne(index));
    } catch (cause) {
      workers.close();
      throw cause;
    }
    return workers;
  }

  get alive(): number {
    return this.#workers.length;
  }

  get pids(): number[] {
    return this.#workers.map(({ worker }) => worker.pid);
  }

  /** A router on the worker that has the fewest. `died` tells that the worker, and so the router, is gone. */
  async createRouter(onDied: () => void): Promise<{ router: Router; server: WebRtcServer }> {
    const least = this.#workers.reduce<MediaWorker | undefined>(
      (best, one) => (best === undefined || one.routers < best.routers ? one : best),
      undefined,
    );
    if (least === undefined) throw new LatchkeyError('worker_died', 'no media worker is running');
    least.routers++;
    try {
      const router = await least.worker.createRouter({ mediaCodecs: routerCodecs });
      router.observer.once('close', () => least.routers--);
      router.once('workerclose', () => {
        if (!this.#closed) onDied();
      });
      return { router, server: least.server };
    } catch (cause) {
      least.routers--;
      throw new LatchkeyError('worker_died', undefined, { cause });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const retry of this.#retries) clearTimeout(retry);
    for (const { worker } of this.#workers) worker.close();
    this.#workers.length = 0;
  }

  async #startOne(index: number): Promise<MediaWorker> {
    const worker = await createWorker({
      logLevel: 'warn',
      ...(this.#settings.workerBin === undefined ? {} : { workerBin: this.#settings.workerBin }),
    });
    if (this.#closed) {
      worker.close();
      throw new LatchkeyError('closed');
    }
    worker.once('died', (error) => this.#replace(index, error));
    try {
      const server = await worker.createWebRtcServer({ listenInfos: listenInfos(this.#settings, index) });
      this.#log.info({ event: 'worker.started', worker: index, pid: worker.pid }, 'media worker started');
      return { index, worker, server, routers: 0 };
    } catch (cause) {
      worker.close();
      throw cause;
    }
  }

  #replace(index: number, error: Error): void {
    if (this.#closed) return;
    this.#log.error({ event: 'worker.died', worker: index, err: error }, 'media worker died');
    const at = this.#workers.findIndex((one) => one.index === index);
    if (at !== -1) this.#workers.splice(at, 1);
    void this.#startAgain(index);
  }

  async #startAgain(index: number): Promise<void> {
    try {
      const started = await this.#startOne(index);
      if (this.#closed) started.worker.close();
      else this.#workers.push(started);
    } catch (cause) {
      if (this.#closed) return;
      this.#log.error(
        { event: 'worker.unreplaced', worker: index, err: cause, retryMs },
        'media worker not replaced yet',
      );
      const retry = setTimeout(() => {
        this.#retries.delete(retry);
        void this.#startAgain(index);
      }, retryMs);
      this.#retries.add(retry);
    }
  }
}
