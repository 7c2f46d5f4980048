// What is published, over transports that come and go: a real session, and stand-ins for mediasoup-client's transports, which a test takes
// away when it likes.

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, it } from 'node:test';
import type { Publication } from '../../src/client/browser/api.ts';
import { Publications } from '../../src/client/browser/publications.ts';
import type { SFrameThread } from '../../src/client/browser/sframeThread.ts';
import { Slot } from '../../src/client/browser/slot.ts';
import type { MediaPath } from '../../src/client/browser/transport.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import type { Ask, Method } from '../../src/protocol/signaling.ts';
import { delta, Refused } from '../client/meetingServer.ts';
import type { Member } from '../client/meetingServer.ts';
import { codeOf, until } from '../client/observe.ts';
import { Scene } from '../client/scene.ts';

interface ProduceOptions {
  readonly track: MediaStreamTrack;
  readonly encodings?: readonly object[];
  readonly onRtpSender: (sender: RTCRtpSender) => void;
  readonly appData: object;
}

type ProduceListener = (
  event: { kind: string; rtpParameters: object; appData: object },
  done: (answer: { id: string }) => void,
  failed: (error: Error) => void,
) => void;

/** An RTCRtpSender, which says whether it ever held a track without being sealed. */
class FakeSender {
  track: MediaStreamTrack | null;
  sealed = false;
  encodings: { active?: boolean }[];
  constructor(track: MediaStreamTrack, encodings: number) {
    this.track = track;
    this.encodings = Array.from({ length: encodings }, () => ({}));
  }
  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    assert.ok(this.sealed, 'a track was given to a sender that does not seal');
    this.track = track;
  }
  getParameters(): { encodings: { active?: boolean }[] } {
    return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }
  async setParameters({ encodings }: { encodings: { active?: boolean }[] }): Promise<void> {
    await turn();
    this.encodings = encodings;
  }
}

class FakePath {
  readonly id: string;
  readonly senders: FakeSender[] = [];
  readonly transport = this;
  closed = false;
  #listener: ProduceListener | null = null;

  constructor(id: string) {
    this.id = id;
  }

