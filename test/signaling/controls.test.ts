// What participants do about one another, and about the door, over real sockets at the real server: each control by who may and by who may not.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { joinAsk } from './rawClient.ts';
import { Attendee } from './scene.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({ LATCHKEY_TIMERS_PING_MS: '500' }, { tapped: false });
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

const token = (meeting: string, name: string, role: 'host' | 'presenter' | 'viewer') =>
  api(server).token(meeting, name, role);

/** A host, a presenter and a viewer, who see one another. */
const three = async (meeting: string): Promise<readonly [Attendee, Attendee, Attendee]> => {
  const host = await Attendee.join(server, meeting, 'Hedy', 'host');
  const presenter = await Attendee.join(server, meeting, 'Paul', 'presenter');
  const viewer = await Attendee.join(server, meeting, 'Vera', 'viewer');
  const all = [host, presenter, viewer] as const;
  for (const one of all) await one.until(() => one.participants.size === 3);
  return all;
};

const ends = (...all: readonly Attendee[]): void => {
  for (const { client } of all) client.close();
};

describe('hands', () => {
  it('are numbered in the order in which they are raised, for everybody to see', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting({ kind: 'broadcast' }));
    assert.equal(await viewer.outcome('raiseHand', { raised: true }), 'ok');
    assert.equal(await presenter.outcome('raiseHand', { raised: true }), 'ok');
    assert.equal(await viewer.outcome('raiseHand', { raised: true }), 'ok', 'raised is raised');
    await host.until(() => host.sees(presenter)?.hand !== null && host.sees(viewer)?.hand !== null);
    assert.ok((host.sees(viewer)?.hand ?? Infinity) < (host.sees(presenter)?.hand ?? 0));
    assert.equal(await viewer.outcome('raiseHand', { raised: false }), 'ok');
    await host.until(() => host.sees(viewer)?.hand === null);
    ends(host, presenter, viewer);
  });
});

describe('roles', () => {
  it('a viewer that is raised to the stage sends without joining again, and sends no more when it is lowered', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting({ kind: 'broadcast' }));
    assert.equal(await viewer.openMedia(), null);
    assert.equal((await viewer.produce('none')).error?.code, 'forbidden');
    assert.equal(await viewer.outcome('raiseHand', { raised: true }), 'ok');

    assert.equal(await host.outcome('setRole', { participantId: viewer.id, role: 'presenter' }), 'ok');
    await viewer.until(() => viewer.sees(viewer)?.role === 'presenter');
    assert.equal(viewer.sees(viewer)?.hand, null, 'the hand has done its work');
    const producerId = await viewer.send();
    await presenter.until(() => presenter.producers.has(producerId));

    assert.equal(await host.outcome('setRole', { participantId: viewer.id, role: 'viewer' }), 'ok');
    await presenter.until(() => !presenter.producers.has(producerId));
    await presenter.until(() => presenter.sees(viewer)?.role === 'viewer');
    assert.equal(await viewer.openMedia(), null);
    assert.equal((await viewer.produce('none')).error?.code, 'forbidden');

    assert.equal(await host.outcome('setRole', { participantId: viewer.id, role: 'presenter' }), 'ok');
    const again = await viewer.send();
    await presenter.until(() => presenter.producers.has(again));
    ends(host, presenter, viewer);
  });

  it('are given by hosts alone; anybody may step down, and nobody up', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting());
    for (const [by, of, role] of [
      [viewer, viewer, 'presenter'],
      [viewer, presenter, 'viewer'],
      [presenter, presenter, 'host'],
      [presenter, viewer, 'presenter'],
      [presenter, host, 'viewer'],
    ] as const)
      assert.equal(await by.outcome('setRole', { participantId: of.id, role }), 'forbidden');
    assert.equal(await host.outcome('setRole', { participantId: 'nobody', role: 'viewer' }), 'not_found');
    assert.equal(await host.outcome('setRole', { participantId: viewer.id, role: 'king' }), 'malformed');
    assert.equal(await presenter.outcome('setRole', { participantId: presenter.id, role: 'viewer' }), 'ok');
    await host.until(() => host.sees(presenter)?.role === 'viewer');
    assert.equal(await host.outcome('setRole', { participantId: viewer.id, role: 'host' }), 'ok');
    await viewer.until(() => viewer.sees(viewer)?.role === 'host');
    assert.equal(await viewer.outcome('mute'), 'ok', 'a host may what hosts may');
    ends(host, presenter, viewer);
  });
});

