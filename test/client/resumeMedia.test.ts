import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Ask } from '../../src/protocol/signaling.ts';
import { cut } from './meetingServer.ts';
import type { MeetingServer } from './meetingServer.ts';
import { codeOf, next } from './observe.ts';
import { allIn, connection, cutOff, microphone, produceAsk, resumes, Scene } from './scene.ts';
import type { Participant } from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

describe('what was asked for when the socket was lost', () => {
  /** Ann's server, which loses the first answer to this method after having done what was asked. */
  const losing = async (method: string): Promise<[MeetingServer, Participant, Participant]> => {
    let lost = false;
    const to = await scene.start({
      loses: (_, asked) => {
        if (asked !== method || lost) return false;
        lost = true;
        return true;
      },
    });
    return [to, ...(await scene.pair())];
  };

  it('is asked again: a producer of which only the server knew is closed, and another made', async () => {
    const [to, ann] = await losing('produce');
    const { producerId } = await ann.session.request('produce', produceAsk);
    assert.deepEqual([...to.member('Ann').producers], [producerId]);
    assert.deepEqual(resumes(to.member('Ann'))[0]?.producers, []);
  });

  it('is asked again: a consumer, too', async () => {
    const [to, ann, ben] = await losing('consume');
    to.announce(microphone({ participantId: 'p-2', lease: ben.session.lease }));
    const { consumerId } = await ann.session.request('consume', { producerId: 'mic' });
    assert.deepEqual([...to.member('Ann').consumers], [consumerId]);
  });

  it('is done by the resume itself where it was to close something', async () => {
    const [to, ann] = await losing('closeProducer');
    const made = await ann.session.request('produce', produceAsk);
    assert.deepEqual(await ann.session.request('closeProducer', made), {});
    const asked = to.member('Ann').received.filter(({ name }) => name === 'closeProducer');
    assert.equal(asked.length, 1);
    assert.deepEqual(resumes(to.member('Ann'))[0]?.producers, []);
  });

  it('is done by the resume also where the server never heard of it', async () => {
    const to = await scene.start({
      intercept: (_, method) => (method === 'closeProducer' ? cut : undefined),
    });
    const [ann] = await scene.pair();
    const made = await ann.session.request('produce', produceAsk);
    assert.deepEqual(await ann.session.request('closeProducer', made), {});
    assert.deepEqual([...to.member('Ann').producers], []);
  });

  it('waits while there is no connection, and is asked in its order', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    const member = to.member('Ann');
    to.shut = true;
    await cutOff(ann, member);
    const asked = [true, false, true].map((paused) =>
      ann.session.request('setProducerPaused', { producerId: 'p', paused }),
    );
    to.shut = false;
    await Promise.all(asked);
    const heard = member.received.filter(({ name }) => name === 'setProducerPaused');
    assert.deepEqual(
      heard.map(({ data }) => (data as Ask<'setProducerPaused'>).paused),
      [true, false, true],
    );
  });

  it('fails as the session does', async () => {
    const to = await scene.start({ timers: { resumeWindowMs: 100 } });
    const [ann] = await scene.pair();
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    assert.equal(await codeOf(ann.session.request('produce', produceAsk)), 'connection_lost');
  });

  it('does not keep anybody from leaving', async () => {
    const to = await scene.start();
    const [ann] = await scene.pair();
    to.shut = true;
    await cutOff(ann, to.member('Ann'));
    const asked = codeOf(ann.session.request('produce', produceAsk));
    const ended = next(ann.session, 'ended');
    await ann.session.leave();
    assert.deepEqual(await ended, { reason: 'left' });
    assert.equal(await asked, 'closed');
  });
});

describe('what happened while nothing was heard', () => {
  it('is told by the events of what changed, before the connection is said to be back', async () => {
    let away = false;
    const to = await scene.start({ challenged: () => (away ? cut : undefined) });
    const [ann, ben] = await scene.pair();
    const [cas] = await scene.gather('Cas');
    assert.ok(cas !== undefined);
    await allIn(to.keys.made.at(-1)?.epoch ?? assert.fail(), ann, ben);
    const of = { participantId: 'p-2', lease: ben.session.lease };
    to.announce(microphone(of));
    to.announce(microphone({ participantId: 'p-3', lease: cas.session.lease }, "Cas's"));
    to.announce({ ...microphone(of, 'screen'), source: 'screenAudio', stream: 1 });
    await ann.session.request('consume', { producerId: 'mic' });
    const seen: string[] = [];
    const { session } = ann;
    session.on('participantJoined', ({ name }) => seen.push(`${name} joined`));
    session.on('participantLeft', ({ participant }) => seen.push(`${participant.name} left`));
    session.on('producerAdded', ({ producerId }) => seen.push(`added ${producerId}`));
    session.on('producerChanged', ({ producerId, paused }) => seen.push(`${producerId} ${paused}`));
    session.on('producerRemoved', ({ producerId }) => seen.push(`removed ${producerId}`));
    session.on('connection', ({ state }) => seen.push(state));
    session.on('gone', () => seen.push('something of ours is gone'));

    const resumed = connection(ann, 'resumed');
    away = true;
    await cutOff(ann, to.member('Ann'));
    await cas.session.leave();
    await scene.join('Dan');
    to.producers.splice(0, 3, { ...microphone(of), paused: true }, { ...microphone(of, 'new'), stream: 2 });
    away = false;
    await resumed;
    assert.deepEqual(seen, [
      'lost',
      "removed Cas's",
      'Cas left',
      'removed screen',
      'Dan joined',
      'mic true',
      'added new',
      'resumed',
    ]);
    assert.deepEqual(session.roster.producers.map(({ producerId }) => producerId).toSorted(), ['mic', 'new']);
  });

  it('is told of what was its own and is gone', async () => {
    const to = await scene.start();
    const [ann, ben] = await scene.pair();
    const member = to.member('Ann');
    to.announce(microphone({ participantId: 'p-2', lease: ben.session.lease }));
    const { producerId } = await ann.session.request('produce', produceAsk);
    const kept = await ann.session.request('produce', { ...produceAsk, stream: 1 });
    const { consumerId } = await ann.session.request('consume', { producerId: 'mic' });
    const gone = next(ann.session, 'gone');
    to.shut = true;
    await cutOff(ann, member);
    member.producers.delete(producerId);
    member.consumers.delete(consumerId);
    const back = connection(ann, 'resumed');
    to.shut = false;
    await back;
    assert.deepEqual(await gone, {
      producers: [producerId],
      consumers: [{ consumerId, producerId: 'mic' }],
    });
    const resumed = connection(ann, 'resumed');
    await cutOff(ann, member);
    await resumed;
    assert.deepEqual(resumes(to.member('Ann')).at(-1)?.producers, [kept.producerId]);
    assert.deepEqual(resumes(to.member('Ann')).at(-1)?.consumers, []);
  });
});
