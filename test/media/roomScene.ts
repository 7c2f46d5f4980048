// A meeting's media without its meeting: a room over real workers, participants whose transports are connected only where a
// test wants packets, and all that the room tells.

import type { Consumer, Producer } from 'mediasoup/types';
import { pino } from 'pino';
import type { GoneConsumer } from '../../src/media/participantConsumers.ts';
import type { ParticipantMedia } from '../../src/media/participantMedia.ts';
import { describeTransport } from '../../src/media/participantTransports.ts';
import { MediaRoom, roomPatience } from '../../src/media/room.ts';
import type { RoomLimits, RoomPatience } from '../../src/media/room.ts';
import { TapLimit } from '../../src/media/tapLimit.ts';
import { MediaWorkers } from '../../src/media/workers.ts';
import { MediaPeer } from '../../src/load/mediaPeer.ts';
import type { Direction } from '../../src/load/mediaPeer.ts';
import { rtpPacket } from '../../src/load/rtpPackets.ts';
import { camera, receiverCapabilities, rtpParametersOf, speech } from '../../src/load/syntheticMedia.ts';
import { until } from '../participant/until.ts';
import { mediaSettings, roomLimits } from './mediaSettings.ts';

export interface Told {
  readonly lost: string[];
  readonly reopened: string[];
  readonly gone: Map<string, GoneConsumer[]>;
  readonly wanted: [string, string, number | null][];
  readonly speakers: string[][];
  died: boolean;
  readonly failed: unknown[];
}

export interface Scene {
  readonly workers: MediaWorkers;
  readonly room: MediaRoom;
  readonly told: Told;
  /** Joins, opens media and is started and released. */
  readonly enter: (name: string, mayProduce: boolean) => Promise<ParticipantMedia>;
}

let lastSsrc = 90_000;

export const openScene = async (
  t: { after(fn: () => void): void },
  {
    workers: count = 2,
    limits = {},
    consumersPerWorker = mediaSettings.consumersPerWorker,
    workerBin,
    patience = {},
  }: {
    workers?: number;
    limits?: Partial<RoomLimits>;
    consumersPerWorker?: number;
    workerBin?: string;
    patience?: Partial<RoomPatience>;
  } = {},
): Promise<Scene> => {
  const workers = await MediaWorkers.start(
    { ...mediaSettings, workers: count, consumersPerWorker, workerBin },
    pino({ level: 'silent' }),
  );
  t.after(() => workers.close());
  const told: Told = {
    lost: [],
    reopened: [],
    gone: new Map(),
    wanted: [],
    speakers: [],
    died: false,
    failed: [],
  };
  const room = await MediaRoom.open(
    workers,
    { ...roomLimits, ...limits },
    {
      onSpeakers: (participantIds) => void told.speakers.push(participantIds),
      onLost: (participantId) => void told.lost.push(participantId),
      onReopen: (participantId) => void told.reopened.push(participantId),
      onConsumersGone: (participantId, gone) => void told.gone.set(participantId, [...gone]),
      onWanted: (...wanted) => void told.wanted.push(wanted),
      onDied: () => void (told.died = true),
      onFailed: (cause) => void told.failed.push(cause),
      watch: {
        nowMs: () => performance.now(),
        tapLimit: new TapLimit(1),
        whois: () => null,
        liveEpochs: () => [],
        onViolation: () => undefined,
        onFailed: () => undefined,
      },
    },
    { ...roomPatience, ...patience },
  );
  t.after(() => room.close());
  const enter = async (name: string, mayProduce: boolean): Promise<ParticipantMedia> => {
    const media = room.addParticipant(name);
    await media.open(receiverCapabilities, mayProduce);
    await media.start();
    await media.release();
    return media;
  };
  return { workers, room, told, enter };
};

/** Microphone or camera. */
export const produce = async (
  media: ParticipantMedia,
  kind: 'audio' | 'video',
  { layers = 1, stream = kind === 'audio' ? 0 : 1, paused = false } = {},
): Promise<Producer> => {
  const { send } = await media.open(receiverCapabilities, true);
  const synthetic = kind === 'audio' ? speech : camera;
  const parameters = rtpParametersOf(synthetic, ++lastSsrc);
  const encodings = Array.from({ length: layers }, () => ({ ssrc: ++lastSsrc }));
  return await media.produce({
    transportId: send?.id ?? '',
    kind,
    source: synthetic.source,
    rtpParameters: { ...parameters, encodings },
    paused,
    stream,
  });
};

/** A consumer that its client is ready for. */
export const watch = async (media: ParticipantMedia, producer: Producer): Promise<Consumer> => {
  const { consumer } = await media.consume(producer.id);
  await media.resumeConsumer(consumer.id);
  return consumer;
};

/** Connects a participant's transport for real; counts what it receives. */
export const connect = async (
  t: { after(fn: () => void): void },
  media: ParticipantMedia,
  direction: Direction,
): Promise<{ peer: MediaPeer; packets: () => number }> => {
  let packets = 0;
  const peer = new MediaPeer(
    { name: `${media.participantId}-${direction}`, bindAddress: '127.0.0.1' },
    { onRtp: () => void packets++, onRtcp: () => undefined, onState: () => undefined },
  );
  t.after(() => peer.close());
  const transports = await media.open(receiverCapabilities, direction === 'send');
  const transport = direction === 'send' ? transports.send : transports.receive;
  if (transport === null) throw new Error('no transport');
  const described = describeTransport(transport);
  const fingerprints = await peer.answer(
    { ...described, iceParameters: { ...described.iceParameters }, signature: '' },
    direction,
  );
  await media.connect(transport.id, {
    role: 'client',
    fingerprints: fingerprints.map(({ value }) => ({ algorithm: 'sha-256' as const, value })),
  });
  await until(`${media.participantId} is connected`, 10_000, () => peer.open);
  return { peer, packets: () => packets };
};

/** Fifty packets a second of a microphone, from now on. */
export const speak = (t: { after(fn: () => void): void }, peer: MediaPeer, producer: Producer): void => {
  const { ssrc = 0 } = producer.rtpParameters.encodings?.[0] ?? {};
  let sequence = 0;
  const timer = setInterval(() => {
    const fields = { payloadType: speech.payloadType, sequence, timestamp: sequence * 960, ssrc };
    peer.send(rtpPacket(fields, new Uint8Array(80).fill(sequence++ & 0xff)));
  }, 20);
  t.after(() => clearInterval(timer));
};