describe('muting and stopping', () => {
  it('a host mutes one, or everybody but hosts; who is muted is told and may unmute', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting());
    const [hosts, presenters] = [await host.send(), await presenter.send()];
    await viewer.until(() => viewer.producers.size === 2);
    assert.equal(await presenter.outcome('mute', { participantId: host.id }), 'forbidden');
    assert.equal(await viewer.outcome('mute'), 'forbidden');

    assert.equal(await host.outcome('mute', { participantId: presenter.id }), 'ok');
    assert.deepEqual(await presenter.toldOf('muted'), { producerIds: [presenters] });
    await viewer.until(() => viewer.producers.get(presenters)?.paused === true);
    assert.equal(
      await presenter.outcome('setProducerPaused', { producerId: presenters, paused: false }),
      'ok',
    );
    await viewer.until(() => viewer.producers.get(presenters)?.paused === false);

    assert.equal(await host.outcome('mute'), 'ok');
    await presenter.toldOf('muted', 2);
    await viewer.until(() => viewer.producers.get(presenters)?.paused === true);
    assert.equal(viewer.producers.get(hosts)?.paused, false);
    assert.deepEqual(host.told('muted'), []);
    ends(host, presenter, viewer);
  });

  it('a host stops what somebody shares, and nothing else of it', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting());
    const microphone = await presenter.send();
    const transportId = await presenter.openMedia();
    assert.ok(transportId !== null);
    const { data } = await presenter.produce(transportId, 'screenAudio');
    const screen = String(data?.['producerId']);
    await viewer.until(() => viewer.producers.has(screen));
    assert.equal(await viewer.outcome('stopShare', { participantId: presenter.id }), 'forbidden');
    assert.equal(await host.outcome('stopShare', { participantId: presenter.id }), 'ok');
    await viewer.until(() => !viewer.producers.has(screen));
    assert.ok(viewer.producers.has(microphone));
    await presenter.until(() =>
      presenter.told('roster').some(({ removed }) => JSON.stringify(removed).includes(screen)),
    );
    ends(host, presenter, viewer);
  });

  it('a host removes somebody, who is told so and whose going changes the key', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting());
    assert.equal(await presenter.outcome('remove', { participantId: viewer.id }), 'forbidden');
    assert.equal(await host.outcome('remove', { participantId: viewer.id }), 'ok');
    await viewer.client.closed;
    assert.deepEqual(viewer.told('ended'), [{ reason: 'evicted' }]);
    await presenter.until(() => presenter.left.get(viewer.id) === 'evicted');
    assert.equal(await host.outcome('remove', { participantId: viewer.id }), 'not_found');
    ends(host, presenter);
  });

  it('a host ends the meeting for everybody, for good', async () => {
    const meeting = await api(server).createMeeting();
    const all = await three(meeting);
    const [host, presenter] = all;
    const late = await token(meeting, 'Late', 'viewer');
    assert.equal(await presenter.outcome('endMeeting'), 'forbidden');
    assert.equal(await host.outcome('endMeeting'), 'ok');
    for (const one of all) {
      await one.client.closed;
      assert.deepEqual(one.told('ended'), [{ reason: 'meetingEnded' }]);
    }
    const stranger = await Attendee.connect(server);
    assert.equal(await stranger.outcome('join', joinAsk(late)), 'meeting_ended');
    ends(stranger);
  });
});

