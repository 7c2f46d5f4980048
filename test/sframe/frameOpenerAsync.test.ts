import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochId } from '../../src/protocol/names.ts';
import type { AsyncCrypto } from '../../src/sframe/crypto.ts';
import { deriveEpochKey } from '../../src/sframe/epochKeys.ts';
import { FrameOpener } from '../../src/sframe/frameOpener.ts';
import { FrameSealer } from '../../src/sframe/frameSealer.ts';
import { nodeCryptoAsync, webCrypto } from './cryptos.ts';
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
  sessionKey,
  vp8DeltaFrame,
  vp8KeyFrame,
} from './streams.ts';

const webEpochKey = (epoch: number) =>
  deriveEpochKey(webCrypto, { secret: sessionKey(epoch), incarnation, epoch: epochId(epoch) });

const options = { origin, codec: 'opus', incarnation } as const;

test('what node:crypto seals WebCrypto opens, and the other way round', async () => {
  for (const [codec, frame] of [
    ['opus', opusFrame],
    ['opus', new Uint8Array(0)],
    ['vp8', vp8KeyFrame],
    ['vp8', vp8DeltaFrame],
  ] as const) {
    const opener = new FrameOpener(webCrypto, { ...options, codec });
    opener.install(await webEpochKey(1));
    assert.deepEqual(await opener.open(nodeSealer(codec, 1).seal(frame, now)), { ok: true, frame });

    const sealer = new FrameSealer(webCrypto, { stream: claimed(), codec, incarnation });
    await sealer.install(await webEpochKey(1), never);
    assert.deepEqual(nodeOpener(codec, 1).open(await sealer.seal(frame, now)), { ok: true, frame });
  }
});

test('one frame handed in twice at once is opened once', async () => {
  const opener = new FrameOpener(webCrypto, options);
  opener.install(await webEpochKey(1));
  const sealed = nodeSealer('opus', 1).seal(opusFrame, now);
  const results = await Promise.all([opener.open(sealed), opener.open(sealed), opener.open(sealed)]);
  assert.equal(results.filter((result) => result.ok).length, 1);
  assert.equal(results.filter((result) => !result.ok && result.reason === 'replayed').length, 2);
});

test('an epoch that is retired while its frame is being opened gives no frame', async () => {
  const opener = new FrameOpener(webCrypto, options);
  opener.install(await webEpochKey(1));
  const opening = opener.open(nodeSealer('opus', 1).seal(opusFrame, now));
  opener.retire(epochId(1));
  assert.deepEqual(await opening, { ok: false, reason: 'staleEpoch' });
});

test('every bit flipped in a sealed frame, and every truncation, is refused by WebCrypto too', async () => {
  const opener = new FrameOpener(webCrypto, { ...options, codec: 'vp8' });
  opener.install(await webEpochKey(1));
  const sealed = nodeSealer('vp8', 1).seal(vp8DeltaFrame, now);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = sealed.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal((await opener.open(flipped)).ok, false);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.equal((await opener.open(sealed.subarray(0, length))).ok, false);
  }
  assert.deepEqual(await opener.open(sealed), { ok: true, frame: vp8DeltaFrame });
});

test('a derivation that failed is tried again with the next frame, and derived once for frames at once', async () => {
  let calls = 0;
  const failsOnce: AsyncCrypto<Buffer, Buffer> = {
    ...nodeCryptoAsync,
    async deriveKey(secret, derivation) {
      if (++calls === 1) throw new Error('the platform failed');
      return nodeCryptoAsync.deriveKey(secret, derivation);
    },
  };
  const opener = new FrameOpener(failsOnce, options);
  opener.install(nodeEpochKey(1));
  const sealer = nodeSealer('opus', 1);
  const [first, second] = [sealer.seal(opusFrame, now), sealer.seal(opusFrame, now)];
  await assert.rejects(opener.open(first), /the platform failed/);
  const results = await Promise.all([opener.open(first), opener.open(second)]);
  assert.ok(results.every((result) => result.ok));
  assert.equal(calls, 2);
});

test('an error of WebCrypto that is not about the tag is no bad tag', async () => {
  const { baseKey } = await webEpochKey(1);
  // A key for derivations cannot decrypt: InvalidAccessError, our mistake and not a peer's.
  const out = new Uint8Array(4);
  const call = webCrypto.open(baseKey, new Uint8Array(12), new Uint8Array(0), new Uint8Array(20), out);
  await assert.rejects(call, { name: 'InvalidAccessError' });
});
