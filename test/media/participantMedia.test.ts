import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import type { Consumer, Producer } from 'mediasoup/types';
import { ParticipantMedia } from '../../src/media/participantMedia.ts';
import { MediaWorkers } from '../../src/media/workers.ts';
import { codeOf } from '../client/observe.ts';
import { camera, receiverCapabilities, rtpParametersOf } from '../participant/syntheticMedia.ts';

let workers: MediaWorkers;

before(async () => {
  workers = await MediaWorkers.start(
    { workers: 1, listenIp: '127.0.0.1', portBase: 0 },
    pino({ level: 'silent' }),
  );
});

after(() => workers.close());

/** Somebody's camera, and somebody else who consumes it and is started. */
const watched = async (): Promise<{ receiver: ParticipantMedia; consumer: Consumer; producer: Producer }> => {
  const { router, server } = await workers.createRouter(() => assert.fail('the worker died'));
  const limits = {
    maxIncomingBitrate: 1_000_000,
    initialOutgoingBitrate: 600_000,
    keyFrameRequestDelayMs: 1_000,
  };
  const producers = new Map<string, Producer>();
  const [sender, receiver] = ['ada', 'bob'].map(
    (participantId) =>
      new ParticipantMedia({
        participantId,
        limits,
        router,
        server,
        findProducer: (producerId) => producers.get(producerId),
        onProducer: (producer) => {
          producers.set(producer.id, producer);
          producer.observer.once('close', () => producers.delete(producer.id));
        },
        onClose: () => undefined,
      }),
  );
  assert.ok(sender && receiver);
  const { send } = await sender.open(receiverCapabilities, true);
  await receiver.open(receiverCapabilities, false);
  const producer = await sender.produce({
    transportId: send?.id ?? '',
    kind: 'video',
    source: 'camera',
    rtpParameters: rtpParametersOf(camera, 1),
    paused: false,
    stream: 0,
  });
  await receiver.start();
  const { consumer } = await receiver.consume(producer.id);
  return { receiver, consumer, producer };
};

describe('a consumer whose producer ends while the worker is asked', () => {
  it('is not found, which is nobody’s mistake', async () => {
    const { receiver, consumer, producer } = await watched();
    producer.close();
    assert.equal(await codeOf(receiver.resumeConsumer(consumer.id)), 'consumer_not_found');
  });

  it('is not found either for a key frame', async () => {
    const { receiver, consumer, producer } = await watched();
    await receiver.resumeConsumer(consumer.id);
    producer.close();
    assert.equal(await codeOf(receiver.requestKeyFrame(consumer.id)), 'consumer_not_found');
  });
});