describe('the door', () => {
  it('is locked and unlocked by hosts, and everybody is told', async () => {
    const meeting = await api(server).createMeeting();
    const [host, presenter, viewer] = await three(meeting);
    assert.equal(await presenter.outcome('setDoor', { locked: true }), 'forbidden');
    assert.equal(await host.outcome('setDoor', { locked: true }), 'ok');
    assert.deepEqual(await viewer.toldOf('door'), { locked: true, lobby: false, live: true });
    const late = await token(meeting, 'Late', 'presenter');
    const stranger = await Attendee.connect(server);
    assert.equal(await stranger.outcome('join', joinAsk(late)), 'meeting_locked');
    const another = await Attendee.join(server, meeting, 'Hugo', 'host');
    assert.equal(await host.outcome('setDoor', { locked: false }), 'ok');
    await stranger.enter(late);
    ends(host, presenter, viewer, stranger, another);
  });

  it('with a lobby: who waits is told why, again and again; hosts are told who waits, and let in or turn away', async () => {
    const meeting = await api(server).createMeeting({ settings: { lobby: true } });
    const early = await Attendee.connect(server);
    const tokens = [
      await token(meeting, 'Early', 'viewer'),
      await token(meeting, 'Eve', 'presenter'),
    ] as const;
    const joining = early.client.request('join', joinAsk(tokens[0]));
    assert.deepEqual(await early.toldOf('waiting'), { reason: 'lobby' });

    const host = await Attendee.join(server, meeting, 'Hedy', 'host');
    assert.equal((await host.toldOf('guests'))['count'], 1);
    assert.equal(host.sees(early), undefined);
    await early.toldOf('waiting', 3);
    assert.deepEqual(early.told('roster'), [], 'nothing is told of those inside');
    assert.deepEqual(early.client.keyMessages, []);

    const second = await Attendee.connect(server);
    assert.equal(await second.outcome('join', joinAsk(tokens[0])), 'lease_taken', 'its owner waits');
    const eves = second.client.request('join', joinAsk(tokens[1]));
    await host.until(() => host.told('guests').at(-1)?.['count'] === 2);
    const guests = host.told('guests').at(-1)?.['guests'] as { name: string; waitingId: string }[];
    const idOf = (name: string) => guests.find((guest) => guest.name === name)?.waitingId;
    const turned = await host.client.request('turnAway', { waitingIds: [idOf('Eve')] });
    assert.deepEqual(turned.data, { turnedAway: 1 });
    assert.equal((await eves).error?.code, 'turned_away');
    assert.deepEqual((await host.client.request('admit', { waitingIds: [idOf('Early')] })).data, {
      admitted: 1,
    });
    assert.equal((await joining).ok, true);
    await host.until(() => host.sees(early) !== undefined);
    await host.until(() => host.told('guests').at(-1)?.['count'] === 0);
    assert.equal(await early.outcome('admit'), 'forbidden');

    // Its token was not spent: it may ask again.
    const again = second.client.request('join', joinAsk(tokens[1]));
    await host.until(() => host.told('guests').at(-1)?.['count'] === 1);
    assert.deepEqual((await host.client.request('admit', {})).data, { admitted: 1 });
    assert.equal((await again).ok, true);
    ends(host, early, second);
  });

  it('backstage: presenters are in, viewers wait, and come in when a host goes live', async () => {
    const meeting = await api(server).createMeeting({ kind: 'broadcast', settings: { backstage: true } });
    const viewers = await Promise.all(Array.from({ length: 20 }, () => Attendee.connect(server)));
    const joining = viewers.map(async (viewer, number) => {
      await viewer.enter(await token(meeting, `Viewer ${number}`, 'viewer'));
    });
    await Promise.all(viewers.map((viewer) => viewer.toldOf('waiting')));
    const presenter = await Attendee.join(server, meeting, 'Paul', 'presenter');
    const host = await Attendee.join(server, meeting, 'Hedy', 'host');
    assert.equal((await host.toldOf('guests'))['count'], 20);
    assert.equal(await presenter.outcome('setDoor', { live: true }), 'forbidden');
    assert.equal(await host.outcome('setDoor', { live: true }), 'ok');
    await Promise.all(joining);
    await host.until(() => host.participants.size === 22);
    ends(host, presenter, ...viewers);
  });

  it('who goes away while it waits is not waited for', async () => {
    const meeting = await api(server).createMeeting({ settings: { lobby: true } });
    const host = await Attendee.join(server, meeting, 'Hedy', 'host');
    const good = await token(meeting, 'Vera', 'viewer');
    const first = await Attendee.connect(server);
    first.client.send(JSON.stringify({ id: 1, method: 'join', data: joinAsk(good) }));
    await host.until(() => host.told('guests').at(-1)?.['count'] === 1);
    first.client.close();
    await host.until(() => host.told('guests').at(-1)?.['count'] === 0);
    const second = await Attendee.connect(server);
    const joining = second.client.request('join', joinAsk(good));
    await second.toldOf('waiting');
    assert.equal(await host.outcome('admit'), 'ok');
    assert.equal((await joining).ok, true, 'the same token, which was not spent');
    ends(host, second);
  });
});

