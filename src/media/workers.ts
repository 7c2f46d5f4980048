// The mediasoup workers: one process per core, each with one WebRtcServer on a UDP and a TCP port of its own. A worker that dies is
// replaced; its routers tell their owners, who wait here for a worker if there is none. What each is loaded with is sampled once a second.

import { availableParallelism } from 'node:os';
import { createWorker } from 'mediasoup';
import type { Router, TransportListenInfo, WebRtcServer, Worker } from 'mediasoup/types';
import type { Logger } from 'pino';
import { LatchkeyError } from '../protocol/errors.ts';
import { routerCodecs } from './codecs.ts';
import { PacketSampler } from './packetSampler.ts';
import type { PacketCounts } from './packetSampler.ts';
import { isFull } from './placement.ts';
import type { PlacementLimits } from './placement.ts';
import { WorkerCensus } from './workerCensus.ts';
import type { Handshakes } from './workerCensus.ts';
import { WorkerUsage } from './workerUsage.ts';

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
  /** Percent of a core from which on a worker takes nobody more. */
  readonly workerLoad: number;
  /** Consumers from which on a worker takes nobody more. */
  readonly consumersPerWorker: number;
}

export interface WorkerLoad {
  readonly index: number;
  readonly pid: number;
  /** Share of a core over the last seconds, 0 to 1. */
  readonly cpuShare: number;
  /** Of this worker and those that stood in its place before: it never falls. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly routers: number;
  readonly transports: number;
  readonly producers: number;
  readonly consumers: number;
  /** Streams that it hands to other workers. */
  readonly pipes: number;
}

/** Between attempts to replace a dead worker. */
const retryMs = 1_000;
const sampleMs = 1_000;

interface MediaWorker {
  readonly index: number;
  readonly worker: Worker;
  readonly server: WebRtcServer;
  readonly census: WorkerCensus;
  readonly usage: WorkerUsage;
}

/**
 * Bytes of each UDP socket's queues; the system allows `net.core.rmem_max` and `wmem_max`. All participants of a worker share one
 * socket: with the system's usual 208 KiB a worker that was busy for 20 ms lost packets of whoever speaks. Smaller: bursts are lost.
 */
const socketBufferBytes = 4_194_304;
const buffers = { recvBufferSize: socketBufferBytes, sendBufferSize: socketBufferBytes };

const listenInfos = (settings: MediaSettings, index: number): TransportListenInfo[] =>
  (['udp', 'tcp'] as const).map((protocol) => ({
    protocol,
    ip: settings.listenIp,
    ...(protocol === 'udp' ? buffers : {}),
    ...(settings.announcedAddress === undefined ? {} : { announcedAddress: settings.announcedAddress }),
    ...(settings.portBase === 0 ? {} : { port: settings.portBase + index }),
  }));

const pipePorts = { lowest: 10_000, highest: 59_999 };

export class MediaWorkers {
  readonly limits: PlacementLimits;
  /** Where pipes between workers listen: never on a port that a worker which is started again will want. */
  readonly pipeListenInfo: TransportListenInfo;
  readonly handshakes: Readonly<Handshakes>;
  readonly #handshakes: Handshakes;
  readonly #packets = new PacketSampler();
  readonly #settings: MediaSettings;
  readonly #log: Logger;
  readonly #workers: MediaWorker[] = [];
  /** Worker's index → processor seconds of those that died in its place. */
  readonly #spent = new Map<number, number>();
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #waiting = new Set<() => void>();
  #sampling: NodeJS.Timeout | null = null;
  #closed = false;

