import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../src/protocol/bytes.ts';
import { decodeHeader, encodeHeader, maxHeaderBytes, parseHeader } from '../../src/sframe/header.ts';
import { uint64 } from '../../src/sframe/uint64.ts';
import { hex, rfcVectors } from './vectors.ts';

const vectors = rfcVectors.header.map(({ kid, ctr, encoded }) => ({
  kid: uint64(BigInt(kid)),
  ctr: uint64(BigInt(ctr)),
  encoded,
}));

test('every header of RFC 9605, 64-bit values among them, encodes and decodes as published', () => {
  assert.equal(vectors.length, 289);
  assert.ok(vectors.some(({ kid }) => kid === 2n ** 64n - 1n));
  for (const { kid, ctr, encoded } of vectors) {
    assert.equal(toHex(encodeHeader({ kid, ctr })), encoded);
    assert.deepEqual(decodeHeader(hex(encoded)), { kid, ctr, end: encoded.length / 2 });
  }
});

test('a header cut anywhere is refused with the offset of what is missing', () => {
  for (const { encoded } of vectors) {
    const whole = hex(encoded);
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => decodeHeader(whole.subarray(0, length)), {
        code: 'sframe_malformed',
        message: /^truncated header at byte \d+$/,
      });
    }
  }
  const cutInCtr = hex('99 0123 45'.replaceAll(' ', ''));
  assert.deepEqual(parseHeader(cutInCtr), { ok: false, problem: 'truncated header', offset: 3 });
});

test('a KID or CTR in more bytes than it needs is refused, as RFC 9605 §4.3 demands the fewest', () => {
  const wrong = {
    '8007': 1, // KID 7 in a byte of its own
    '0807': 1, // CTR 7 likewise
    '0800': 1,
    '900012': 1, // KID 0x12 with a zero byte before it
    '990012ffff': 1,
    '9901230045': 3,
    ff000000000000000100000000000000ff: 1,
  };
  for (const [encoded, offset] of Object.entries(wrong)) {
    assert.throws(() => decodeHeader(hex(encoded)), {
      code: 'sframe_malformed',
      message: new RegExp(`at byte ${offset}$`),
    });
  }
});

const anyUint64 = fc
  .oneof(fc.nat(20), fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(uint64);

test('whatever is encoded decodes to the same values, wherever in the bytes it stands', () => {
  fc.assert(
    fc.property(
      anyUint64,
      anyUint64,
      fc.uint8Array({ maxLength: 20 }),
      fc.nat(20),
      (kid, ctr, after, offset) => {
        const header = encodeHeader({ kid, ctr });
        const bytes = new Uint8Array(offset + header.length + after.length).fill(0xff);
        bytes.set(header, offset);
        bytes.set(after, offset + header.length);
        assert.deepEqual(parseHeader(bytes, offset), { ok: true, kid, ctr, end: offset + header.length });
      },
    ),
  );
});

test('bytes that decode at all are the one encoding of what they decode to', () => {
  let decoded = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: maxHeaderBytes }), (bytes) => {
      const parsed = parseHeader(bytes);
      if (!parsed.ok) return;
      decoded++;
      assert.equal(toHex(encodeHeader(parsed)), toHex(bytes.subarray(0, parsed.end)));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(decoded > 100);
});

test('every config byte, before every length of what follows, is decoded or refused without a throw', () => {
  for (let config = 0; config < 256; config++) {
    for (let length = 1; length <= maxHeaderBytes; length++) {
      const bytes = new Uint8Array(length).fill(0x81);
      bytes[0] = config;
      const needed = 1 + (config & 0x80 ? ((config >> 4) & 7) + 1 : 0) + (config & 8 ? (config & 7) + 1 : 0);
      assert.equal(parseHeader(bytes).ok, needed <= length);
    }
  }
});

test('values that are no unsigned integers of 64 bits are a RangeError', () => {
  for (const value of [-1, 0.5, NaN, 2 ** 53, Infinity, -1n, 2n ** 64n]) {
    assert.throws(() => encodeHeader({ kid: value, ctr: 0 }), RangeError);
    assert.throws(() => encodeHeader({ kid: 0, ctr: value }), RangeError);
  }
});
