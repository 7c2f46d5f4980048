import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openRefusals } from '../../src/sframe/opening.ts';
import type { OpenResult } from '../../src/sframe/opening.ts';
import { codecs } from '../../src/sframe/prefix.ts';
import type { Codec } from '../../src/sframe/prefix.ts';
import { nodeOpener, nodeSealer, now, opusFrame, vp8DeltaFrame, vp8KeyFrame } from './streams.ts';

const frames = [
  ['opus', opusFrame],
  ['vp8', vp8KeyFrame],
  ['vp8', vp8DeltaFrame],
] as const;

const reasonOf = (result: OpenResult): string => {
  assert.equal(result.ok, false);
  assert.ok(openRefusals.includes(result.reason));
  return result.reason;
};

for (const [codec, frame] of frames) {
  const what = `a sealed ${codec} frame of ${frame.length} bytes`;

  test(`${what} with any one bit flipped is refused, and still opens itself afterwards`, () => {
    const opener = nodeOpener(codec, 0, 1);
    const sealed = nodeSealer(codec, 1).seal(frame, now);
    const reasons = new Set<string>();
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = sealed.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      reasons.add(reasonOf(opener.open(flipped)));
    }
    for (const reason of ['badTag', 'foreignOrigin', 'missingKey']) assert.ok(reasons.has(reason));
    assert.deepEqual(opener.open(sealed), { ok: true, frame });
  });

  test(`${what}, cut at either end or made longer, is refused`, () => {
    const opener = nodeOpener(codec, 1);
    const sealed = nodeSealer(codec, 1).seal(frame, now);
    for (let length = 0; length < sealed.length; length++) {
      reasonOf(opener.open(sealed.subarray(0, length)));
      reasonOf(opener.open(sealed.subarray(sealed.length - length)));
    }
    for (const extra of [1, 16, 1_200]) {
      const longer = new Uint8Array(sealed.length + extra);
      longer.set(sealed);
      assert.equal(reasonOf(opener.open(longer)), 'badTag');
    }
    assert.deepEqual(opener.open(sealed), { ok: true, frame });
  });
}

test('a frame in clear is never taken for an opened one', () => {
  for (const [codec, frame] of frames) reasonOf(nodeOpener(codec, 1).open(frame));
});

test('a frame of one codec does not open as the other', () => {
  const other: Record<Codec, Codec> = { opus: 'vp8', vp8: 'opus' };
  for (const [codec, frame] of frames) {
    reasonOf(nodeOpener(other[codec], 1).open(nodeSealer(codec, 1).seal(frame, now)));
  }
});

test('every first byte before every length up to 64 is refused without a throw', () => {
  for (const codec of codecs) {
    const opener = nodeOpener(codec, 1);
    for (let first = 0; first < 256; first++) {
      for (let length = 0; length <= 64; length++) {
        const bytes = new Uint8Array(length).fill(0x92);
        if (length > 0) bytes[0] = first;
        reasonOf(opener.open(bytes));
      }
    }
  }
});

test('random bytes, and a sealed frame with random bytes written over it, are refused without a throw', () => {
  const sealed = nodeSealer('vp8', 1).seal(vp8KeyFrame, now);
  const opener = nodeOpener('vp8', 1);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      reasonOf(opener.open(bytes));
    }),
    { numRuns: 1_000 },
  );
  const overwrite = fc.tuple(fc.nat(sealed.length - 1), fc.uint8Array({ minLength: 1, maxLength: 12 }));
  fc.assert(
    fc.property(overwrite, ([at, bytes]) => {
      const mutated = sealed.slice();
      mutated.set(bytes.subarray(0, sealed.length - at), at);
      fc.pre(Buffer.compare(mutated, sealed) !== 0);
      reasonOf(opener.open(mutated));
    }),
    { numRuns: 1_000 },
  );
  assert.deepEqual(opener.open(sealed), { ok: true, frame: vp8KeyFrame });
});