describe('limits', () => {
  it('so many are present and no more, also of those who come at once', async () => {
    const meeting = await api(server).createMeeting({ settings: { participants: 5 } });
    const strangers = await Promise.all(Array.from({ length: 12 }, () => Attendee.connect(server)));
    const outcomes = await Promise.all(
      strangers.map(async (stranger, number) =>
        stranger.outcome('join', joinAsk(await token(meeting, `Guest ${number}`, 'viewer'))),
      ),
    );
    assert.deepEqual(
      [
        outcomes.filter((outcome) => outcome === 'ok').length,
        outcomes.filter((one) => one === 'meeting_full').length,
      ],
      [5, 7],
    );
    ends(...strangers);
  });

  it('so many send and no more; who stops makes room', async () => {
    const meeting = await api(server).createMeeting({ settings: { stage: 1 } });
    const [host, presenter, viewer] = await three(meeting);
    const producerId = await host.send();
    const transportId = await presenter.openMedia();
    assert.ok(transportId !== null);
    assert.equal((await presenter.produce(transportId)).error?.code, 'stage_full');
    const more = await host.openMedia();
    const { data } = await host.produce(more ?? '', 'screenAudio');
    assert.equal(await host.outcome('closeProducer', { producerId }), 'ok');
    assert.equal((await presenter.produce(transportId)).error?.code, 'stage_full', 'it still sends');
    assert.equal(await host.outcome('closeProducer', { producerId: data?.['producerId'] }), 'ok');
    assert.equal((await presenter.produce(transportId)).ok, true);
    ends(host, presenter, viewer);
  });

  it('a meeting cannot ask for more than its server allows', async () => {
    await assert.rejects(
      api(server).createMeeting({ settings: { participants: 1_001 } }),
      /400.*participants/,
    );
    await assert.rejects(
      api(server).createMeeting({ kind: 'broadcast', settings: { stage: 101 } }),
      /400.*stage/,
    );
    await api(server).createMeeting({ kind: 'interactive', settings: { stage: 101 } });
    await assert.rejects(api(server).createMeeting({ settings: { stage: 0 } }), /400/);
    await assert.rejects(api(server).createMeeting({ settings: { lobby: 'yes' } }), /400/);
  });

  it('what has just gone is not held against whoever asks for it', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting());
    const producerId = await host.send();
    await viewer.until(() => viewer.producers.has(producerId));
    await viewer.openMedia();
    assert.equal(await host.outcome('closeProducer', { producerId }), 'ok');
    for (let asked = 0; asked < 40; asked++)
      assert.equal(await viewer.outcome('consume', { producerId }), 'producer_not_found');
    assert.ok(viewer.client.open);
    ends(host, presenter, viewer);
  });

  it('ten thousand messages at once end their own connection, and nobody else notices', async () => {
    const [host, presenter, viewer] = await three(await api(server).createMeeting());
    for (let sent = 0; sent < 10_000; sent++)
      viewer.client.send(
        JSON.stringify({ id: sent + 1_000, method: 'raiseHand', data: { raised: sent % 2 === 0 } }),
      );
    await viewer.client.closed;
    assert.deepEqual(viewer.told('ended'), [{ reason: 'protocolError', code: 'too_many_errors' }]);
    const codes = new Set(viewer.client.received.flatMap(({ error }) => error?.code ?? []));
    assert.deepEqual([...codes], ['rate_limited']);
    await host.until(() => host.left.get(viewer.id) === 'lost');
    assert.equal(await host.outcome('raiseHand', { raised: true }), 'ok');
    assert.ok(host.told('roster').length < 20, 'told together, however often it changed');
    ends(host, presenter);
  });
});
