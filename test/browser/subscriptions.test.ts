// What is received, over transports that come and go: a real session, and stand-ins for mediasoup-client's transports.

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, it } from 'node:test';
import type { SFrameThread } from '../../src/client/browser/sframeThread.ts';
import { Slot } from '../../src/client/browser/slot.ts';
import { Subscriptions } from '../../src/client/browser/subscriptions.ts';
import type { MediaPath } from '../../src/client/browser/transport.ts';
import { mostVoices } from '../../src/client/browser/voices.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import type { Answer, Ask, Method, Producer } from '../../src/protocol/signaling.ts';
import { delta } from '../client/meetingServer.ts';
import { until } from '../client/observe.ts';
import { microphone, Scene } from '../client/scene.ts';

interface ConsumeOptions {
  readonly id: string;
  readonly onRtpReceiver: (receiver: object) => void;
}

class FakePath {
  readonly transport = this;
  readonly consumers = new Set<string>();
  closed = false;

  async consume({ id, onRtpReceiver }: ConsumeOptions): Promise<object> {
    await turn();
    if (this.closed) throw new Error('closed');
    onRtpReceiver({});
    this.consumers.add(id);
    return { id, track: {}, close: () => void this.consumers.delete(id) };
  }
}

const scene = new Scene();
afterEach(() => scene.close());

/** Ann, over a transport, in a meeting with Ben. */
const make = async (consumed: (answer: Answer<'consume'>) => void = () => undefined) => {
  const to = await scene.start({
    automatic: false,
    intercept: (member, method, ask) => {
      if (method !== 'consume') return undefined;
      const { producerId } = ask as Ask<'consume'>;
      const producer = to.producers.find((one) => one.producerId === producerId);
      assert.ok(producer !== undefined);
      const { kind, lease, stream } = producer;
      const consumerId = `consumer ${++serial}`;
      member.consumers.add(consumerId);
      const mimeType = kind === 'audio' ? 'audio/opus' : 'video/VP8';
      const rtpParameters = { codecs: [{ mimeType }] };
      const answer = { consumerId, producerId, kind, rtpParameters, lease, stream, producerPaused: false };
      consumed(answer);
      return answer;
    },
  });
  let serial = 0;
  const [{ session }, ben] = await scene.pair();
  const of = { participantId: ben.session.self.participantId, lease: ben.session.lease };
  const slot = new Slot<MediaPath>();
  const told: string[] = [];
  const attached = { count: 0 };
  const thread = {
    open: () => {
      attached.count++;
      return { detach: () => void attached.count-- };
    },
  };
  const subscriptions = new Subscriptions(session, thread as unknown as SFrameThread, slot, {
    onTrack: ({ source }) => told.push(`track ${source}`),
    onTrackEnded: ({ source }) => told.push(`ended ${source}`),
    onPathGone: () => told.push('gone'),
    onFailed: ({ code }) => told.push(code),
  });
  const open = (): FakePath => {
    const path = new FakePath();
    slot.set(path as unknown as MediaPath);
    return path;
  };
  const lose = (path: FakePath): void => {
    slot.clear();
    subscriptions.lost();
    path.closed = true;
  };
  const member = to.member('Ann');
  const asked = <M extends Method>(method: M): Ask<M>[] =>
    member.received.filter(({ name }) => name === method).map(({ data }) => data as Ask<M>);
  const camera: Producer = { ...microphone(of, 'camera'), kind: 'video', source: 'camera', stream: 1 };
  return {
    to,
    member,
    session,
    slot,
    subscriptions,
    told,
    attached,
    open,
    lose,
    asked,
    of,
    camera,
    path: open(),
  };
};

