import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { FrameInspector, retiredSlackMs } from '../../src/media/frameInspector.ts';
import type { ExpectedFrames, SenderLease } from '../../src/media/frameInspector.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import type { Codec } from '../../src/sframe/prefix.ts';
import { rtpPacket, vp8Payloads } from '../../src/load/rtpPackets.ts';
import { never, nodeEpochKey, nodeSealer, now, opusFrame, origin, vp8DeltaFrame } from '../sframe/streams.ts';

const always: SenderLease = { lease: origin.lease, from: epochId(0), until: null };
const expected = (over: Partial<ExpectedFrames> = {}): ExpectedFrames => ({
  leases: [always],
  stream: origin.stream,
  codec: 'opus',
  ...over,
});

/** Frames of the honest stream of test/sframe, in packets. */
const sealing = (codec: Codec, ...epochs: number[]) => {
  const sealer = nodeSealer(codec, ...epochs);
  return (frame: Uint8Array): Buffer => packet(codec, sealer.seal(frame, now));
};

const packet = (codec: Codec, sealed: Uint8Array): Buffer => {
  const [payload = Buffer.alloc(0)] = codec === 'opus' ? [sealed] : vp8Payloads(sealed, 1);
  return rtpPacket(
    { payloadType: 100, sequence: 1, timestamp: 1, ssrc: 1, marker: sealed.length < 1_180 },
    payload,
  );
};

const inspecting = (...live: number[]) => {
  const epochs: EpochId[] = live.map((epoch) => epochId(epoch));
  const inspector = new FrameInspector({
    liveEpochs: () => epochs,
    digest: (bytes) => hash('sha256', bytes, 'base64url'),
  });
  const kindOf = (bytes: Uint8Array, over: Partial<ExpectedFrames> = {}, atMs = 0): string | null =>
    inspector.inspect(expected(over), bytes, atMs)?.kind ?? null;
  return { inspector, epochs, kindOf };
};

