import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { GuardedHmac, sha256, sha512 } from '../../src/custodian/guardedHmac.ts';
import { HpkeSender } from '../../src/custodian/hpkeSender.ts';
import { Randomness } from '../../src/custodian/randomness.ts';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { admissionExports } from '../../src/protocol/keyMessages.ts';

/** Points of small order on Curve25519 and its twist, as RFC 7748 §6.1 has implementations look out for. */
const smallOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
];

describe("the custodian's half of HPKE", () => {
  it('exports what an independent implementation exports at the other end, whatever info and key', async () => {
    const sender = new HpkeSender(new Randomness());
    for (let length = 0; length < 400; length += 23) {
      const recipient = await newAdmissionRecipient();
      const info = new Uint8Array(randomBytes(length));
      const [admissionKey, resumeSecret] = [Buffer.alloc(32), Buffer.alloc(32)];
      const enc = sender.exportTo(recipient.publicKey, info, [
        { context: admissionExports.admissionKey, out: admissionKey },
        { context: admissionExports.resumeSecret, out: resumeSecret },
      ]);
      const opened = await recipient.open(enc, info);
      assert.deepEqual(opened, {
        admissionKey: new Uint8Array(admissionKey),
        resumeSecret: new Uint8Array(resumeSecret),
      });
    }
  });

  it('no two contexts share anything, though everything about them is equal', async () => {
    const sender = new HpkeSender(new Randomness());
    const { publicKey } = await newAdmissionRecipient();
    const outs = [Buffer.alloc(32), Buffer.alloc(32)];
    const encs = outs.map((out) => sender.exportTo(publicKey, new Uint8Array(1), [{ context: 'x', out }]));
    assert.notDeepEqual(encs[0], encs[1]);
    assert.notDeepEqual(outs[0], outs[1]);
  });

  it('public keys of small order are refused', () => {
    const sender = new HpkeSender(new Randomness());
    for (const point of smallOrder) {
      assert.throws(
        () => sender.exportTo(Buffer.from(point, 'hex'), new Uint8Array(0), []),
        (error) => error instanceof LatchkeyError && error.code === 'public_key_invalid',
        point,
      );
    }
  });
});

describe('HMAC in guarded memory', () => {
  for (const [name, hash] of [
    ['sha256', sha256],
    ['sha512', sha512],
  ] as const) {
    it(`is HMAC-${name} for every length of key up to a block, in any number of parts`, () => {
      const hmac = new GuardedHmac(hash);
      for (let length = 0; length <= hash.blockBytes; length += 16) {
        const key = randomBytes(length);
        const parts = [randomBytes(length), randomBytes(3), Buffer.alloc(0)];
        const out = Buffer.alloc(hash.hashBytes);
        hmac.extract(out, key, ...parts);
        assert.deepEqual(out, createHmac(name, key).update(Buffer.concat(parts)).digest());
        const short = Buffer.alloc(16);
        hmac.expand(short, key, ...parts);
        assert.deepEqual(
          short,
          createHmac(name, key)
            .update(Buffer.concat([...parts, Buffer.of(1)]))
            .digest()
            .subarray(0, 16),
        );
      }
      assert.throws(
        () => hmac.extract(Buffer.alloc(hash.hashBytes), Buffer.alloc(hash.blockBytes + 1)),
        RangeError,
      );
      assert.throws(
        () => hmac.extract(Buffer.alloc(hash.hashBytes), Buffer.alloc(1), Buffer.alloc(2_000)),
        RangeError,
      );
    });
  }
});
