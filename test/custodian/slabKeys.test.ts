import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createMemberKeys } from '../../src/client/session/memberKeys.ts';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { Randomness } from '../../src/custodian/randomness.ts';
import { Slab } from '../../src/custodian/slab.ts';
import type { Slot } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { sealInfo, stepInfo, storyInfo } from '../../src/keys/keyStore.ts';
import type { SealUse } from '../../src/keys/keyStore.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';
import { epochId } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { kdf } from './participants.ts';

const incarnation = new Uint8Array(randomBytes(16));

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

describe('a slab that grows', () => {
  it('adds a page when a slot is wanted that no page has, and says so', () => {
    const slab = new Slab(20, { pageSlots: 8 });
    let grew = 0;
    slab.onPage = () => grew++;
    assert.deepEqual([slab.mapped, slab.bytesMapped, slab.room], [8, 256, 20]);
    const slots = Array.from({ length: 8 }, () => slab.take());
    assert.equal(grew, 0);
    slots.push(slab.take());
    assert.deepEqual([slab.mapped, grew, slab.room], [16, 1, 11]);
    while (slab.room > 0) slots.push(slab.take());
    assert.deepEqual([slab.mapped, grew, new Set(slots).size], [20, 2, 20]);
    assert.throws(() => slab.take(), { code: 'slab_full' });
    for (const [index, slot] of slots.entries()) slab.bytes(slot).fill(index + 1);
    for (const [index, slot] of slots.entries())
      assert.deepEqual(new Uint8Array(slab.bytes(slot)), new Uint8Array(32).fill(index + 1));
    for (const slot of slots) slab.wipe(slot);
    assert.deepEqual([slab.used, slab.mapped, grew], [0, 20, 2], 'and uses what it has again');
  });

  it('counts as locked what each page adds, and no more than it is', () => {
    // Before and after each page; a page of 4 slots takes a page of memory of its own, and the third is not locked.
    const told = [10_000, 14_096, 20_000, 24_096, 24_096, 24_096].values();
    const slab = new Slab(12, {
      pageSlots: 4,
      lockedNow: () => told.next().value ?? assert.fail('asked too often'),
    });
    assert.deepEqual([slab.bytesMapped, slab.bytesLocked], [128, 128]);
    slab.ensure(8);
    assert.deepEqual([slab.bytesMapped, slab.bytesLocked], [256, 256]);
    slab.ensure(12);
    assert.deepEqual([slab.bytesMapped, slab.bytesLocked], [384, 256]);
  });

  it('makes sure of memory before it is needed, or says at once that there is none', () => {
    const slab = new Slab(20, { pageSlots: 4 });
    slab.ensure(4);
    assert.equal(slab.mapped, 4);
    slab.ensure(9);
    assert.equal(slab.mapped, 12);
    const [slot] = [slab.take()];
    slab.ensure(11);
    assert.equal(slab.mapped, 12);
    assert.throws(() => slab.ensure(20), { code: 'slab_full' });
    assert.equal(slab.mapped, 12, 'in vain, and so not at all');
    slab.wipe(slot);
    slab.ensure(20);
    assert.equal(slab.mapped, 20);
  });

  it('stays within a few thousand mappings of the process, however large it may become', () => {
    const slab = new Slab(16_777_216);
    const first = slab.mapped;
    assert.ok(first >= 16_777_216 / 1_024 && first < 100_000, `${first} slots at first`);
  });
});

describe('keys in the slab', () => {
  const slab = new Slab(16);
  const keys = new SlabKeys(slab, new Randomness());
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
      const chain = new Uint8Array(randomBytes(32));
      const secret = kdf(bytesOf(slot), storyInfo(chain));
      const there = deriveEpochKeySync(nodeCrypto, { secret, incarnation, epoch });
      assert.ok(equalBytes(keys.fingerprint(slot, chain, incarnation, epoch), there.fingerprint));
    }
    keys.wipe(slot);
  });

  it('that cannot be filled leave no slot behind', () => {
    const used = slab.used;
    assert.throws(() =>
      keys.fillPair((first) => {
        first.fill(9);
        throw new RangeError('no');
      }),
    );
    assert.equal(slab.used, used);
    const almostFull = new Slab(1);
    assert.throws(() => new SlabKeys(almostFull, new Randomness()).fillPair(() => null), {
      code: 'slab_full',
    });
    assert.equal(almostFull.used, 0);
  });

  it('verify what was authenticated with them, and nothing else', () => {
    const [slot, other] = [keys.mint(), keys.mint()];
    const input = new Uint8Array(randomBytes(60));
    const mac = kdf(bytesOf(slot), input);
    assert.ok(keys.verify(slot, input, mac));
    assert.ok(!keys.verify(other, input, mac));
    assert.ok(!keys.verify(slot, input.subarray(1), mac));
    for (let at = 0; at < mac.length; at++)
      assert.ok(!keys.verify(slot, input, mac.with(at, (mac[at] ?? 0) ^ 1)), `byte ${at}`);
    for (const short of [mac.subarray(1), new Uint8Array(0), new Uint8Array(64)])
      assert.ok(!keys.verify(slot, input, short));
    for (const one of [slot, other]) keys.wipe(one);
  });
});
