import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clearPrefixBytes } from '../../src/sframe/prefix.ts';

const frame = (first: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes[0] = first;
  return bytes;
};

test('nothing of an Opus frame is clear, however short', () => {
  for (let length = 0; length < 20; length++)
    assert.equal(clearPrefixBytes('opus', new Uint8Array(length)), 0);
});

test('the P bit alone says whether 10 or 3 bytes of a VP8 frame are clear', () => {
  for (let first = 0; first < 256; first++) {
    assert.equal(clearPrefixBytes('vp8', frame(first, 100)), first % 2 === 0 ? 10 : 3);
  }
});

test('a VP8 frame shorter than its prefix has none', () => {
  assert.equal(clearPrefixBytes('vp8', new Uint8Array(0)), null);
  assert.equal(clearPrefixBytes('vp8', frame(0x10, 9)), null);
  assert.equal(clearPrefixBytes('vp8', frame(0x10, 10)), 10);
  assert.equal(clearPrefixBytes('vp8', frame(0x11, 2)), null);
  assert.equal(clearPrefixBytes('vp8', frame(0x11, 3)), 3);
});