  private constructor(settings: MediaSettings, count: number, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.limits = {
      workerShare: settings.workerLoad / 100,
      consumersPerWorker: settings.consumersPerWorker,
    };
    this.#handshakes = {
      dtlsConnected: 0,
      dtlsFailed: 0,
      dtlsAbandoned: 0,
      iceConnected: 0,
      iceDisconnected: 0,
    };
    this.handshakes = this.#handshakes;
    const { portBase } = settings;
    const above = portBase + count;
    const { lowest, highest } = pipePorts;
    this.pipeListenInfo = {
      protocol: 'udp',
      ip: '127.0.0.1',
      ...buffers,
      portRange:
        above < 40_000 ? { min: Math.max(lowest, above), max: highest } : { min: lowest, max: portBase - 1 },
    };
  }

  /** @throws whatever mediasoup says when a worker does not start or its port is taken. */
  static async start(settings: MediaSettings, log: Logger): Promise<MediaWorkers> {
    const count = settings.workers === 0 ? availableParallelism() : settings.workers;
    const workers = new MediaWorkers(settings, count, log);
    try {
      for (let index = 0; index < count; index++) workers.#workers.push(await workers.#startOne(index));
    } catch (cause) {
      workers.close();
      throw cause;
    }
    workers.#sampling = setInterval(() => void workers.#sample(), sampleMs).unref();
    return workers;
  }

  get alive(): number {
    return this.#alive.length;
  }

  get pids(): number[] {
    return this.#alive.map(({ worker }) => worker.pid);
  }

  /** Packets received and lost so far, as far as streams have had their turn. */
  get packets(): Readonly<PacketCounts> {
    return this.#packets.counts;
  }

  /** Of those that run. */
  loads(): WorkerLoad[] {
    return this.#alive.map(({ index, worker, census, usage }) => ({
      index,
      pid: worker.pid,
      cpuShare: usage.cpuShare,
      cpuSeconds: (this.#spent.get(index) ?? 0) + usage.cpuSeconds,
      rssBytes: usage.rssBytes,
      routers: census.routers,
      transports: census.transports,
      producers: census.producers,
      consumers: census.consumers,
      pipes: census.pipes,
    }));
  }

  /** No worker takes anybody more. */
  get full(): boolean {
    return this.loads().every((load) => isFull({ ...load, residents: null }, this.limits));
  }

  /** On the worker of this index. @throws LatchkeyError `worker_died` where it does not run. */
  async createRouter(index: number): Promise<{ router: Router; server: WebRtcServer }> {
    const at = this.#alive.find((one) => one.index === index);
    if (at === undefined) throw new LatchkeyError('worker_died', 'no such media worker is running');
    try {
      const router = await at.worker.createRouter({ mediaCodecs: routerCodecs });
      at.census.watch(router);
      return { router, server: at.server };
    } catch (cause) {
      throw new LatchkeyError('worker_died', undefined, { cause });
    }
  }

  /** Calls `then` each time that a worker was started in a dead one's place. The answer ends it. */
  onReplaced(then: () => void): () => void {
    this.#waiting.add(then);
    return () => void this.#waiting.delete(then);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#sampling !== null) clearInterval(this.#sampling);
    for (const retry of this.#retries) clearTimeout(retry);
    this.#waiting.clear();
    for (const { worker } of this.#workers) worker.close();
    this.#workers.length = 0;
  }

  /** A dead one tells its routers before it tells us. */
  get #alive(): readonly MediaWorker[] {
    return this.#workers.filter(({ worker }) => !worker.closed);
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
      const census = new WorkerCensus({
        handshakes: this.#handshakes,
        onProducer: (producer) => this.#packets.addProducer(producer),
        onConsumer: (consumer) => this.#packets.addConsumer(consumer),
      });
      return { index, worker, server, census, usage: new WorkerUsage(worker, () => performance.now()) };
    } catch (cause) {
      worker.close();
      throw cause;
    }
  }

  #replace(index: number, error: Error): void {
    if (this.#closed) return;
    this.#log.error({ event: 'worker.died', worker: index, err: error }, 'media worker died');
    const at = this.#workers.findIndex((one) => one.index === index);
    for (const { usage } of at === -1 ? [] : this.#workers.splice(at, 1))
      this.#spent.set(index, (this.#spent.get(index) ?? 0) + usage.cpuSeconds);
    void this.#startAgain(index);
  }

  async #startAgain(index: number): Promise<void> {
    try {
      const started = await this.#startOne(index);
      if (this.#closed) {
        started.worker.close();
        return;
      }
      this.#workers.push(started);
      for (const then of this.#waiting) then();
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

  async #sample(): Promise<void> {
    try {
      await Promise.all([...this.#alive.map(({ usage }) => usage.sample()), this.#packets.sample()]);
    } catch (cause) {
      if (!this.#closed)
        this.#log.warn({ event: 'worker.unsampled', err: cause }, 'the load of workers is not known');
    }
  }
}
