// What Latchkey is measured beside: mediasoup and the least signalling that media need, JSON over WebSockets. Nobody is asked who they
// are, nobody is told of anybody, nothing is checked, and nothing here is Latchkey's. Workers, transports and codecs are as ours are.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createWorker } from 'mediasoup';
import type {
  Consumer,
  DtlsParameters,
  MediaKind,
  Producer,
  Router,
  RouterRtpCodecCapability,
  RtpCapabilities,
  RtpParameters,
  WebRtcServer,
  WebRtcTransport,
  Worker,
} from 'mediasoup/types';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { answerBy } from './childProcess.ts';
import { watched } from './mediaWatch.ts';

const host = '127.0.0.1';
const initialAvailableOutgoingBitrate = 600_000;
const keyFrameRequestDelay = 1_000;

const mediaCodecs: RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48_000,
    channels: 2,
    parameters: { useinbandfec: 1, usedtx: 1 },
  },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
];

interface Desk {
  readonly worker: Worker;
  readonly server: WebRtcServer;
}

/** Of the meeting that there is, on one worker. */
interface Hall {
  readonly router: Router;
  readonly server: WebRtcServer;
  /** Transports on it: what placement counts. */
  transports: number;
}

const desks: Desk[] = [];
let halls: Hall[] = [];
const producers = new Map<string, { readonly producer: Producer; readonly at: Hall }>();
/** By producer and hall: where it is heard already, or soon. */
const piped = new Map<string, Promise<unknown>>();
const sockets = new WebSocketServer({ host, port: 0, perMessageDeflate: false });

const startDesk = async (): Promise<Desk> => {
  const worker = await createWorker({ logLevel: 'warn' });
  const listenInfos = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, ip: host }));
  return { worker, server: await worker.createWebRtcServer({ listenInfos }) };
};

const openHall = async ({ worker, server }: Desk): Promise<Hall> => ({
  router: await worker.createRouter({ mediaCodecs }),
  server,
  transports: 0,
});

/** The one with the fewest transports. */
const emptiestHall = (): Hall => {
  const [first, ...others] = halls;
  if (first === undefined) throw new Error('there is no meeting');
  return others.reduce((least, one) => (one.transports < least.transports ? one : least), first);
};

const pipeTo = async (producerId: string, to: Hall): Promise<void> => {
  const at = producers.get(producerId)?.at;
  if (at === undefined) throw new Error('no such producer');
  if (at === to) return;
  const name = `${producerId} ${to.router.id}`;
  const piping = piped.get(name) ?? at.router.pipeToRouter({ producerId, router: to.router });
  piped.set(name, piping);
  await piping;
};

const described = ({ id, iceParameters, iceCandidates, dtlsParameters }: WebRtcTransport) => ({
  id,
  iceParameters,
  iceCandidates,
  dtlsParameters,
});

interface ProduceAsk {
  readonly transportId: string;
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
}

class Participant {
  readonly #hall = emptiestHall();
  readonly #transports = new Map<string, WebRtcTransport>();
  readonly #consumers = new Map<string, Consumer>();
  #receive: WebRtcTransport | null = null;
  #rtpCapabilities: RtpCapabilities = {};

  /** Method → what is done and answered. */
  readonly requests: Readonly<Record<string, (data: never) => unknown>> = {
    join: () => ({
      routerRtpCapabilities: this.#hall.router.rtpCapabilities,
      producers: Array.from(producers.values(), ({ producer }) => ({
        producerId: producer.id,
        kind: producer.kind,
      })),
    }),
    openMedia: async (ask: { rtpCapabilities: RtpCapabilities; sends: boolean }) => {
      this.#rtpCapabilities = ask.rtpCapabilities;
      const send = ask.sends ? await this.#createTransport() : null;
      this.#receive = await this.#createTransport();
      return { send: send === null ? null : described(send), receive: described(this.#receive) };
    },
    connectTransport: async (ask: { transportId: string; dtlsParameters: DtlsParameters }) => {
      await this.#transport(ask.transportId).connect({ dtlsParameters: ask.dtlsParameters });
      return {};
    },
    produce: async ({ transportId, kind, rtpParameters }: ProduceAsk) => {
      const producing = this.#transport(transportId).produce({ kind, rtpParameters, keyFrameRequestDelay });
      const producer = await producing;
      producers.set(producer.id, { producer, at: this.#hall });
      producer.observer.once('close', () => producers.delete(producer.id));
      return { producerId: producer.id };
    },
    consume: async ({ producerId }: { producerId: string }) => {
      if (this.#receive === null) throw new Error('open media first');
      await pipeTo(producerId, this.#hall);
      const rtpCapabilities = this.#rtpCapabilities;
      const consumer = await this.#receive.consume({ producerId, rtpCapabilities, paused: true });
      this.#consumers.set(consumer.id, consumer);
      consumer.observer.once('close', () => this.#consumers.delete(consumer.id));
      return { consumerId: consumer.id, kind: consumer.kind, rtpParameters: consumer.rtpParameters };
    },
    resumeConsumer: async ({ consumerId }: { consumerId: string }) => {
      await this.#consumers.get(consumerId)?.resume();
      return {};
    },
  };

  close(): void {
    this.#hall.transports -= this.#transports.size;
    for (const transport of this.#transports.values()) transport.close();
    this.#transports.clear();
  }

  #transport(id: string): WebRtcTransport {
    const transport = this.#transports.get(id);
    if (transport === undefined) throw new Error('no such transport');
    return transport;
  }

  async #createTransport(): Promise<WebRtcTransport> {
    this.#hall.transports++;
    const transport = await this.#hall.router.createWebRtcTransport({
      webRtcServer: this.#hall.server,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      initialAvailableOutgoingBitrate,
    });
    this.#transports.set(transport.id, transport);
    return transport;
  }
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly data: unknown;
}

const answered = async (participant: Participant, { id, method, data }: Request): Promise<object> => {
  try {
    const handle = participant.requests[method] as ((data: unknown) => unknown) | undefined;
    if (handle === undefined) throw new Error(`there is no request ${method}`);
    return { id, ok: true, data: await handle(data) };
  } catch (thrown) {
    return { id, ok: false, error: String(thrown) };
  }
};

const serve = (socket: WebSocket): void => {
  const participant = new Participant();
  socket.on('message', (text) => {
    const request = JSON.parse((text as Buffer).toString()) as Request;
    void answered(participant, request).then((answer) => socket.send(JSON.stringify(answer)));
  });
  socket.on('close', () => participant.close());
};

sockets.on('connection', serve);

answerBy(
  {
    ...watched,
    /** Answered with the processes of the workers. */
    start: async ({ workers }: { workers: number }): Promise<{ port: number; workerPids: number[] }> => {
      if (sockets.address() === null) await once(sockets, 'listening');
      for (let left = workers; left > 0; left--) desks.push(await startDesk());
      const { port } = sockets.address() as AddressInfo;
      return { port, workerPids: desks.map(({ worker }) => worker.pid) };
    },
    /** A new meeting in the place of the one before, whose participants are out. */
    meet: async (): Promise<void> => {
      for (const socket of sockets.clients) socket.terminate();
      for (const { router } of halls) router.close();
      piped.clear();
      halls = await Promise.all(desks.map((desk) => openHall(desk)));
    },
  },
  () => {
    for (const { worker } of desks) worker.close();
    process.exit(0);
  },
);
