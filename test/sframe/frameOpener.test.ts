import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import type { SyncCrypto } from '../../src/sframe/crypto.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import { encodeHeader } from '../../src/sframe/header.ts';
import { concatBytes } from '../../src/protocol/bytes.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { SymbolicCrypto } from './cryptos.ts';
import {
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
import { hex, latchkeyVectors } from './vectors.ts';

const opened = (frame: Uint8Array) => ({ ok: true, frame });
const refused = (reason: string) => ({ ok: false, reason });

test('what is sealed opens, with the clear prefix in front', () => {
  for (const [codec, frame, prefix] of [
    ['opus', opusFrame, 0],
    ['opus', new Uint8Array(0), 0],
    ['vp8', vp8KeyFrame, 10],
    ['vp8', vp8DeltaFrame, 3],
    ['vp8', vp8KeyFrame.subarray(0, 10), 10],
  ] as const) {
    const sealed = nodeSealer(codec, 1).seal(frame, now);
    assert.deepEqual(sealed.subarray(0, prefix), frame.subarray(0, prefix));
    // Header: config byte, KID of 2 bytes, counter 0 in the config byte.
    assert.equal(sealed.length, frame.length + 3 + 16);
    assert.deepEqual(nodeOpener(codec, 1).open(sealed), opened(frame.slice()));
  }
});

test('the frames computed apart from this code open', () => {
  for (const vector of latchkeyVectors.frames) {
    const vectorIncarnation = hex(latchkeyVectors.incarnation);
    const session = { secret: hex(latchkeyVectors.sessionKey), incarnation: vectorIncarnation };
    const opener = new FrameOpenerSync(nodeCrypto, {
      origin: { lease: lease(vector.lease), stream: streamId(vector.stream) },
      codec: vector.codec,
      incarnation: vectorIncarnation,
    });
    opener.install(deriveEpochKeySync(nodeCrypto, { ...session, epoch: epochId(vector.epoch) }));
    assert.deepEqual(opener.open(hex(vector.sealed)), opened(hex(vector.plain)));
  }
});

test('frames in any order open once', () => {
  const sealer = nodeSealer('opus', 1);
  const opener = nodeOpener('opus', 1);
  const [first, second, third] = [1, 2, 3].map(() => sealer.seal(opusFrame, now));
  assert.ok(first && second && third);
  for (const frame of [second, third, first]) assert.equal(opener.open(frame).ok, true);
  for (const frame of [first, second, third]) assert.deepEqual(opener.open(frame), refused('replayed'));
});

test('a forged counter far ahead does not move the replay window', () => {
  const opener = nodeOpener('opus', 1);
  const sealed = nodeSealer('opus', 1).seal(opusFrame, now);
  const kid = origin.lease * 4096 + origin.stream * 256 + 1;
  const forged = concatBytes(encodeHeader({ kid, ctr: 2 ** 31 }), sealed.subarray(3));
  assert.deepEqual(opener.open(forged), refused('badTag'));
  assert.deepEqual(opener.open(sealed), opened(opusFrame));
});

test('only the announced lease and stream are opened, though every member has the key', () => {
  const opener = nodeOpener('opus', 1);
  for (const [otherLease, otherStream] of [
    [9, 3],
    [8, 2],
    [2, 9],
    [4_294_967_295, 15],
  ] as const) {
    const stream = new SenderStreams(lease(otherLease)).claim(streamId(otherStream));
    const sealer = new FrameSealerSync(nodeCrypto, { stream, codec: 'opus', incarnation });
    sealer.install(nodeEpochKey(1), never);
    assert.deepEqual(opener.open(sealer.seal(opusFrame, now)), refused('foreignOrigin'));
  }
});

test('a KID that is none of Latchkey is a foreign origin, a counter that none of its senders reaches malformed', () => {
  const opener = nodeOpener('opus', 1);
  const rest = new Uint8Array(40);
  for (const kid of [0, 7, 4_095, 2 ** 44, 2n ** 64n - 1n]) {
    assert.deepEqual(opener.open(concatBytes(encodeHeader({ kid, ctr: 0 }), rest)), refused('foreignOrigin'));
  }
  const kid = origin.lease * 4096 + origin.stream * 256 + 1;
  for (const ctr of [2 ** 32, 2 ** 53 - 1, 2n ** 64n - 1n]) {
    assert.deepEqual(opener.open(concatBytes(encodeHeader({ kid, ctr }), rest)), refused('malformed'));
  }
  assert.deepEqual(
    opener.open(concatBytes(encodeHeader({ kid, ctr: 2 ** 32 - 1 }), rest)),
    refused('badTag'),
  );
});

test('another meeting, incarnation or epoch secret opens nothing', () => {
  const sealed = nodeSealer('opus', 1).seal(opusFrame, now);
  const wrong = [
    { secret: sessionKey(2), incarnation },
    { secret: new Uint8Array(32), incarnation },
    { secret: sessionKey(1), incarnation: new Uint8Array(16) },
  ];
  for (const session of wrong) {
    const opener = new FrameOpenerSync(nodeCrypto, {
      origin,
      codec: 'opus',
      incarnation: session.incarnation,
    });
    opener.install(deriveEpochKeySync(nodeCrypto, { ...session, epoch: epochId(1) }));
    assert.deepEqual(opener.open(sealed), refused('badTag'));
  }
});

test('the incarnation is in the AAD, not only in the base key', () => {
  const opener = new FrameOpenerSync(nodeCrypto, { origin, codec: 'opus', incarnation: new Uint8Array(16) });
  opener.install(nodeEpochKey(1));
  assert.deepEqual(opener.open(nodeSealer('opus', 1).seal(opusFrame, now)), refused('badTag'));
});

test('a frame of a retired epoch is stale, of an epoch never held its key is missing', () => {
  const opener = nodeOpener('opus', 3, 4);
  const frameOf = (epoch: number) => nodeSealer('opus', epoch).seal(opusFrame, now);
  assert.deepEqual(opener.open(frameOf(2)), refused('missingKey'));
  assert.deepEqual(opener.open(frameOf(5)), refused('missingKey'));
  assert.equal(opener.open(frameOf(3)).ok, true);
  opener.retire(epochId(3));
  assert.deepEqual(opener.open(frameOf(3)), refused('staleEpoch'));
  assert.equal(opener.open(frameOf(4)).ok, true);
  opener.retire(epochId(4));
  assert.deepEqual(opener.open(frameOf(4)), refused('staleEpoch'));
  assert.deepEqual(opener.open(frameOf(2)), refused('missingKey'));
  assert.deepEqual(opener.open(frameOf(5)), refused('missingKey'));
});

test('the low byte of an epoch long retired, seen again, means the one to come', () => {
  const opener = nodeOpener('opus', 1);
  opener.retire(epochId(1));
  opener.install(nodeEpochKey(128));
  const sealed = nodeSealer('opus', 257).seal(opusFrame, now);
  assert.deepEqual(opener.open(sealed), refused('staleEpoch'));
  opener.install(nodeEpochKey(129));
  assert.deepEqual(opener.open(sealed), refused('missingKey'));
  opener.install(nodeEpochKey(257));
  assert.deepEqual(opener.open(sealed), opened(opusFrame));
});

test('an epoch with the low byte of one that is held takes its place', () => {
  const opener = nodeOpener('opus', 1, 2, 257);
  assert.deepEqual(opener.open(nodeSealer('opus', 1).seal(opusFrame, now)), refused('badTag'));
  assert.equal(opener.open(nodeSealer('opus', 257).seal(opusFrame, now)).ok, true);
  assert.equal(opener.open(nodeSealer('opus', 2).seal(opusFrame, now)).ok, true);
});

test('keys of 16 epochs are held; a 17th ends the lowest', () => {
  const epochs = Array.from({ length: 17 }, (_, i) => i + 250);
  const opener = nodeOpener('opus', ...epochs);
  const frames = epochs.map((epoch) => nodeSealer('opus', epoch).seal(opusFrame, now));
  const results = frames.map((frame) => opener.open(frame));
  assert.deepEqual(results[0], refused('staleEpoch'));
  assert.ok(results.slice(1).every((result) => result.ok));
});

test('an epoch is never installed twice, before or after it ended: its replay window would be new', () => {
  const opener = nodeOpener('opus', 3);
  assert.throws(() => opener.install(nodeEpochKey(3)), { code: 'sframe_epoch_order' });
  assert.throws(() => opener.install(nodeEpochKey(2)), { code: 'sframe_epoch_order' });
  opener.retire(epochId(5));
  for (const epoch of [3, 4, 5]) {
    assert.throws(() => opener.install(nodeEpochKey(epoch)), { code: 'sframe_epoch_order' });
  }
  opener.install(nodeEpochKey(6));
});

test('replay windows of different epochs are apart', () => {
  const sealer = nodeSealer('opus', 1);
  const opener = nodeOpener('opus', 1, 2);
  assert.equal(opener.open(sealer.seal(opusFrame, now)).ok, true);
  sealer.install(nodeEpochKey(2), never);
  assert.equal(opener.open(sealer.seal(opusFrame, now)).ok, true);
});

const symbolicKey = (epoch: number) => ({
  epoch: epochId(epoch),
  baseKey: `base ${epoch}`,
  fingerprint: new Uint8Array(16),
});

const symbolicSealer = (...epochs: number[]) => {
  const stream = new SenderStreams(origin.lease).claim(origin.stream);
  const sealer = new FrameSealerSync(new SymbolicCrypto(), { stream, codec: 'opus', incarnation });
  for (const epoch of epochs) sealer.install(symbolicKey(epoch), never);
  return sealer;
};

test('a frame key is derived once per epoch, with its first frame, and wiped when the epoch ends', () => {
  const crypto = new SymbolicCrypto();
  const sealer = symbolicSealer(1);
  const opener = new FrameOpenerSync(crypto, { origin, codec: 'opus', incarnation });
  opener.install(symbolicKey(1));
  assert.equal(crypto.derivedKeys, 0);
  for (let i = 0; i < 5; i++) assert.equal(opener.open(sealer.seal(opusFrame, now)).ok, true);
  assert.equal(crypto.derivedKeys, 1);
  assert.deepEqual(crypto.wiped, []);
  opener.retire(epochId(1));
  assert.equal(crypto.wiped.length, 1);
});

test('a frame key is wiped too when an epoch with the same low byte comes, or the 17th', () => {
  const crypto = new SymbolicCrypto();
  const opener = new FrameOpenerSync(crypto, { origin, codec: 'opus', incarnation });
  const use = (epoch: number) => {
    opener.install(symbolicKey(epoch));
    assert.equal(opener.open(symbolicSealer(epoch).seal(opusFrame, now)).ok, true);
  };
  const ofEpoch = (epoch: number) => crypto.wiped.filter((key) => key.startsWith(`base ${epoch}/`)).length;
  use(1);
  use(257);
  assert.equal(ofEpoch(1), 1);
  for (let epoch = 258; epoch <= 273; epoch++) use(epoch);
  assert.equal(ofEpoch(257), 1);
  assert.equal(crypto.wiped.length, 2);
});

test('what an AEAD wrote before it saw a wrong tag is overwritten', () => {
  const written: Uint8Array[] = [];
  const eager: SyncCrypto<Buffer, Buffer> = {
    ...nodeCrypto,
    open(_key, _nonce, _aad, _sealed, out) {
      written.push(out.fill(0x55));
      return false;
    },
  };
  const opener = new FrameOpenerSync(eager, { origin, codec: 'opus', incarnation });
  opener.install(nodeEpochKey(1));
  assert.deepEqual(opener.open(nodeSealer('opus', 1).seal(opusFrame, now)), refused('badTag'));
  assert.deepEqual(written, [new Uint8Array(opusFrame.length)]);
});
