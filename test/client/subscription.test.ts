import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Subscription } from '../../src/client/browser/subscription.ts';
import type { Wanted } from '../../src/client/browser/subscription.ts';
import { Slot } from '../../src/client/browser/slot.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';

const received = (spatialLayer: number | null = null): Wanted => ({ kind: 'received', spatialLayer });
const paused: Wanted = { kind: 'paused' };
const none: Wanted = { kind: 'none' };

/** Settles everything that is under way, unless it waits for the test. */
const quiet = async (): Promise<void> => {
  for (let turns = 0; turns < 20; turns++) await turn();
};

const make = () => {
  const log: string[] = [];
  const slot = new Slot<string>();
  slot.set('transport');
  /** The code with which the next call of this is refused. */
  const refusals = new Map<string, ErrorCode[]>();
  const holds = new Map<string, Promise<void>>();
  let serial = 0;
  const call = async (what: string): Promise<void> => {
    log.push(what);
    const [name = ''] = what.split(' ');
    const hold = holds.get(name);
    holds.delete(name);
    await hold;
    const code = refusals.get(name)?.shift();
    if (code !== undefined) throw new LatchkeyError(code);
  };
  const subscription: Subscription<string, string> = new Subscription<string, string>({
    path: () => slot.ready(),
    consume: async () => {
      await call('consume');
      return {
        consumerId: `c${++serial}`,
        producerId: 'p',
        kind: 'video',
        rtpParameters: {},
        lease: 1,
        stream: 0,
        producerPaused: false,
      };
    },
    attach: async (path, { consumerId }) => {
      await call(`attach ${consumerId} ${path}`);
      return consumerId;
    },
    detach: (receiving) => log.push(`detach ${receiving}`),
    ask: (method, { consumerId, ...rest }) =>
      call([method, consumerId, ...Object.values(rest)].map(String).join(' ')),
    pause: async () => void log.push('wait'),
    onReceiving: (receiving) => log.push(`on ${receiving}`),
    onEnded: (receiving) => log.push(`off ${receiving}`),
    // As its owner does: everything that is on it is lost with it.
    onPathGone: (path) => {
      log.push(`gone ${path}`);
      slot.clear();
      subscription.lost();
    },
    onFailed: ({ code }) => log.push(`failed ${code}`),
  });
  /** Makes the next call of this wait; the answer lets it go on. */
  const hold = (name: string): (() => void) => {
    let release = (): void => undefined;
    holds.set(name, new Promise((resolve) => (release = resolve)));
    return () => release();
  };
  const did = async (): Promise<string[]> => {
    await quiet();
    return log.splice(0);
  };
  return { subscription, slot, refusals, hold, did };
};

const opened = ['consume', 'attach c1 transport', 'resumeConsumer c1', 'on c1'];