describe('what is received', () => {
  it('is everything, once there is a transport, and anew when that is lost', async () => {
    const { to, path, told, attached, open, lose, of, camera, subscriptions } = await make();
    to.announce(microphone(of));
    to.announce(camera);
    await until(() => told.length === 2);
    assert.deepEqual(told.splice(0).toSorted(), ['track camera', 'track microphone']);
    lose(path);
    assert.deepEqual(told.splice(0).toSorted(), ['ended camera', 'ended microphone']);
    assert.deepEqual([subscriptions.tracks, attached.count, path.consumers.size], [[], 0, 0]);
    const second = open();
    lose(second);
    const third = open();
    await until(() => told.length === 2);
    assert.deepEqual([second.consumers.size, third.consumers.size, attached.count], [0, 2, 2]);
    assert.equal(subscriptions.tracks.length, 2);
  });

  it('is made anew where only its consumer was lost, with a worker or during an absence', async () => {
    const { to, member, path, told, asked, camera } = await make();
    to.announce(camera);
    await until(() => told.length === 1);
    const [consumerId = ''] = path.consumers;
    member.notice('consumersLost', { consumers: [{ consumerId, producerId: 'camera' }] });
    await until(() => told.length === 3);
    assert.deepEqual(told, ['track camera', 'ended camera', 'track camera']);
    assert.equal(path.consumers.size, 1);
    assert.equal(asked('consume').length, 2);
    member.consumers.clear();
    await member.cut();
    await until(() => told.length === 5);
    assert.deepEqual(told.slice(3), ['ended camera', 'track camera']);
  });

  it('is what is looked at, as large as it is, and nothing else', async () => {
    const { to, told, asked, of, camera, subscriptions } = await make();
    const screen: Producer = { ...camera, producerId: 'screen', source: 'screen', stream: 2 };
    for (const one of [camera, screen]) to.announce(one);
    await until(() => told.length === 2);
    const view = (height: number) => ({ participantId: of.participantId, source: 'camera', height }) as const;
    subscriptions.view([view(150)]);
    await until(() => asked('setPreferredLayers').length === 1 && asked('pauseConsumer').length === 1);
    assert.equal(asked('setPreferredLayers')[0]?.spatialLayer, 0);
    for (const height of [300, 200, 500, 900]) subscriptions.view([view(height)]);
    subscriptions.view([view(800), { ...view(800), source: 'screen' }]);
    await until(() => asked('setPreferredLayers').length === 2);
    assert.equal(asked('setPreferredLayers')[1]?.spatialLayer, 2, 'what lies between two looks is skipped');
    await until(() => asked('resumeConsumer').length === 3);
    assert.equal(asked('consume').length, 2, 'the screen was only paused');
    assert.deepEqual(told.toSorted(), ['track camera', 'track screen']);
  });

  it('is looked at also where the transport comes later', async () => {
    const { to, told, asked, of, camera, subscriptions, path, lose, open } = await make();
    to.announce(camera);
    await until(() => told.length === 1);
    lose(path);
    subscriptions.view([{ participantId: of.participantId, source: 'camera', height: 100 }]);
    to.announce({ ...camera, producerId: 'screen', source: 'screen', stream: 2 });
    open();
    await until(() => told.length === 3);
    assert.deepEqual(
      asked('setPreferredLayers').map(({ spatialLayer }) => spatialLayer),
      [0],
    );
    assert.equal(
      asked('consume').some(({ producerId }) => producerId === 'screen'),
      false,
    );
  });

  it('is the voices of those who are loud, where there are many', async () => {
    const { to, member, told, attached } = await make();
    const voice = (at: number): Producer =>
      microphone({ participantId: `p ${at}`, lease: 100 + at }, `mic ${at}`);
    to.producers.push(...Array.from({ length: mostVoices + 5 }, (_, at) => voice(at)));
    member.notice('roster', delta({ producers: to.producers }));
    await until(() => told.length === mostVoices);
    const last = `p ${mostVoices + 4}`;
    member.notice('speakers', { participantIds: [last] });
    await until(() => told.length === mostVoices + 2);
    assert.deepEqual(told.slice(mostVoices).toSorted(), ['ended microphone', 'track microphone']);
    await until(() => attached.count === mostVoices);
    member.notice('roster', delta({ removed: [{ producerId: `mic ${mostVoices + 4}` }] }));
    await until(() => told.length === mostVoices + 4);
    assert.equal(attached.count, mostVoices);
  });

  it('is what was announced: another stream is not attached', async () => {
    const { to, told, attached, camera, asked } = await make((answer) => (answer.stream = 9));
    to.announce(camera);
    await until(() => told.length === 1);
    assert.deepEqual([told, attached.count], [['malformed'], 0]);
    await until(() => asked('closeConsumer').length === 1);
  });

  it('is let go of when it is closed, whatever is on its way', async () => {
    const { to, told, attached, path, slot, of, camera, subscriptions, asked } = await make();
    to.announce(microphone(of));
    await until(() => told.length === 1);
    to.announce(camera);
    await until(() => asked('consume').length === 2);
    subscriptions.close();
    subscriptions.close();
    slot.close(new LatchkeyError('closed'));
    subscriptions.view([]);
    for (let turns = 0; turns < 50; turns++) await turn();
    assert.deepEqual([told, attached.count], [['track microphone', 'ended microphone'], 0]);
    assert.equal(path.consumers.size, 0);
  });
});
