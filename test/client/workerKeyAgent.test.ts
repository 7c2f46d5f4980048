import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { serveAgent } from '../../src/client/browser/serveAgent.ts';
import { WorkerKeyAgent } from '../../src/client/browser/workerKeyAgent.ts';
import type { WorkerPort } from '../../src/client/browser/workerKeyAgent.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import { connect } from '../../src/client/session/connect.ts';
import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { epochId, lease as toLease, streamId } from '../../src/protocol/names.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { capture } from './capture.ts';
import { MeetingServer } from './meetingServer.ts';
import { codeOf, inEpoch, next, until } from './observe.ts';
import { headerOf } from './scene.ts';

/** A worker without a thread: structured clones over a MessageChannel, as between page and worker. */
const startWorker = () => {
  const { port1: page, port2: worker } = new MessageChannel();
  const [toPage, toWorker] = [worker.postMessage.bind(worker), page.postMessage.bind(page)];
  const kept = capture();
  const agent = new LocalKeyAgent(kept.crypto, systemClock);
  const seen = { ended: false, terminated: false, detached: [] as number[], passed: [] as unknown[] };
  const crash: (() => void)[] = [];
  serveAgent(
    agent,
    {
      postMessage: (message) => toPage(message),
      addEventListener: (_type, listener) => {
        worker.on('message', (data: unknown) => listener({ data }));
      },
    },
    (transform) => seen.detached.push(transform),
    () => (seen.ended = true),
  );
  const { promise: terminated, resolve } = Promise.withResolvers<void>();
  const port: WorkerPort = {
    postMessage: (message) => {
      seen.passed.push(message);
      toWorker(message);
    },
    addEventListener: (type: string, listener: (event: { readonly data: unknown }) => void) => {
      if (type === 'message') {
        page.on('message', (data: unknown) => {
          seen.passed.push(data);
          listener({ data });
        });
      } else if (type === 'error') crash.push(() => listener({ data: null }));
    },
    terminate: () => {
      seen.terminated = true;
      page.close();
      worker.close();
      resolve();
    },
  };
  return {
    agent,
    proxy: new WorkerKeyAgent(port),
    kept,
    seen,
    terminated,
    crash: () => crash.forEach((run) => run()),
  };
};

let server: MeetingServer | undefined;
const workers: ReturnType<typeof startWorker>[] = [];

const start = (): ReturnType<typeof startWorker> => {
  const worker = startWorker();
  workers.push(worker);
  return worker;
};

afterEach(async () => {
  for (const { proxy, terminated } of workers.splice(0)) {
    proxy.close();
    await terminated;
  }
  await server?.close();
  server = undefined;
});

