// Limits that are met from several sides at once, and places that become free again: nobody more than may be, nobody kept out for nothing.
// What a single participant does about one limit after the other is in controls.test.ts.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { maxStreams } from '../../src/protocol/names.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { joinAsk } from './rawClient.ts';
import { Attendee, opusParameters } from './scene.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({}, { tapped: false });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

const ends = (...all: readonly Attendee[]): void => {
  for (const { client } of all) client.close();
};

const many = <T>(count: number, make: (number: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, number) => make(number)));

const codeOf = ({ error }: { readonly error?: { readonly code: string } }): string => error?.code ?? 'ok';

describe('a full meeting', () => {
  it('refuses the next with a code, whose token stays good for when somebody has left', async () => {
    const meeting = await api(server).createMeeting({ settings: { participants: 3 } });
    const [first, ...others] = await many(3, (number) =>
      Attendee.join(server, meeting, `Guest ${number}`, 'presenter'),
    );
    assert.ok(first !== undefined);
    const late = await api(server).token(meeting, 'Late', 'host');
    const stranger = await Attendee.connect(server);
    for (let asked = 0; asked < 20; asked++)
      assert.equal(
        await stranger.outcome('join', joinAsk(late)),
        'meeting_full',
        'hosts too, as often as it asks',
      );
    assert.equal(await first.outcome('leave'), 'ok');
    await stranger.enter(late);
    await others[0]?.until(() => others[0]?.sees(stranger) !== undefined);
    assert.ok(others.every(({ client }) => client.open));
    ends(stranger, ...others);
  });

  it('has as many before its door as may be inside, and refuses the next', async () => {
    const meeting = await api(server).createMeeting({ settings: { participants: 3, lobby: true } });
    const waiting = await many(3, async (number) => {
      const guest = await Attendee.connect(server);
      const token = await api(server).token(meeting, `Guest ${number}`, 'viewer');
      guest.client.send(JSON.stringify({ id: 1, method: 'join', data: joinAsk(token) }));
      await guest.toldOf('waiting');
      return guest;
    });
    const late = await api(server).token(meeting, 'Late', 'viewer');
    const stranger = await Attendee.connect(server);
    assert.equal(await stranger.outcome('join', joinAsk(late)), 'meeting_full');
    ends(stranger, ...waiting);
  });
});

describe('a full stage', () => {
  it('is not fuller for those who produce in the same moment', async () => {
    const meeting = await api(server).createMeeting({ settings: { stage: 2 } });
    const presenters = await many(6, async (number) => {
      const presenter = await Attendee.join(server, meeting, `Presenter ${number}`, 'presenter');
      return { presenter, transportId: (await presenter.openMedia()) ?? assert.fail() };
    });
    const codes = await Promise.all(
      presenters.map(async ({ presenter, transportId }) => codeOf(await presenter.produce(transportId))),
    );
    assert.deepEqual(codes.toSorted(), ['ok', 'ok', ...Array.from({ length: 4 }, () => 'stage_full')]);
    ends(...presenters.map(({ presenter }) => presenter));
  });

  it('has room when somebody on it leaves, or is lowered to the audience; a refused track takes none', async () => {
    const meeting = await api(server).createMeeting({ settings: { stage: 1 } });
    const host = await Attendee.join(server, meeting, 'Hedy', 'host');
    const [ada, bob] = await many(2, (number) =>
      Attendee.join(server, meeting, `Presenter ${number}`, 'presenter'),
    );
    assert.ok(ada !== undefined && bob !== undefined);
    await ada.openMedia();
    assert.equal(codeOf(await ada.produce('nowhere')), 'transport_not_found');
    const producerId = await host.send();
    assert.equal(codeOf(await bob.produce((await bob.openMedia()) ?? '')), 'stage_full');
    assert.equal(await host.outcome('closeProducer', { producerId }), 'ok');

    await bob.send();
    assert.equal(codeOf(await ada.produce((await ada.openMedia()) ?? '')), 'stage_full');
    assert.equal(await host.outcome('setRole', { participantId: bob.id, role: 'viewer' }), 'ok');
    await ada.send();
    assert.equal(await ada.outcome('leave'), 'ok');
    await host.send();
    ends(host, bob);
  });

  it('is one thing, the streams of one participant another: it has so many and no more', async () => {
    const meeting = await api(server).createMeeting({ settings: { stage: 1 } });
    const presenter = await Attendee.join(server, meeting, 'Paul', 'presenter');
    const transportId = (await presenter.openMedia()) ?? assert.fail();
    for (let stream = 0; stream < maxStreams; stream++)
      assert.equal(codeOf(await presenter.produce(transportId)), 'ok', `stream ${stream}`);
    const asked = { transportId, kind: 'audio', source: 'microphone', paused: false };
    const more = async (stream: number): Promise<string> =>
      presenter.outcome('produce', { ...asked, stream, rtpParameters: opusParameters('more') });
    assert.equal(await more(0), 'too_many_streams');
    assert.equal(await more(maxStreams), 'malformed', 'there is no such stream');
    await presenter.until(() => presenter.producers.size === maxStreams);
    const [gone] = presenter.producers.values();
    assert.ok(gone !== undefined);
    assert.equal(await presenter.outcome('closeProducer', { producerId: gone.producerId }), 'ok');
    assert.equal(await more(gone.stream), 'ok', 'who closes one may make another');
    ends(presenter);
  });
});

describe('what is somebody else’s', () => {
  it('is not there for whoever asks for it from another meeting', async () => {
    const [here, there] = await many(2, async (number) =>
      Attendee.join(server, await api(server).createMeeting(), `Presenter ${number}`, 'presenter'),
    );
    assert.ok(here !== undefined && there !== undefined);
    const producerId = await here.send();
    await there.openMedia();
    assert.equal(await there.outcome('consume', { producerId }), 'producer_not_found');
    for (const method of ['closeProducer', 'setProducerPaused'])
      assert.equal(
        await there.outcome(
          method,
          method === 'closeProducer' ? { producerId } : { producerId, paused: true },
        ),
        'producer_not_found',
      );
    for (const method of ['resumeConsumer', 'pauseConsumer', 'closeConsumer', 'requestKeyFrame'])
      assert.equal(await there.outcome(method, { consumerId: producerId }), 'consumer_not_found');
    assert.equal(await here.outcome('setProducerPaused', { producerId, paused: true }), 'ok');
    ends(here, there);
  });
});