describe('a subscription', () => {
  it('is resumed once its receiver is attached, and then said to be there', async () => {
    const { subscription, did } = make();
    assert.deepEqual(await did(), []);
    subscription.want(received());
    assert.deepEqual(await did(), opened);
    assert.equal(subscription.receiving, 'c1');
    subscription.want(received());
    assert.deepEqual(await did(), []);
  });

  it('is never opened for what is only kept', async () => {
    const { subscription, did } = make();
    subscription.want(paused);
    assert.deepEqual(await did(), []);
  });

  it('asks for its layer before anything comes, and again when it changes', async () => {
    const { subscription, did } = make();
    subscription.want(received(0));
    assert.deepEqual(await did(), [
      'consume',
      'attach c1 transport',
      'setPreferredLayers c1 0',
      'resumeConsumer c1',
      'on c1',
    ]);
    subscription.want(received(2));
    subscription.want(received(2));
    assert.deepEqual(await did(), ['setPreferredLayers c1 2']);
  });

  it('pauses, goes on without another stream, and closes', async () => {
    const { subscription, did } = make();
    subscription.want(received());
    await did();
    subscription.want(paused);
    assert.deepEqual(await did(), ['pauseConsumer c1']);
    subscription.want(received());
    assert.deepEqual(await did(), ['resumeConsumer c1']);
    subscription.want(none);
    assert.deepEqual(await did(), ['off c1', 'detach c1', 'closeConsumer c1']);
    assert.equal(subscription.receiving, null);
    subscription.want(received());
    assert.deepEqual(await did(), ['consume', 'attach c2 transport', 'resumeConsumer c2', 'on c2']);
  });

  it('does what is wanted in the end, whatever was wanted while it was busy', async () => {
    const { subscription, hold, did } = make();
    const release = hold('attach');
    subscription.want(received());
    await did();
    for (const wanted of [none, received(1), paused, none, paused]) subscription.want(wanted);
    release();
    assert.deepEqual(await did(), [], 'it stays paused as it began, and nobody is told of it');
    subscription.want(none);
    assert.deepEqual(await did(), ['detach c1', 'closeConsumer c1']);
  });

  it('waits for a transport', async () => {
    const { subscription, slot, did } = make();
    slot.clear();
    subscription.want(received());
    assert.deepEqual(await did(), []);
    slot.set('another');
    assert.deepEqual((await did()).slice(0, 2), ['consume', 'attach c1 another']);
  });

  it('is not opened where it is wanted no more when the transport comes', async () => {
    const { subscription, slot, did } = make();
    slot.clear();
    subscription.want(received());
    await did();
    subscription.want(none);
    slot.set('another');
    assert.deepEqual(await did(), []);
  });

  it('is made anew when it is lost', async () => {
    const { subscription, did } = make();
    subscription.want(received(1));
    await did();
    subscription.lost();
    assert.deepEqual(await did(), [
      'off c1',
      'detach c1',
      'consume',
      'attach c2 transport',
      'setPreferredLayers c2 1',
      'resumeConsumer c2',
      'on c2',
    ]);
  });

  for (const at of ['consume', 'attach', 'resumeConsumer']) {
    it(`is made anew when it is lost during ${at}, without a word of the first`, async () => {
      const { subscription, hold, did } = make();
      const release = hold(at);
      subscription.want(received());
      await did();
      subscription.lost();
      release();
      const after = await did();
      assert.ok(after.includes('on c2') && !after.includes('on c1'), String(after));
      assert.equal(after.includes('off c1'), false);
      assert.equal(subscription.receiving, 'c2');
    });

    it(`ends during ${at} and leaves nothing attached`, async () => {
      const { subscription, hold, did } = make();
      const release = hold(at);
      subscription.want(received());
      const before = await did();
      subscription.end();
      subscription.end();
      release();
      const all = [...before, ...(await did())];
      assert.equal(all.filter((what) => what.startsWith('on')).length, 0);
      assert.equal(
        all.filter((what) => what.startsWith('attach')).length,
        all.filter((what) => what.startsWith('detach')).length,
      );
      assert.deepEqual(await did(), []);
    });
  }

  it('is nothing that fails where its producer has just gone', async () => {
    const { subscription, refusals, did } = make();
    refusals.set('consume', ['producer_not_found']);
    subscription.want(received());
    assert.deepEqual(await did(), ['consume']);
  });

  it('is tried again where that may help, and not without end', async () => {
    const { subscription, refusals, did } = make();
    refusals.set('consume', ['worker_died', 'busy']);
    subscription.want(received());
    assert.deepEqual(await did(), ['consume', 'wait', 'consume', 'wait', ...opened]);
    refusals.set(
      'consume',
      Array.from({ length: 20 }, () => 'worker_died' as const),
    );
    subscription.lost();
    const tried = await did();
    assert.equal(tried.filter((what) => what === 'consume').length, 5);
    assert.equal(tried.at(-1), 'failed worker_died');
    refusals.clear();
    subscription.lost();
    assert.ok((await did()).includes('consume'), 'what changes makes it try again');
  });

  it('tells that its transport is gone, and goes on with the next', async () => {
    const { subscription, slot, refusals, did } = make();
    refusals.set('consume', ['transport_not_found']);
    subscription.want(received());
    assert.deepEqual(await did(), ['consume', 'gone transport']);
    slot.set('another');
    assert.deepEqual(await did(), ['consume', 'attach c1 another', 'resumeConsumer c1', 'on c1']);
  });

  it('is made anew where the server knows its consumer no more', async () => {
    const { subscription, refusals, did } = make();
    subscription.want(received());
    await did();
    refusals.set('setPreferredLayers', ['consumer_not_found']);
    subscription.want(received(2));
    const after = await did();
    assert.deepEqual(after.slice(0, 4), ['setPreferredLayers c1 2', 'off c1', 'detach c1', 'wait']);
    assert.ok(after.includes('on c2'));
  });

  it('takes nothing but what was announced, and closes the rest', async () => {
    const { subscription, refusals, did } = make();
    refusals.set('attach', ['codec_refused']);
    subscription.want(received());
    assert.deepEqual(await did(), [
      'consume',
      'attach c1 transport',
      'failed codec_refused',
      'closeConsumer c1',
    ]);
  });
});
