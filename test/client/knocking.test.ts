import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { ConnectOptions } from '../../src/client/session/connect.ts';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { NodeParticipant } from '../../src/client/session/nodeParticipant.ts';
import type { Member } from './member.ts';
import { held, MeetingServer, Refused } from './meetingServer.ts';
import type { MeetingServerOptions } from './meetingServer.ts';
import { codeOf, until } from './observe.ts';
import { passUntil } from './scene.ts';
import { VirtualClock } from './virtualClock.ts';

let server: MeetingServer | undefined;
const joined: NodeParticipant<Buffer, Buffer>[] = [];

/** What each `join` is met with, in order; after the last, people are let in. */
const start = async (...met: (typeof held | Refused)[]) => {
  const waiting: Member[] = [];
  const options: MeetingServerOptions = {
    intercept: (member, method) => {
      if (method !== 'join') return undefined;
      const answer = met.shift();
      if (answer === held) waiting.push(member);
      return answer;
    },
  };
  server = await MeetingServer.start(options);
  return { to: server, waiting };
};

const join = async (
  to: MeetingServer,
  options: Partial<ConnectOptions> = {},
): Promise<NodeParticipant<Buffer, Buffer>> => {
  const participant = await joinFromNode({
    url: to.url,
    token: to.token('Ann'),
    random: () => 0,
    ...options,
  });
  joined.push(participant);
  return participant;
};

afterEach(async () => {
  for (const { session } of joined.splice(0)) session.close();
  await server?.close();
  server = undefined;
});

describe('before the door', () => {
  it('the answer is waited for as long as the server says that it takes longer', async () => {
    const { to, waiting } = await start(held);
    const clock = new VirtualClock();
    const told: string[] = [];
    const joining = join(to, { clock, onWaiting: (reason) => told.push(reason) });
    await until(() => waiting.length === 1);
    const [member] = waiting;
    assert.ok(member !== undefined);
    for (const reason of ['lobby', 'lobby', 'backstage'] as const) {
      clock.advance(9_000);
      member.notice('waiting', { reason });
      // The pong to this comes after the notice was read.
      await new Promise((resolve) => member.socket.once('pong', resolve).ping());
    }
    clock.advance(9_000);
    to.release(member);
    const { session } = await joining;
    assert.deepEqual(told, ['lobby', 'backstage'], 'each reason once');
    assert.equal(session.self.name, 'Ann');
  });

  it('nobody waits for a server that says nothing any more', async () => {
    const { to, waiting } = await start(held);
    const clock = new VirtualClock();
    const joining = codeOf(join(to, { clock }));
    await until(() => waiting.length === 1);
    waiting[0]?.notice('waiting', { reason: 'lobby' });
    assert.equal(await passUntil(clock, joining), 'connection_lost');
  });

  it('whoever is turned away is told so', async () => {
    const { to } = await start(new Refused('turned_away'));
    assert.equal(await codeOf(join(to)), 'turned_away');
  });

  it('whoever waits may give up', async () => {
    const { to, waiting } = await start(held);
    const giveUp = new AbortController();
    const reason = new Error('changed my mind');
    const joining = join(to, { signal: giveUp.signal, onWaiting: () => giveUp.abort(reason) });
    const refused = assert.rejects(joining, reason);
    await until(() => waiting.length === 1);
    waiting[0]?.notice('waiting', { reason: 'lobby' });
    await refused;
  });

  it('what came with the answer is not lost, though it was said to take longer', async () => {
    const { to, waiting } = await start(held);
    const joining = join(to);
    await until(() => waiting.length === 1);
    const [member] = waiting;
    assert.ok(member !== undefined);
    member.notice('waiting', { reason: 'lobby' });
    member.notice('door', { locked: true, lobby: true, live: true });
    to.release(member);
    const { session } = await joining;
    assert.equal(session.door.locked, true);
    // Said to nobody who waits, it means nothing.
    member.notice('waiting', { reason: 'lobby' });
    member.notice('door', { locked: false, lobby: true, live: true });
    await until(() => !session.door.locked);
  });
});

describe('a busy server', () => {
  it('is asked again over the same socket when it said, and no sooner', async () => {
    const { to } = await start(new Refused('busy', 3_000), new Refused('busy', 5_000));
    const clock = new VirtualClock();
    const began = clock.monotonicMs();
    const told: string[] = [];
    await passUntil(clock, join(to, { clock, onWaiting: (reason) => told.push(reason) }));
    assert.ok(clock.monotonicMs() - began >= 8_000);
    assert.deepEqual(told, ['busy']);
    assert.equal(to.requested.filter((path) => path === '/v1/connect').length, 1);
  });

  it('is asked at a time of one’s own', async () => {
    const { to } = await start(new Refused('busy', 4_000));
    const clock = new VirtualClock();
    const began = clock.monotonicMs();
    await passUntil(clock, join(to, { clock, random: () => 0.99 }));
    assert.ok(clock.monotonicMs() - began >= 5_900);
  });

  it('is asked over another socket where that one is gone', async () => {
    const { to } = await start(new Refused('busy', 1_000));
    const clock = new VirtualClock();
    const joining = join(to, {
      clock,
      onWaiting: () => to.cutStrangers(),
    });
    await passUntil(clock, joining);
    assert.equal(to.requested.filter((path) => path === '/v1/connect').length, 2);
  });

  it('is not waited for without end', async () => {
    const { to } = await start(...Array.from({ length: 50 }, () => new Refused('busy', 20_000)));
    const clock = new VirtualClock();
    const began = clock.monotonicMs();
    assert.equal(await passUntil(clock, codeOf(join(to, { clock }))), 'busy');
    assert.ok(clock.monotonicMs() - began <= 121_000);
  });

  it('keeps nobody who gives up', async () => {
    const { to } = await start(new Refused('busy', 100_000));
    const giveUp = new AbortController();
    const reason = new Error('changed my mind');
    const joining = join(to, {
      signal: giveUp.signal,
      onWaiting: () => setImmediate(() => giveUp.abort(reason)),
    });
    await assert.rejects(joining, reason);
  });
});