describe('the agent in a worker', () => {
  it('keys a session as one in the same process does, and no key passes between page and worker', async () => {
    server = await MeetingServer.start({ automatic: true });
    const worker = start();
    const token = server.token('Ann');
    const session = await connect({
      url: server.url,
      token,
      keyAgent: worker.proxy,
      encodedTransforms: true,
    });
    await inEpoch(session, 0);
    assert.equal(session.epoch?.trigger, 'join');
    assert.equal((await worker.proxy.counts()).sealed, 0);
    await worker.proxy.detach(7);
    assert.deepEqual(worker.seen.detached, [7]);
    await session.leave();
    await worker.terminated;
    assert.equal(worker.seen.ended, true);
    assert.throws(() => worker.agent.sender(0 as never, 'opus'), { code: 'closed' });

    const passed = worker.seen.passed.flatMap((message) => bytesIn(message)).map((bytes) => toHex(bytes));
    assert.ok(passed.length > 5);
    assert.equal(worker.kept.epochSecrets.length, 1);
    for (const key of worker.kept.epochSecrets) {
      for (const text of passed) assert.ok(!text.includes(toHex(key)), 'a session key left the worker');
    }
  });

  it('is admitted anew and proves who it is, and the secrets stay where they are', async () => {
    server = await MeetingServer.start();
    const worker = start();
    const token = server.token('Ann');
    const session = await connect({
      url: server.url,
      token,
      keyAgent: worker.proxy,
      encodedTransforms: true,
      random: () => 0,
    });
    const member = server.member('Ann');
    server.rotate({ joins: [member] });
    await inEpoch(session, 0);
    const first = session.lease;
    await server.readmit(member);
    await until(async () => (await worker.proxy.prove(new Uint8Array(32))).length === 2);
    const resumed = next(session, 'connection', ({ state }) => state === 'resumed');
    await member.cut();
    await resumed;
    const made = server.rotate({ moves: [member], trigger: 'renewal' });
    await inEpoch(session, made.epoch);
    assert.notEqual(session.lease, first);
    const sender = worker.agent.sender(streamId(0), 'opus');
    const sealed = (await sender.seal(Uint8Array.of(1, 2, 3))) ?? assert.fail('not sealed');
    assert.equal(headerOf(sealed).lease, session.lease);
    // Another participant's lease changes while the page holds its receiver.
    const [from, to] = [session.lease, toLease(session.lease + 1)];
    const receiver = worker.agent.receiver({ lease: from, stream: streamId(0) }, 'opus');
    await worker.proxy.leases([{ from, to, epoch: epochId(made.epoch + 1) }]);
    const opened = new Promise((resolve) => worker.proxy.on('firstOpened', resolve));
    assert.deepEqual(await receiver.open(sealed), Uint8Array.of(1, 2, 3));
    await opened;

    const secrets = [...worker.kept.resumeSecrets, ...worker.kept.epochSecrets];
    assert.equal(secrets.length, 4);
    const passed = worker.seen.passed.flatMap((message) => bytesIn(message)).map((bytes) => toHex(bytes));
    for (const secret of secrets) {
      for (const text of passed) assert.ok(!text.includes(toHex(secret)), 'a secret left the worker');
    }
  });

  it('passes on what failed, by its code', async () => {
    const { proxy } = start();
    assert.equal(await codeOf(proxy.receive(Uint8Array.of(9))), 'key_message_malformed');
    assert.equal(await codeOf(proxy.activate(epochId(0))), 'closed');
    await proxy.begin();
    const expected = {
      meeting: 'm',
      participantId: 'p',
      role: 'host',
      signingKey: new Uint8Array(32),
    } as const;
    const timers = { receiverGraceMs: 1, epochLifeMs: 1 };
    assert.equal(await codeOf(proxy.admit(new Uint8Array(0), expected, timers)), 'key_message_malformed');
    // Misuse is ours, and its text stays in the worker.
    assert.equal(await codeOf(proxy.admit(new Uint8Array(0), expected, timers)), 'internal');
  });

  it('overwrites before it ends, and answers nothing after', async () => {
    const { proxy, seen, terminated } = start();
    const asked = codeOf(proxy.counts());
    proxy.close();
    proxy.close();
    assert.equal(await asked, 'closed');
    await terminated;
    assert.equal(seen.ended, true);
    assert.equal(await codeOf(proxy.counts()), 'closed');
    await proxy.stop();
  });

  it('says so when it did not start', async () => {
    const { proxy, crash } = start();
    const begun = proxy.begin();
    crash();
    assert.equal(await codeOf(begun), 'media_unsupported');
    assert.equal(await codeOf(proxy.begin()), 'media_unsupported');
  });

  it('ends the session when it is lost', async () => {
    server = await MeetingServer.start({ automatic: true });
    const worker = start();
    const token = server.token('Ann');
    const session = await connect({
      url: server.url,
      token,
      keyAgent: worker.proxy,
      encodedTransforms: true,
    });
    const [failure, ended] = [next(session, 'failure'), next(session, 'ended')];
    worker.crash();
    assert.equal((await failure).code, 'internal');
    assert.deepEqual(await ended, { reason: 'failed' });
    assert.equal(worker.seen.terminated, true);
  });
});

const bytesIn = (value: unknown): Uint8Array[] => {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((inner) => bytesIn(inner));
};