describe('frames are judged by their headers', () => {
  it('honest frames of both codecs, over epochs that follow each other, raise nothing', () => {
    for (const [codec, frame] of [
      ['opus', opusFrame],
      ['vp8', vp8DeltaFrame],
    ] as const) {
      const { inspector, epochs, kindOf } = inspecting(255);
      const sealer = nodeSealer(codec, 255);
      const next = (): string | null => kindOf(packet(codec, sealer.seal(frame, now)), { codec });
      for (let i = 0; i < 300; i++) assert.equal(next(), null);
      epochs.push(epochId(256));
      sealer.install(nodeEpochKey(256), never);
      for (let i = 0; i < 300; i++) assert.equal(next(), null);
      assert.deepEqual(inspector.counts, { inspected: 600, outOfOrder: 0 });
    }
  });

  it('a lease that is none of the member’s', () => {
    const { kindOf } = inspecting(1);
    const seal = sealing('opus', 1);
    assert.equal(kindOf(seal(opusFrame), { leases: [{ ...always, lease: lease(10) }] }), 'foreignLease');
    assert.equal(kindOf(seal(opusFrame), { leases: [] }), 'foreignLease');
  });

  it('after a readmission the old lease below the move, the new one from it on', () => {
    const { kindOf } = inspecting(4, 5);
    const before = { lease: origin.lease, from: epochId(0), until: epochId(5) };
    const after = { lease: lease(10), from: epochId(5), until: null };
    assert.equal(kindOf(sealing('opus', 4)(opusFrame), { leases: [before, after] }), null);
    assert.equal(kindOf(sealing('opus', 5)(opusFrame), { leases: [before, after] }), 'foreignLease');
    const moved = { lease: origin.lease, from: epochId(5), until: null };
    assert.equal(kindOf(sealing('opus', 5)(opusFrame), { leases: [moved] }), null);
    assert.equal(kindOf(sealing('opus', 4)(opusFrame), { leases: [moved] }), 'foreignLease');
  });

  it('another stream than the producer’s', () => {
    const { kindOf } = inspecting(1);
    assert.equal(kindOf(sealing('opus', 1)(opusFrame), { stream: streamId(3) }), 'foreignStream');
  });

  it('an epoch that is not in use, before its activation and after its retirement and the slack', () => {
    const { inspector, epochs, kindOf } = inspecting(7);
    const seal = sealing('opus', 7);
    assert.equal(kindOf(sealing('opus', 8)(opusFrame)), 'deadEpoch');
    assert.equal(kindOf(sealing('opus', 6)(opusFrame)), 'deadEpoch');
    assert.equal(kindOf(seal(opusFrame)), null);
    epochs.length = 0;
    inspector.retired(epochId(7), 1_000);
    assert.equal(kindOf(seal(opusFrame), {}, 1_000 + retiredSlackMs - 1), null);
    assert.equal(kindOf(seal(opusFrame), {}, 1_000 + retiredSlackMs), 'deadEpoch');
  });

  it('epochs are told modulo 256: the one 256 later is no other', () => {
    const { kindOf } = inspecting(300);
    const seal = sealing('opus', 44);
    assert.equal(kindOf(seal(opusFrame)), null, 'what its key cannot open is no matter of headers');
  });

  it('one counter with two ciphertexts, of whole frames', () => {
    const { kindOf } = inspecting(1);
    const first = sealing('opus', 1);
    const second = sealing('opus', 1);
    assert.equal(kindOf(first(opusFrame)), null);
    assert.equal(kindOf(second(opusFrame.map((byte) => byte ^ 1))), 'repeatedCounter');
  });

  it('one counter with two ciphertexts, of frames in several packets', () => {
    const { kindOf } = inspecting(1);
    const large = (seed: number): Uint8Array =>
      new Uint8Array(3_000).map((_, i) => (i === 0 ? 0x10 : i * seed));
    assert.equal(kindOf(sealing('vp8', 1)(large(3)), { codec: 'vp8' }), null);
    assert.equal(kindOf(sealing('vp8', 1)(large(5)), { codec: 'vp8' }), 'repeatedCounter');
  });

  it('the same frame again is no repetition, however it is packetised', () => {
    const { inspector, kindOf } = inspecting(1);
    const sealed = nodeSealer('vp8', 1).seal(new Uint8Array(3_000).fill(0x10), now);
    const again = (mostBytes: number): Buffer =>
      rtpPacket(
        { payloadType: 1, sequence: 1, timestamp: 1, ssrc: 1 },
        vp8Payloads(sealed, 1, mostBytes)[0] ?? Buffer.alloc(0),
      );
    for (const mostBytes of [1_180, 500, 100, 40, 3_100])
      assert.equal(kindOf(again(mostBytes), { codec: 'vp8' }), null);
    assert.deepEqual(inspector.counts, { inspected: 5, outOfOrder: 0 });
  });

  it('the counter of an epoch 256 later is another key’s', () => {
    const { epochs, kindOf } = inspecting(1);
    assert.equal(kindOf(sealing('opus', 1)(opusFrame)), null);
    epochs[0] = epochId(257);
    assert.equal(kindOf(sealing('opus', 257)(opusFrame)), null);
  });

  it('counters out of order are only counted', () => {
    const { inspector, kindOf } = inspecting(1);
    const seal = sealing('opus', 1);
    const packets = Array.from({ length: 5 }, () => seal(opusFrame));
    for (const index of [0, 3, 1, 2, 4]) assert.equal(kindOf(packets[index] ?? Buffer.alloc(0)), null);
    assert.equal(inspector.counts.outOfOrder, 2);
  });

  it('what it remembers is bounded: a first use that is forgotten is not found', () => {
    const { kindOf } = inspecting(1);
    const seal = sealing('opus', 1);
    const other = sealing('opus', 1);
    const changed = opusFrame.map((byte) => byte ^ 1);
    for (let i = 0; i < 1_024; i++) assert.equal(kindOf(seal(opusFrame)), null);
    assert.equal(kindOf(other(changed)), 'repeatedCounter', 'the oldest of 1,024');
    assert.equal(kindOf(seal(opusFrame)), null);
    assert.equal(kindOf(sealing('opus', 1)(changed)), null, 'the first of 1,025 is forgotten');
  });

  it('Opus and VP8 in clear are malformed or nobody’s', () => {
    const { kindOf } = inspecting(1);
    let seen = 0;
    for (let first = 0; first < 256; first++) {
      const clear = new Uint8Array(120).map((_, i) => (i === 0 ? first : (i * 73 + first) & 0xff));
      for (const codec of ['opus', 'vp8'] as const) {
        const kind = kindOf(packet(codec, clear), { codec });
        assert.ok(kind === 'malformed' || kind === 'foreignLease', `${codec} ${first}: ${kind}`);
        seen++;
      }
    }
    assert.equal(seen, 512);
  });

  it('a KID beyond what a sender of Latchkey has', () => {
    const { kindOf } = inspecting(1);
    const header = Uint8Array.from([0xf8, 0xff, 1, 2, 3, 4, 5, 6, 7, 9]);
    assert.equal(kindOf(packet('opus', Buffer.concat([header, new Uint8Array(40)]))), 'malformed');
  });
});