  on(_event: 'produce', listener: ProduceListener): void {
    assert.equal(this.#listener, null, 'listened to once');
    this.#listener = listener;
  }

  /** As mediasoup-client: the sender, then the server's word, and nothing of it once it is closed. */
  async produce({ track, encodings, onRtpSender, appData }: ProduceOptions): Promise<object> {
    if (this.closed) throw new Error('closed');
    if (track.readyState === 'ended') throw new Error('track ended');
    const rtpSender = new FakeSender(track, encodings?.length ?? 1);
    onRtpSender(rtpSender as unknown as RTCRtpSender);
    assert.ok(rtpSender.sealed, 'sealed in the same breath');
    this.senders.push(rtpSender);
    const { id } = await new Promise<{ id: string }>((resolve, reject) =>
      this.#listener?.({ kind: track.kind, rtpParameters: {}, appData }, resolve, reject),
    );
    if (this.closed) throw new Error('closed');
    return {
      id,
      rtpSender,
      close: () => void this.senders.splice(this.senders.indexOf(rtpSender), 1),
    };
  }

  close(): void {
    this.closed = true;
  }
}

const trackOf = (kind: 'audio' | 'video'): MediaStreamTrack =>
  ({ kind, readyState: 'live', getSettings: () => ({}) }) as unknown as MediaStreamTrack;

const scene = new Scene();
afterEach(() => scene.close());

type Intercept = (member: Member, method: string, ask: unknown) => unknown;

/** Ann, who may send, over a transport called `first`. */
const make = async (intercept: Intercept = () => undefined) => {
  const to = await scene.start({ intercept });
  const [{ session }] = await scene.pair();
  const slot = new Slot<MediaPath>();
  const told: string[] = [];
  const paths: FakePath[] = [];
  /** Streams that are attached now. */
  const attached: number[] = [];
  const thread = {
    seal: (sender: FakeSender, stream: number) => {
      sender.sealed = true;
      attached.push(stream);
      return { detach: () => void attached.splice(attached.indexOf(stream), 1) };
    },
  };
  const tell = (what: string) => (publication: Publication) => told.push(`${what} ${publication.source}`);
  const publications = new Publications(session, thread as unknown as SFrameThread, slot, {
    onPublicationEnded: tell('ended'),
    onMutedByHost: tell('muted'),
    onPathGone: (path) => {
      told.push(`gone ${path.id}`);
      lose();
    },
    onFailed: ({ code }) => told.push(code),
  });
  const open = (id: string): FakePath => {
    const path = new FakePath(id);
    paths.push(path);
    slot.set(path as unknown as MediaPath);
    return path;
  };
  const lose = (): void => {
    slot.clear();
    publications.lost();
    paths.at(-1)?.close();
  };
  const member = to.member('Ann');
  const asks = <M extends Method>(method: M): Ask<M>[] =>
    member.received.filter(({ name }) => name === method).map(({ data }) => data as Ask<M>);
  return { session, slot, publications, told, attached, open, lose, member, asks, first: open('first') };
};

describe('what is published', () => {
  it('is sealed before it can be sent, and produced again on the next transport under its stream', async () => {
    const { publications, open, lose, asks, first, attached, told } = await make();
    const camera = await publications.publish(trackOf('video'));
    const microphone = await publications.publish(trackOf('audio'), { muted: true });
    assert.deepEqual([first.senders.length, first.senders[1]?.track], [2, null]);
    const before = new Set([camera.producerId, microphone.producerId]);
    lose();
    const second = open('second');
    await until(() => !before.has(camera.producerId) && !before.has(microphone.producerId));
    assert.deepEqual(
      asks('produce').map(({ transportId, source, stream, paused }) => [transportId, source, stream, paused]),
      [
        ['first', 'camera', 0, false],
        ['first', 'microphone', 1, true],
        ['second', 'camera', 0, false],
        ['second', 'microphone', 1, true],
      ],
    );
    assert.deepEqual(publications.all, [camera, microphone]);
    await until(() => attached.length === 2);
    assert.deepEqual(
      second.senders.map(({ track }) => track),
      [camera.track, null],
    );
    assert.deepEqual(first.senders, []);
    assert.deepEqual(told, []);
  });

  it('goes on where its transport is lost again and again, once and not several times', async () => {
    const { publications, open, lose, attached } = await make();
    const camera = await publications.publish(trackOf('video'));
    for (let times = 0; times < 3; times++) lose();
    open('second');
    lose();
    open('third');
    for (let turns = 0; turns < 3; turns++) await turn();
    lose();
    const last = open('last');
    await until(() => last.senders.length === 1);
    await until(() => attached.length === 1);
    for (let turns = 0; turns < 50; turns++) await turn();
    assert.equal(last.senders.length, 1);
    assert.equal(attached.length, 1);
    assert.deepEqual(publications.all, [camera]);
  });

  it('is published on the next transport where the first was lost while it was asked for', async () => {
    let held = false;
    const { publications, open, lose, told } = await make((_, method) => {
      if (method !== 'produce' || held) return undefined;
      held = true;
      queueMicrotask(lose);
      queueMicrotask(() => open('second'));
      return undefined;
    });
    const camera = await publications.publish(trackOf('video'));
    assert.equal(camera.active, true);
    assert.deepEqual(publications.all, [camera]);
    assert.deepEqual(told, []);
  });

  it('goes on where the server says that it has no such transport, and not without end', async () => {
    let refusals = 1;
    const { publications, slot, told, open } = await make((_, method) =>
      method === 'produce' && refusals-- > 0 ? new Refused('transport_not_found') : undefined,
    );
    const published = publications.publish(trackOf('audio'));
    await until(() => slot.current === null);
    open('second');
    assert.equal((await published).active, true);
    assert.deepEqual(told, ['gone first']);
  });

  it('takes what was wished while nothing carried it', async () => {
    const { publications, open, lose, asks } = await make();
    const camera = await publications.publish(trackOf('video'));
    const microphone = await publications.publish(trackOf('audio'), { muted: true });
    lose();
    const another = trackOf('video');
    await publications.replaceTrack(camera, another);
    await publications.setMuted(microphone, false);
    const second = open('second');
    await until(() => second.senders.every(({ track }) => track !== null) && second.senders.length === 2);
    assert.equal(second.senders[0]?.track, another);
    await until(() => asks('produce').length === 4);
    assert.deepEqual(
      asks('produce')
        .slice(2)
        .map(({ paused }) => paused),
      [false, false],
    );
  });

  it('is muted with what was wished while it was being produced', async () => {
    const { publications, open, lose, asks } = await make();
    const camera = await publications.publish(trackOf('video'));
    lose();
    const second = open('second');
    await until(() => second.senders.length === 1);
    await publications.setMuted(camera, true);
    await until(() => asks('setProducerPaused').length === 1);
    await until(() => second.senders[0]?.track === null);
    assert.deepEqual(asks('setProducerPaused'), [{ producerId: camera.producerId, paused: true }]);
  });

  it('ends where its track has ended meanwhile', async () => {
    const { publications, open, lose, told, attached } = await make();
    const track = { kind: 'video', readyState: 'live', getSettings: () => ({}) };
    const camera = await publications.publish(track as unknown as MediaStreamTrack);
    lose();
    track.readyState = 'ended';
    open('second');
    await until(() => told.length === 1);
    assert.deepEqual(told, ['ended camera']);
    assert.deepEqual([camera.active, publications.all.length, attached.length], [false, 0, 0]);
  });

  it('ends for viewers, who may publish again when they are back on the stage', async () => {
    const { publications, slot, told, open, attached } = await make();
    const camera = await publications.publish(trackOf('video'));
    slot.refuse(new LatchkeyError('forbidden'));
    publications.end();
    assert.deepEqual([told, camera.active, attached.length], [['ended camera'], false, 0]);
    for (let times = 0; times < 40; times++)
      assert.equal(await codeOf(publications.publish(trackOf('audio'))), 'forbidden');
    slot.clear();
    const published = publications.publish(trackOf('video'));
    open('second');
    const again = await published;
    assert.notEqual(again, camera);
    assert.deepEqual(publications.all, [again]);
  });

  it('is not left behind by somebody who becomes a viewer while it is on its way', async () => {
    const { publications, slot, lose, attached, told } = await make();
    await publications.publish(trackOf('video'));
    lose();
    const published = codeOf(publications.publish(trackOf('audio')));
    slot.refuse(new LatchkeyError('forbidden'));
    publications.end();
    assert.equal(await published, 'forbidden');
    await turn();
    assert.deepEqual([publications.all.length, attached.length], [0, 0]);
    assert.deepEqual(told, ['ended camera']);
  });

  it('is closed at the server where it was unpublished while it was produced again', async () => {
    const { publications, open, lose, asks, member } = await make();
    const camera = await publications.publish(trackOf('video'));
    const { producerId } = camera;
    lose();
    const second = open('second');
    await until(() => second.senders.length === 1);
    await publications.unpublish(camera);
    await until(() => asks('closeProducer').length === 1);
    assert.notEqual(asks('closeProducer')[0]?.producerId, producerId);
    await until(() => second.senders.length === 0);
    assert.equal(member.producers.size, 1, 'the first went with its transport');
  });

  it('is muted by a host until it is unmuted here', async () => {
    const { publications, member, told, first, asks } = await make();
    const microphone = await publications.publish(trackOf('audio'));
    const { producerId } = microphone;
    for (let times = 0; times < 2; times++) member.notice('muted', { producerIds: [producerId, 'other'] });
    await until(() => microphone.muted);
    assert.equal(first.senders[0]?.track, null);
    await publications.setMuted(microphone, false);
    assert.equal(first.senders[0]?.track, microphone.track);
    assert.deepEqual(asks('setProducerPaused'), [{ producerId, paused: false }]);
    assert.deepEqual(told, ['muted microphone']);
  });

  it('ends where a host ended it', async () => {
    const { publications, member, told, attached } = await make();
    const screen = await publications.publish(trackOf('video'), { source: 'screen' });
    member.notice('roster', delta({ removed: [{ producerId: screen.producerId }] }));
    await until(() => !screen.active);
    assert.deepEqual([told, publications.all, attached], [['ended screen'], [], []]);
  });

  it('is encoded in the sizes that anybody looks at', async () => {
    const { publications, member, first, open, lose } = await make();
    const camera = await publications.publish(trackOf('video'));
    const active = (of = first): boolean[] =>
      of.senders[0]?.encodings.map((encoding) => encoding.active ?? true) ?? [];
    const { producerId } = camera;
    const becomes = (expected: boolean[], of = first): Promise<void> =>
      until(() => JSON.stringify(active(of)) === JSON.stringify(expected));
    for (const spatialLayer of [0, null, 1]) member.notice('wanted', { producerId, spatialLayer });
    await becomes([true, true, false]);
    member.notice('wanted', { producerId, spatialLayer: null });
    await becomes([false, false, false]);
    member.notice('wanted', { producerId, spatialLayer: 2 });
    await becomes([true, true, true]);
    member.notice('wanted', { producerId, spatialLayer: 0 });
    await becomes([true, false, false]);
    lose();
    const second = open('second');
    await until(() => second.senders.length === 1);
    assert.deepEqual(active(second), [true, true, true], 'nothing was said of this one');
  });

  it('says what is asked of it in time, also before it is there', async () => {
    const { publications, member, first } = await make((to, method) => {
      if (method !== 'produce') return undefined;
      // The number of the next producer of this server: in the same breath as the answer.
      setImmediate(() => {
        const [producerId = ''] = to.producers;
        to.notice('wanted', { producerId, spatialLayer: 0 });
        to.notice('muted', { producerIds: [producerId] });
      });
      return undefined;
    });
    const camera = await publications.publish(trackOf('video'));
    await member.sent('produce');
    await until(() => first.senders[0]?.track === null && first.senders[0].encodings[2]?.active === false);
    assert.equal(camera.muted, true);
  });

  it('is all let go of when it is closed, whatever is on its way', async () => {
    const { publications, slot, lose, attached } = await make();
    await publications.publish(trackOf('video'));
    const published = codeOf(publications.publish(trackOf('audio')));
    publications.close();
    publications.close();
    slot.close(new LatchkeyError('closed'));
    lose();
    assert.equal(await published, 'closed');
    assert.deepEqual([publications.all, attached], [[], []]);
  });
});
