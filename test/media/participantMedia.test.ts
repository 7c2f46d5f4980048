import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Consumer, Producer } from 'mediasoup/types';
import type { ParticipantMedia } from '../../src/media/participantMedia.ts';
import { codeOf } from '../client/observe.ts';
import { receiverCapabilities } from '../../src/load/syntheticMedia.ts';
import { until } from '../participant/until.ts';
import { openScene, produce, watch } from './roomScene.ts';

/** Somebody's camera, and somebody else who consumes it and is started. */
const watched = async (t: {
  after(fn: () => void): void;
}): Promise<{
  sender: ParticipantMedia;
  receiver: ParticipantMedia;
  consumer: Consumer;
  producer: Producer;
}> => {
  const { enter } = await openScene(t, { workers: 1 });
  const [sender, receiver] = [await enter('ada', true), await enter('bob', false)];
  const producer = await produce(sender, 'video');
  const { consumer } = await receiver.consume(producer.id);
  return { sender, receiver, consumer, producer };
};

describe('a consumer whose producer ends while the worker is asked', () => {
  it('is not found, which is nobody’s mistake', async (t) => {
    const { receiver, consumer, producer } = await watched(t);
    producer.close();
    assert.equal(await codeOf(receiver.resumeConsumer(consumer.id)), 'consumer_not_found');
  });

  it('is not found either for a key frame', async (t) => {
    const { receiver, consumer, producer } = await watched(t);
    await receiver.resumeConsumer(consumer.id);
    producer.close();
    assert.equal(await codeOf(receiver.requestKeyFrame(consumer.id)), 'consumer_not_found');
  });
});

describe('a participant’s media', () => {
  it('a consumer flows once it is started and its client wants it, and no longer than that', async (t) => {
    const { room, enter } = await openScene(t, { workers: 1 });
    const producer = await produce(await enter('ada', true), 'audio');
    const bob = room.addParticipant('bob');
    await bob.open(receiverCapabilities, false);
    const consumer = await watch(bob, producer);
    assert.equal(consumer.paused, true, 'not started');
    await bob.start();
    assert.equal(consumer.paused, false);
    await bob.pauseConsumer(consumer.id);
    assert.equal(consumer.paused, true);
    await bob.resumeConsumer(consumer.id);
    assert.equal(consumer.paused, false);
  });

  it('consumes a producer once, however often it is asked at a time', async (t) => {
    const { receiver, producer, consumer } = await watched(t);
    const asked = [1, 2].map(() => codeOf(receiver.consume(producer.id)));
    assert.deepEqual(await Promise.all(asked), ['malformed', 'malformed']);
    receiver.closeConsumer(consumer.id);
    assert.notEqual((await receiver.consume(producer.id)).consumer.id, consumer.id);
  });

  it('who is raised to the stage gets what is missing, who is lowered keeps what it receives', async (t) => {
    const { sender, receiver, consumer } = await watched(t);
    const before = await receiver.open(receiverCapabilities, false);
    assert.equal(before.send, null);
    const raised = await receiver.open(receiverCapabilities, true);
    assert.ok(raised.send !== null);
    assert.equal(raised.receive, before.receive);
    assert.deepEqual(
      await receiver.open(receiverCapabilities, true),
      raised,
      'asked again it answers the same',
    );
    const own = await produce(receiver, 'audio');
    const heard = await watch(sender, own);
    receiver.closeSend();
    receiver.closeSend();
    assert.equal(own.closed, true);
    assert.deepEqual(receiver.producers, []);
    await until('its listeners lose it', 2_000, () => heard.closed);
    assert.equal(consumer.closed, false);
    assert.equal(raised.receive.closed, false);
    const again = await produce(receiver, 'audio');
    assert.equal(again.closed, false, 'and may be raised again, with the same stream');
  });

  it('a changed network gets new ICE parameters of either transport, of no other', async (t) => {
    const { sender } = await watched(t);
    const { send, receive } = await sender.open(receiverCapabilities, true);
    for (const transport of [send, receive]) {
      const before = transport?.iceParameters.usernameFragment;
      const after = await sender.restartIce(transport?.id ?? '');
      assert.notEqual(after.usernameFragment, before);
    }
    assert.equal(await codeOf(sender.restartIce('another')), 'transport_not_found');
  });
});
