import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import type { SyncCrypto } from '../../src/sframe/crypto.ts';
import { deriveEpochKey, deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { maxFramesPerKey } from '../../src/sframe/frame.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { FrameSealer, FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import { decodeHeader } from '../../src/sframe/header.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { SymbolicCrypto, webCrypto } from './cryptos.ts';
import {
  claimed,
  incarnation,
  never,
  nodeEpochKey,
  nodeOpener,
  nodeSealer,
  now,
  opusFrame,
  origin,
  vp8DeltaFrame,
} from './streams.ts';
import { hex, latchkeyVectors } from './vectors.ts';

const symbolicKey = (epoch: number) => ({
  epoch: epochId(epoch),
  baseKey: `base ${epoch}`,
  fingerprint: new Uint8Array(16),
});
const options = () => ({ stream: claimed(), codec: 'opus' as const, incarnation });

test('sealed frames are those computed apart from this code, by both implementations', async () => {
  for (const vector of latchkeyVectors.frames) {
    const session = {
      secret: hex(latchkeyVectors.sessionKey),
      incarnation: hex(latchkeyVectors.incarnation),
      epoch: epochId(vector.epoch),
    };
    const stream = () => new SenderStreams(lease(vector.lease)).claim(streamId(vector.stream));
    const common = { codec: vector.codec, incarnation: session.incarnation };
    const node = new FrameSealerSync(nodeCrypto, { ...common, stream: stream() });
    const web = new FrameSealer(webCrypto, { ...common, stream: stream() });
    node.install(deriveEpochKeySync(nodeCrypto, session), never);
    await web.install(await deriveEpochKey(webCrypto, session), never);
    const plain = hex(vector.plain);
    for (let counter = 0; counter < vector.counter; counter++) {
      node.seal(plain, now);
      await web.seal(plain, now);
    }
    assert.equal(toHex(node.seal(plain, now)), vector.sealed);
    assert.equal(toHex(await web.seal(plain, now)), vector.sealed);
  }
});

test('a sealer without a key, stopped, or past its time to live seals nothing', () => {
  const sealer = nodeSealer('opus');
  assert.equal(sealer.epoch, null);
  assert.throws(() => sealer.seal(opusFrame, now), { code: 'sframe_no_key' });

  sealer.install(nodeEpochKey(1), 2_000);
  assert.equal(sealer.epoch, 1);
  sealer.seal(opusFrame, 1_999);
  assert.throws(() => sealer.seal(opusFrame, 2_000), { code: 'sframe_expired' });
  assert.equal(sealer.epoch, null);
  // A clock that is set back revives nothing.
  assert.throws(() => sealer.seal(opusFrame, 0), { code: 'sframe_expired' });

  sealer.install(nodeEpochKey(2), never);
  sealer.seal(opusFrame, now);
  sealer.stop();
  assert.throws(() => sealer.seal(opusFrame, now), { code: 'sframe_no_key' });
  assert.throws(() => sealer.install(nodeEpochKey(2), never), { code: 'sframe_epoch_order' });
});

test('a time that is no number seals nothing', () => {
  const sealer = nodeSealer('opus');
  sealer.install(nodeEpochKey(1), 2_000);
  assert.throws(() => sealer.seal(opusFrame, NaN), { code: 'sframe_expired' });
  sealer.install(nodeEpochKey(2), NaN);
  assert.throws(() => sealer.seal(opusFrame, now), { code: 'sframe_expired' });
});

test('an epoch is installed once, and never after a later one', () => {
  const sealer = nodeSealer('opus', 3);
  for (const epoch of [3, 2, 0]) {
    assert.throws(() => sealer.install(nodeEpochKey(epoch), never), { code: 'sframe_epoch_order' });
  }
  assert.equal(sealer.epoch, 3);
  sealer.install(nodeEpochKey(4), never);
  assert.equal(sealer.epoch, 4);
});

test('counters rise from 0 under each key and end at the limit', () => {
  const sealer = new FrameSealerSync(nodeCrypto, { ...options(), framesPerKey: 3 });
  const counter = () => decodeHeader(sealer.seal(opusFrame, now)).ctr;
  sealer.install(nodeEpochKey(1), never);
  assert.deepEqual([counter(), counter(), counter()], [0, 1, 2]);
  assert.throws(counter, { code: 'sframe_counter_exhausted' });
  assert.throws(counter, { code: 'sframe_counter_exhausted' });
  sealer.install(nodeEpochKey(2), never);
  assert.equal(counter(), 0);
});

test('a limit that is none of 1 … 2^32 is a RangeError, as is an incarnation of another length', () => {
  for (const framesPerKey of [0, -1, 1.5, NaN, maxFramesPerKey + 1]) {
    assert.throws(() => new FrameSealerSync(nodeCrypto, { ...options(), framesPerKey }), RangeError);
  }
  const short = { ...options(), incarnation: new Uint8Array(15) };
  assert.throws(() => new FrameSealerSync(nodeCrypto, short), RangeError);
});

test('a frame shorter than its clear prefix is refused and takes no counter', () => {
  const sealer = nodeSealer('vp8', 1);
  assert.throws(() => sealer.seal(new Uint8Array(0), now), { code: 'sframe_malformed' });
  assert.throws(() => sealer.seal(new Uint8Array(9), now), { code: 'sframe_malformed' });
  assert.equal(decodeHeader(sealer.seal(vp8DeltaFrame, now).subarray(3)).ctr, 0);
});

test('a counter is spent even when the AEAD fails', () => {
  const crypto = new SymbolicCrypto();
  let failing = true;
  const failsOnce: SyncCrypto<string, string> = {
    importSecret: (bytes) => crypto.importSecret(bytes),
    deriveBytes: (...call) => crypto.deriveBytes(...call),
    deriveSecret: (...call) => crypto.deriveSecret(...call),
    deriveKey: (...call) => crypto.deriveKey(...call),
    seal(...call) {
      crypto.seal(...call);
      if (failing) throw new Error('out of memory');
    },
    open: (...call) => crypto.open(...call),
    wipe: (handle) => crypto.wipe(handle),
  };
  const sealer = new FrameSealerSync(failsOnce, options());
  sealer.install(symbolicKey(1), never);
  assert.throws(() => sealer.seal(opusFrame, now), /out of memory/);
  failing = false;
  sealer.seal(opusFrame, now);
  assert.equal(new Set(crypto.sealed).size, 2);
});

test('keys and salts of node:crypto are zero once they are replaced, expired or stopped', () => {
  const derived: Uint8Array[][] = [];
  const watching: SyncCrypto<Buffer, Buffer> = {
    ...nodeCrypto,
    deriveKey(secret, derivation) {
      const key = nodeCrypto.deriveKey(secret, derivation);
      derived.push([key]);
      return key;
    },
    deriveBytes(secret, derivation) {
      const salt = nodeCrypto.deriveBytes(secret, derivation);
      derived.at(-1)?.push(salt);
      return salt;
    },
  };
  const sealer = new FrameSealerSync(watching, options());
  const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
  const state = () =>
    derived.map((pair) => (pair.every(isZero) ? 'wiped' : pair.some(isZero) ? 'half' : 'live'));
  sealer.install(nodeEpochKey(1), never);
  assert.deepEqual(state(), ['live']);
  sealer.install(nodeEpochKey(2), 5_000);
  assert.deepEqual(state(), ['wiped', 'live']);
  assert.throws(() => sealer.seal(opusFrame, 5_000), { code: 'sframe_expired' });
  assert.deepEqual(state(), ['wiped', 'wiped']);
  sealer.install(nodeEpochKey(3), never);
  sealer.stop();
  assert.deepEqual(state(), ['wiped', 'wiped', 'wiped']);
});

test('an incarnation that its caller overwrites later changes nothing', () => {
  const handedIn = incarnation.slice();
  const sealer = new FrameSealerSync(nodeCrypto, { ...options(), incarnation: handedIn });
  const opener = new FrameOpenerSync(nodeCrypto, { origin, codec: 'opus', incarnation: handedIn });
  handedIn.fill(0);
  sealer.install(nodeEpochKey(1), never);
  opener.install(nodeEpochKey(1));
  const sealed = sealer.seal(opusFrame, now);
  assert.equal(opener.open(sealed).ok, true);
  assert.equal(nodeOpener('opus', 1).open(sealed).ok, true);
});

type Step =
  | { kind: 'install'; by: number; sealer: number }
  | { kind: 'seal'; sealer: number; atMs: number }
  | { kind: 'stop'; sealer: number }
  | { kind: 'claim'; stream: number };

// Installs aim around the epoch installed last: before it, the same, just after it, and 256 away, where KIDs repeat.
const sealerIndex = fc.nat(3);
const atMs = fc.oneof({ weight: 9, arbitrary: fc.nat(59) }, { weight: 1, arbitrary: fc.constant(60) });
const by = fc.constantFrom(-256, -2, -1, 0, 0, 1, 1, 1, 2, 255, 256);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('install' as const), by, sealer: sealerIndex }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('seal' as const), sealer: sealerIndex, atMs }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), sealer: sealerIndex }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('claim' as const), stream: fc.nat(3) }) },
);

