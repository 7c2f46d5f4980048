import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSealedPacket } from '../../src/media/sealedPacket.ts';
import { composeKeyId } from '../../src/sframe/keyId.ts';
import { epochId } from '../../src/protocol/names.ts';
import { rtpPacket, vp8Payloads } from '../../src/load/rtpPackets.ts';
import { nodeSealer, now, opusFrame, origin, vp8DeltaFrame, vp8KeyFrame } from '../sframe/streams.ts';

const fields = { payloadType: 100, sequence: 1, timestamp: 960, ssrc: 7 };
const kid = composeKeyId(origin, epochId(300));

const sealed = (codec: 'opus' | 'vp8', frame: Uint8Array): Uint8Array =>
  nodeSealer(codec, 300).seal(frame, now);

const start = (reading: ReturnType<typeof readSealedPacket>) => {
  assert.equal(reading.kind, 'start');
  return reading;
};

describe('the header of a sealed frame, read from its RTP packet', () => {
  it('an Opus packet is a whole frame: header, ciphertext, tag', () => {
    const frame = sealed('opus', opusFrame);
    const read = start(readSealedPacket('opus', rtpPacket(fields, frame)));
    assert.deepEqual([read.kid, read.ctr, read.whole], [kid, 0, true]);
    assert.equal(read.ciphertext.length, opusFrame.length + 16);
    assert.deepEqual([...read.ciphertext], [...frame.subarray(-read.ciphertext.length)]);
  });

  it('CSRCs, header extensions and padding are stepped over', () => {
    const extension = new Uint8Array([0x10, 0x55, 0, 0]);
    const packet = rtpPacket({ ...fields, csrcs: [1, 2], extension, padding: 5 }, sealed('opus', opusFrame));
    const read = start(readSealedPacket('opus', packet));
    assert.deepEqual([read.kid, read.ciphertext.length], [kid, opusFrame.length + 16]);
  });

  it('VP8: after the descriptor and 10 clear bytes of a key frame, 3 of another', () => {
    for (const [frame, prefix] of [
      [vp8KeyFrame, 10],
      [vp8DeltaFrame, 3],
    ] as const) {
      const [payload] = vp8Payloads(sealed('vp8', frame), 9);
      assert.ok(payload);
      const read = start(readSealedPacket('vp8', rtpPacket({ ...fields, marker: true }, payload)));
      assert.deepEqual([read.kid, read.ctr, read.whole], [kid, 0, true]);
      assert.equal(read.ciphertext.length, frame.length - prefix + 16);
    }
  });

  it('every form of the VP8 descriptor', () => {
    const frame = sealed('vp8', vp8DeltaFrame);
    const descriptors = [
      [0x10],
      [0x90, 0x00],
      [0x90, 0x80, 0x05],
      [0x90, 0x80, 0x85, 0x01],
      [0x90, 0x40, 0x07],
      [0x90, 0x20, 0x40],
      [0x90, 0xf0, 0x85, 0x01, 0x07, 0x61],
      [0xb0, 0xf0, 0x85, 0x01, 0x07, 0x61],
    ];
    for (const descriptor of descriptors) {
      const packet = rtpPacket(fields, Buffer.concat([Buffer.from(descriptor), frame]));
      assert.equal(start(readSealedPacket('vp8', packet)).kid, kid, `descriptor ${descriptor.join(' ')}`);
    }
  });

  it('of a frame in several packets only the first is read, and is not whole', () => {
    const large = new Uint8Array(3_000).map((_, i) => (i === 0 ? 0x10 : i));
    const payloads = vp8Payloads(sealed('vp8', large), 1);
    assert.equal(payloads.length, 3);
    const kinds = payloads.map((payload, index) =>
      readSealedPacket('vp8', rtpPacket({ ...fields, sequence: index, marker: index === 2 }, payload)),
    );
    assert.deepEqual(
      kinds.map(({ kind }) => kind),
      ['start', 'passed', 'passed'],
    );
    assert.equal(kinds[0]?.kind === 'start' && kinds[0].whole, false);
  });

  it('padding alone is passed over', () => {
    for (const codec of ['opus', 'vp8'] as const) {
      const packet = rtpPacket({ ...fields, padding: 200 }, new Uint8Array());
      assert.equal(readSealedPacket(codec, packet).kind, 'passed');
    }
  });

  it('a whole frame that is cut anywhere is malformed, never read past its end', () => {
    const opus = rtpPacket(fields, sealed('opus', opusFrame));
    const [payload] = vp8Payloads(sealed('vp8', vp8KeyFrame), 1);
    assert.ok(payload);
    const vp8 = rtpPacket({ ...fields, marker: true }, payload);
    for (const [codec, packet, plain] of [
      ['opus', opus, opusFrame.length],
      ['vp8', vp8, vp8KeyFrame.length - 10],
    ] as const) {
      for (let length = 0; length < packet.length - plain; length++) {
        const read = readSealedPacket(codec, packet.subarray(0, length));
        // Without any payload it is RTP that carries no frame.
        assert.equal(read.kind, length === 12 ? 'passed' : 'malformed', `${codec}, ${length} bytes`);
      }
    }
  });

  it('no first byte of RTP, of a descriptor or of a header makes it throw', () => {
    const opus = rtpPacket(fields, sealed('opus', opusFrame));
    const [payload] = vp8Payloads(sealed('vp8', vp8DeltaFrame), 1);
    assert.ok(payload);
    const vp8 = rtpPacket({ ...fields, marker: true }, payload);
    for (const [codec, packet] of [
      ['opus', opus],
      ['vp8', vp8],
    ] as const) {
      for (let at = 0; at < Math.min(packet.length, 40); at++) {
        for (let value = 0; value < 256; value++) {
          const changed = Uint8Array.from(packet);
          changed[at] = value;
          for (const end of [at + 1, packet.length]) readSealedPacket(codec, changed.subarray(0, end));
        }
      }
    }
  });
});
