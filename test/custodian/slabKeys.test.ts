import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createMemberKeys } from '../../src/client/session/memberKeys.ts';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { Slab } from '../../src/custodian/slab.ts';
import type { Slot } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { sealInfo, stepInfo } from '../../src/keys/keyStore.ts';
import type { SealUse } from '../../src/keys/keyStore.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';
import { epochId } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';

const incarnation = new Uint8Array(randomBytes(16));

const kdf = (key: Uint8Array, info: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha512', key).update(info).digest().subarray(0, 32));

const zero = new Uint8Array(32);

describe('the slab', () => {
  it('gives zeroed slots, and zeroes them when they are given back', () => {
    const slab = new Slab(3);
    const slots = [slab.take(), slab.take(), slab.take()];
    for (const slot of slots) assert.deepEqual(new Uint8Array(slab.bytes(slot)), zero);
    const [first] = slots as [Slot];
    slab.bytes(first).fill(7);
    const view = slab.bytes(first);
    slab.wipe(first);
    assert.deepEqual(new Uint8Array(view), zero);
    assert.deepEqual([slab.used, slab.room, slab.total], [2, 1, 3]);
  });

  it('says when it is full, and goes on when there is room again', () => {
    const slab = new Slab(2);
    const slot = slab.take();
    slab.take();
    assert.throws(() => slab.take(), { code: 'slab_full' });
    slab.wipe(slot);
    assert.equal(slab.take(), slot);
  });

  it('never has two owners of one slot', () => {
    const slab = new Slab(2);
    const slot = slab.take();
    slab.wipe(slot);
    assert.throws(() => slab.wipe(slot), RangeError);
    assert.throws(() => slab.bytes(slot), RangeError);
  });

  it('keeps its slots apart', () => {
    const slab = new Slab(64);
    const slots = Array.from({ length: 64 }, () => slab.take());
    for (const [index, slot] of slots.entries()) slab.bytes(slot).fill(index + 1);
    for (const [index, slot] of slots.entries())
      assert.ok(slab.bytes(slot).every((byte) => byte === index + 1));
  });
});

describe('keys in the slab', () => {
  const slab = new Slab(16);
  const keys = new SlabKeys(slab);
  const bytesOf = (slot: Slot): Uint8Array => new Uint8Array(slab.bytes(slot));

  it('step by HMAC-SHA-512 cut to 32 bytes, as at the other end', async () => {
    const slot = keys.mint();
    const before = bytesOf(slot);
    keys.step(slot);
    assert.deepEqual(bytesOf(slot), kdf(before, stepInfo));
    assert.deepEqual(bytesOf(slot), await createMemberKeys().step(before.slice()));
    keys.wipe(slot);
  });

  it('are random, each time that they are minted or renewed', () => {
    const slot = keys.mint();
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      seen.add(slab.bytes(slot).toString('hex'));
      keys.renew(slot);
    }
    const other = keys.mint();
    seen.add(slab.bytes(other).toString('hex'));
    assert.equal(seen.size, 51);
    for (const one of [slot, other]) keys.wipe(one);
  });

  it('seal what the other end opens, for that one use and with those associated data', async () => {
    const [under, first, second] = [keys.mint(), keys.mint(), keys.mint()];
    const use: SealUse = { incarnation, epoch: 7, level: 0, index: 5, purpose: 'welcome' };
    const aad = new Uint8Array([1, 2, 3]);
    const sealed = keys.seal(under, use, aad, [first, second]);
    assert.equal(sealed.length, 2 * 32 + 16);
    const opening = createMemberKeys();
    const opened = await opening.open(bytesOf(under), use, aad, sealed);
    assert.deepEqual(opened, [bytesOf(first), bytesOf(second)]);
    const others: [SealUse, Uint8Array][] = [
      [{ ...use, epoch: 8 }, aad],
      [{ ...use, level: 1 }, aad],
      [{ ...use, index: 4 }, aad],
      [{ ...use, purpose: 'session' }, aad],
      [{ ...use, incarnation: new Uint8Array(16) }, aad],
      [use, new Uint8Array([1, 2])],
    ];
    for (const [otherUse, otherAad] of others) {
      assert.equal(await opening.open(bytesOf(under), otherUse, otherAad, sealed), null);
    }
    assert.equal(await opening.open(bytesOf(first), use, aad, sealed), null);
    for (let at = 0; at < sealed.length; at++) {
      const bent = sealed.with(at, (sealed[at] ?? 0) ^ 1);
      assert.equal(await opening.open(bytesOf(under), use, aad, bent), null, `byte ${at}`);
    }
    for (const slot of [under, first, second]) keys.wipe(slot);
  });

  it('never seal twice under one key: uses differ, and so do what is derived for them', () => {
    const uses = [1, 2].flatMap((epoch) =>
      [0, 1].flatMap((level) =>
        [0, 1].flatMap((index) =>
          (['node', 'session', 'welcome'] as const).map((purpose) =>
            Buffer.from(sealInfo({ incarnation, epoch, level, index, purpose })).toString('hex'),
          ),
        ),
      ),
    );
    assert.equal(new Set(uses).size, 24);
  });

  it('have the fingerprint that participants compute', () => {
    const slot = keys.mint();
    for (const number of [0, 1, 255, 256, 2 ** 32 - 1]) {
      const epoch = epochId(number);
      const there = deriveEpochKeySync(nodeCrypto, { secret: bytesOf(slot), incarnation, epoch });
      assert.ok(equalBytes(keys.fingerprint(slot, incarnation, epoch), there.fingerprint));
    }
    keys.wipe(slot);
  });

  it('that cannot be filled leave no slot behind', () => {
    const used = slab.used;
    assert.throws(() =>
      keys.fill(() => {
        throw new RangeError('no');
      }),
    );
    assert.equal(slab.used, used);
  });
});