const expectedCodes = new Set([
  'sframe_no_key',
  'sframe_expired',
  'sframe_epoch_order',
  'sframe_counter_exhausted',
]);
const isExpected = (thrown: unknown): boolean =>
  thrown instanceof RangeError || (thrown instanceof LatchkeyError && expectedCodes.has(thrown.code));

test('no key and counter ever seal two frames, whatever is installed, stopped and claimed again', () => {
  let sealed = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
      const crypto = new SymbolicCrypto();
      const streams = new SenderStreams(lease(1));
      const sealers: FrameSealerSync<string, string>[] = [];
      let epoch = 300;
      const act = (next: Step): void => {
        if (next.kind === 'claim') {
          const stream = streams.claim(streamId(next.stream));
          sealers.push(new FrameSealerSync(crypto, { stream, codec: 'opus', incarnation, framesPerKey: 5 }));
          return;
        }
        const sealer = sealers[next.sealer];
        if (sealer === undefined) return;
        if (next.kind === 'install') {
          epoch = Math.max(0, epoch + next.by);
          sealer.install(symbolicKey(epoch), 60);
        } else if (next.kind === 'seal') sealer.seal(opusFrame, next.atMs);
        else sealer.stop();
      };
      for (const next of [{ kind: 'claim', stream: 0 } as const, ...steps]) {
        try {
          act(next);
        } catch (thrown) {
          assert.ok(isExpected(thrown), String(thrown));
        }
      }
      sealed += crypto.sealed.length;
      assert.equal(new Set(crypto.sealed).size, crypto.sealed.length);
    }),
    { numRuns: 500 },
  );
  assert.ok(sealed > 1_000, `${sealed} frames were sealed`);
});
