import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { attemptMs, Link } from '../../src/client/session/link.ts';
import type { Socket } from '../../src/client/session/link.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { codeOf } from './observe.ts';
import { VirtualClock } from './virtualClock.ts';

class FakeSocket implements Socket {
  closed = false;

  close(): void {
    this.closed = true;
  }
}

const windowMs = 10_000;

/** A link whose socket is there, and whose next ones come and are resumed as the test says. */
const linked = (random = 0) => {
  const clock = new VirtualClock();
  const startMs = clock.monotonicMs();
  const told: string[] = [];
  /** When each attempt began, and how long it may take; ms since the start. */
  const attempts: { atMs: number; withinMs: number }[] = [];
  const sockets: FakeSocket[] = [];
  const script = {
    open: async (): Promise<void> => {
      throw new LatchkeyError('connection_lost');
    },
    resume: async (): Promise<void> => undefined,
  };
  const first = new FakeSocket();
  const link = new Link<FakeSocket>(first, {
    clock,
    random: () => random,
    windowMs,
    async open(withinMs) {
      attempts.push({ atMs: clock.monotonicMs() - startMs, withinMs });
      await script.open();
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    async resume() {
      await script.resume();
      return () => told.push('delivers');
    },
    onLost: () => told.push('lost'),
    onResumed: () => told.push('resumed'),
    onOver: ({ code }) => told.push(`over: ${code}`),
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 5) {
      await turn();
      clock.advance(5);
    }
    await turn();
  };
  return { clock, told, attempts, sockets, script, first, link, pass };
};

const fails = (code: ErrorCode) => async (): Promise<never> => {
  throw new LatchkeyError(code);
};

describe('a connection that is lost', () => {
  it('is tried again at once, then at growing distances of at most two seconds, until the window has passed', async () => {
    const { link, attempts, told, pass } = linked(1);
    link.lost();
    await pass(windowMs);
    assert.deepEqual(
      attempts.map(({ atMs }) => atMs),
      [0, 250, 750, 1_750, 3_750, 5_750, 7_750, 9_750],
    );
    assert.deepEqual(told, ['lost', 'over: connection_lost']);
  });

  it('is tried after between half and all of each pause: not by everybody at once', async () => {
    const { link, attempts, pass } = linked(0);
    link.lost();
    await pass(2_000);
    assert.deepEqual(
      attempts.map(({ atMs }) => atMs),
      [0, 125, 375, 875, 1_875],
    );
  });

  it('gives an attempt three seconds, and no more than is left of the window', async () => {
    const { link, attempts, pass } = linked(1);
    link.lost();
    await pass(windowMs);
    assert.deepEqual(
      attempts.map(({ withinMs }) => withinMs),
      [attemptMs, attemptMs, attemptMs, attemptMs, attemptMs, attemptMs, 2_250, 250],
    );
  });

  it('ends an attempt that hangs, and makes another', async () => {
    const { link, script, sockets, told, attempts, pass } = linked();
    script.open = async () => undefined;
    const hanging = Promise.withResolvers<void>();
    script.resume = () => hanging.promise;
    link.lost();
    await pass(attemptMs);
    assert.deepEqual(
      sockets.map(({ closed }) => closed),
      [true],
    );
    // As a request over it then does.
    hanging.reject(new LatchkeyError('closed'));
    script.resume = async () => undefined;
    await pass(130);
    assert.equal(attempts.length, 2);
    assert.deepEqual(told, ['lost', 'resumed', 'delivers']);
    assert.equal(link.current, sockets[1]);
  });

  it('serves whoever waited once it has been resumed, after what was missed is delivered', async () => {
    const { link, script, told, pass } = linked();
    link.lost();
    link.lost();
    const waiting = [link.ready(), link.ready()].map((ready) =>
      ready.then((one) => told.push('served') && one),
    );
    await pass(100);
    script.open = async () => undefined;
    await pass(100);
    assert.deepEqual(told, ['lost', 'resumed', 'delivers', 'served', 'served']);
    const [one, other] = await Promise.all(waiting);
    assert.ok(one === link.current && other === one);
  });

  it('goes on after the sleep of a machine only as far as the window has not passed, by the larger clock', async () => {
    const { link, clock, told, pass } = linked();
    link.lost();
    await pass(20);
    clock.sleep(windowMs);
    await pass(130);
    assert.deepEqual(told, ['lost', 'over: connection_lost']);
  });

  it('can be lost and resumed again and again, each time with a whole window', async () => {
    const { link, script, told, pass } = linked();
    for (let times = 0; times < 3; times++) {
      script.open = fails('connection_lost');
      link.lost();
      await pass(windowMs - 1_000);
      script.open = async () => undefined;
      await pass(1_000);
    }
    assert.deepEqual(told, Array.from({ length: 3 }, () => ['lost', 'resumed', 'delivers']).flat());
  });

  const refusals: [ErrorCode, boolean][] = [
    ['resume_refused', false],
    ['meeting_ended', false],
    ['meeting_not_found', false],
    ['unsupported_protocol', false],
    ['malformed', false],
    ['draining', true],
    ['custodian_lost', true],
    ['internal', true],
    ['connection_lost', true],
  ];
  for (const [code, again] of refusals) {
    it(`is ${again ? 'tried again' : 'given up'} when the server says ${code}`, async () => {
      const { link, script, told, sockets, pass } = linked();
      script.open = async () => undefined;
      script.resume = fails(code);
      link.lost();
      await pass(100);
      assert.deepEqual(
        sockets.map(({ closed }) => closed),
        [true],
      );
      script.resume = async () => undefined;
      await pass(100);
      assert.deepEqual(told, again ? ['lost', 'resumed', 'delivers'] : ['lost', `over: ${code}`]);
    });
  }

  it('is not resumed over a socket that is gone by the time of the answer', async () => {
    const { link, script, sockets, told, pass } = linked();
    script.open = async () => undefined;
    script.resume = async () => sockets.at(-1)?.close();
    link.lost();
    await pass(20);
    assert.deepEqual(told, ['lost']);
    script.resume = async () => undefined;
    await pass(200);
    assert.deepEqual(told, ['lost', 'resumed', 'delivers']);
  });
});

describe('a connection that is closed', () => {
  it('closes its socket, tells nobody, and refuses whoever waits or asks', async () => {
    const { link, first, told, pass } = linked();
    link.close(new LatchkeyError('meeting_ended'));
    link.close(new LatchkeyError('closed'));
    link.lost();
    await pass(500);
    assert.equal(first.closed, true);
    assert.deepEqual(told, []);
    assert.equal(await codeOf(link.ready()), 'meeting_ended');
  });

  it('is not tried again, whatever it was doing', async () => {
    for (const doing of ['opening', 'resuming', 'pausing'] as const) {
      const { link, script, sockets, attempts, told, pass } = linked();
      const step = Promise.withResolvers<void>();
      if (doing !== 'pausing') script.open = async () => undefined;
      if (doing === 'opening') script.open = () => step.promise;
      if (doing === 'resuming') script.resume = () => step.promise;
      link.lost();
      const waits = codeOf(link.ready());
      await pass(20);
      link.close(new LatchkeyError('closed'));
      step.resolve();
      await pass(1_000);
      assert.deepEqual([doing, told, attempts.length], [doing, ['lost'], 1]);
      assert.equal(await waits, 'closed');
      assert.ok(sockets.every(({ closed }) => closed));
    }
  });
});
