import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { epochId, lease, maxUint32, streamId } from '../../src/protocol/names.ts';
import { composeKeyId, parseKeyId } from '../../src/sframe/keyId.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';

const leases = fc.integer({ min: 1, max: maxUint32 });
const streams = fc.nat(15);
const epochs = fc.nat(maxUint32);

test('lease, stream and the low byte of the epoch come back out of a KID', () => {
  fc.assert(
    fc.property(leases, streams, epochs, (senderLease, stream, epoch) => {
      const kid = composeKeyId({ lease: lease(senderLease), stream: streamId(stream) }, epochId(epoch));
      assert.ok(Number.isSafeInteger(kid) && kid < 2 ** 44);
      assert.equal(BigInt(kid), (BigInt(senderLease) << 12n) | BigInt((stream << 8) | (epoch & 255)));
      assert.deepEqual(parseKeyId(kid), { lease: senderLease, stream, residue: epoch % 256 });
    }),
  );
});

test('a KID with lease 0 or beyond 44 bits belongs to nobody', () => {
  for (const kid of [0, 1, 4095, 2 ** 44, 2 ** 53 - 1, 2n ** 53n, 2n ** 64n - 1n]) {
    assert.equal(parseKeyId(kid), null);
  }
  assert.deepEqual(parseKeyId(4096), { lease: 1, stream: 0, residue: 0 });
  assert.deepEqual(parseKeyId(2 ** 44 - 1), { lease: maxUint32, stream: 15, residue: 255 });
});

test('a stream of a lease is claimed once', () => {
  const sender = new SenderStreams(lease(4));
  assert.deepEqual(sender.claim(streamId(3)), { lease: 4, stream: 3 });
  assert.throws(() => sender.claim(streamId(3)), RangeError);
  assert.deepEqual(sender.claim(streamId(4)), { lease: 4, stream: 4 });
});
