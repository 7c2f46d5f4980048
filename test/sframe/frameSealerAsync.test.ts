import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import type { AsyncCrypto } from '../../src/sframe/crypto.ts';
import { FrameSealer } from '../../src/sframe/frameSealer.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { SymbolicCrypto } from './cryptos.ts';
import { incarnation, never, now, opusFrame } from './streams.ts';

const epochKey = (epoch: number) => ({
  epoch: epochId(epoch),
  baseKey: `base ${epoch}`,
  fingerprint: new Uint8Array(16),
});

/** Asynchronous symbols whose derivations of keys resolve when `until(epoch's name)` does. */
const slowly = (
  crypto: SymbolicCrypto,
  until: (secret: string) => Promise<unknown>,
): AsyncCrypto<string, string> => ({
  importSecret: async (bytes) => crypto.importSecret(bytes),
  deriveBytes: async (...call) => crypto.deriveBytes(...call),
  deriveSecret: async (...call) => crypto.deriveSecret(...call),
  deriveKey: async (secret, derivation) => {
    await until(secret);
    return crypto.deriveKey(secret, derivation);
  },
  seal: async (...call) => crypto.seal(...call),
  open: async (...call) => crypto.open(...call),
});

const gates = () => {
  const made = new Map<string, PromiseWithResolvers<void>>();
  const gate = (name: string): PromiseWithResolvers<void> => {
    const known = made.get(name) ?? Promise.withResolvers<void>();
    made.set(name, known);
    return known;
  };
  return { until: (name: string) => gate(name).promise, open: (name: string) => gate(name).resolve() };
};

const make = (until: (secret: string) => Promise<unknown>) => {
  const crypto = new SymbolicCrypto();
  const stream = new SenderStreams(lease(1)).claim(streamId(0));
  return { crypto, sealer: new FrameSealer(slowly(crypto, until), { stream, codec: 'opus', incarnation }) };
};

test('the old epoch seals until the key of the new one is there', async () => {
  const { until, open } = gates();
  const { sealer } = make(until);
  open('base 1');
  await sealer.install(epochKey(1), never);
  const installing = sealer.install(epochKey(2), never);
  await sealer.seal(opusFrame, now);
  assert.equal(sealer.epoch, 1);
  open('base 2');
  await installing;
  assert.equal(sealer.epoch, 2);
});

test('of two installs under way the later epoch wins, however late the earlier key comes', async () => {
  const { until, open } = gates();
  const { sealer } = make(until);
  const first = sealer.install(epochKey(1), never);
  const second = sealer.install(epochKey(2), never);
  open('base 2');
  await second;
  open('base 1');
  await first;
  assert.equal(sealer.epoch, 2);
});

test('an epoch whose install is under way cannot be installed again', async () => {
  const { until, open } = gates();
  const { sealer } = make(until);
  const first = sealer.install(epochKey(1), never);
  await assert.rejects(sealer.install(epochKey(1), never), { code: 'sframe_epoch_order' });
  open('base 1');
  await first;
  assert.equal(sealer.epoch, 1);
});

test('a stop is not undone by an install that was under way', async () => {
  const { until, open } = gates();
  const { sealer } = make(until);
  const installing = sealer.install(epochKey(1), never);
  sealer.stop();
  open('base 1');
  await installing;
  await assert.rejects(sealer.seal(opusFrame, now), { code: 'sframe_no_key' });
  open('base 2');
  await sealer.install(epochKey(2), never);
  await sealer.seal(opusFrame, now);
});

test('expiry of the old epoch does not stop the install of the new one', async () => {
  const { until, open } = gates();
  const { sealer } = make(until);
  open('base 1');
  await sealer.install(epochKey(1), 500);
  const installing = sealer.install(epochKey(2), never);
  await assert.rejects(sealer.seal(opusFrame, 500), { code: 'sframe_expired' });
  open('base 2');
  await installing;
  await sealer.seal(opusFrame, 501);
});

type Action = number | 'seal' | 'stop';
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(12) },
  { weight: 8, arbitrary: fc.constant('seal' as const) },
  { weight: 1, arbitrary: fc.constant('stop' as const) },
);

// The scheduler decides in which order derivations end; between two actions it lets some of them end.
test('frames sealed at once and installs that end in any order never share a key and counter', async () => {
  let sealed = 0;
  const actions = fc.array(fc.tuple(action, fc.nat(2)), { minLength: 15, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), actions, async (scheduler, history) => {
      const { crypto, sealer } = make((name) => scheduler.schedule(Promise.resolve(), name));
      const calls: Promise<unknown>[] = [];
      for (const [next, derivationsThatEnd] of history) {
        if (next === 'stop') sealer.stop();
        else
          calls.push(next === 'seal' ? sealer.seal(opusFrame, now) : sealer.install(epochKey(next), never));
        for (let i = 0; i < derivationsThatEnd && scheduler.count() > 0; i++) await scheduler.waitNext(1);
      }
      const [results] = await Promise.all([Promise.allSettled(calls), scheduler.waitIdle()]);
      for (const result of results) {
        if (result.status === 'rejected')
          assert.match(String(result.reason.code), /^sframe_(no_key|epoch_order)$/);
      }
      sealed += crypto.sealed.length;
      assert.equal(new Set(crypto.sealed).size, crypto.sealed.length);
    }),
    { numRuns: 300 },
  );
  assert.ok(sealed > 500, `${sealed} frames were sealed`);
});
