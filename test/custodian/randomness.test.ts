import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sodium from 'sodium-native';
import {
  binomialTails,
  proportionCutoff,
  proportionCutoffFor,
  rememberedDraws,
  repetitionCutoff,
  repetitionCutoffFor,
  windowSamples,
} from '../../src/custodian/healthTests.ts';
import { Randomness } from '../../src/custodian/randomness.ts';
import { Slab } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { Vault } from '../../src/custodian/vault.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { closeAsk, openAsk, rekeyAsk } from './participants.ts';
import { after, bent, periodic, seeded, stuckAt } from './sources.ts';
import type { Draw } from './sources.ts';
import { meeting, publicKey, serverPrivateKey, who } from './testVault.ts';

const failed = { name: 'LatchkeyError', code: 'randomness_failed' };
const startUpBytes = 4_096;
const keyBytes = 32;

/** Bytes that a source gives, in draws of keys, before it is found; null where it passes so many. */
const foundAfter = (source: Draw, most: number): number | null => {
  const drawn = { bytes: 0 };
  try {
    const randomness = new Randomness((bytes) => {
      source(bytes);
      drawn.bytes += bytes.length;
    });
    const key = Buffer.alloc(keyBytes);
    while (drawn.bytes < most) randomness.fill(key);
    return null;
  } catch (thrown) {
    assert.equal(Reflect.get(Object(thrown), 'code'), 'randomness_failed');
    return drawn.bytes;
  }
};

describe('the health tests’ cutoffs', () => {
  it('are those of SP 800-90B’s formulas', () => {
    assert.deepEqual([repetitionCutoff, proportionCutoff], [8, 35]);
    // §4.4.1's own example, and what Linux' jitterentropy has for one bit a sample (crypto/jitterentropy.c).
    assert.equal(repetitionCutoffFor(2, 20), 11);
    assert.deepEqual([repetitionCutoffFor(1, 30), proportionCutoffFor(1, 30)], [31, 325]);
    assert.deepEqual([repetitionCutoffFor(1, 60), proportionCutoffFor(1, 60)], [61, 355]);
  });

  it('are as rare for a sound source as is said where they are set', () => {
    assert.equal((1 / 256) ** (repetitionCutoff - 1), 2 ** -56);
    const byProportion = binomialTails(windowSamples - 1, 1 / 256)[proportionCutoff - 1] ?? 1;
    assert.ok(byProportion < 2 ** -98 && byProportion > 2 ** -99);
  });
});

describe('a source of randomness', () => {
  it('passes while it is sound: the kernel’s, and three others, eight megabytes each', () => {
    const sources = [1, 2, 3].map(seeded);
    sources.push((bytes) => sodium.randombytes_buf(bytes));
    for (const source of sources) assert.equal(foundAfter(source, 8 * 2 ** 20), null);
  });

  it('is found at once when a byte sticks, in the start-up test and ever after', () => {
    for (const value of [0, 0x55, 255]) {
      assert.equal(foundAfter(stuckAt(value), 1_000), 64, 'the digests’ key, and the first key');
      for (const sound of [startUpBytes + keyBytes, 100_000]) {
        const found =
          foundAfter(after(sound, seeded(4), stuckAt(value)), 2 * sound) ?? assert.fail('not found');
        assert.ok(found - sound <= 2 * keyBytes, `${found - sound} bytes after it stuck`);
      }
    }
  });

  it('is found when it begins again, in any period that is remembered', () => {
    for (const period of [keyBytes, 48, 5 * keyBytes, 300 * keyBytes, (rememberedDraws / 2) * keyBytes]) {
      const found = foundAfter(periodic(seeded(5), period), 2 ** 20) ?? assert.fail(`period ${period}`);
      // 48 and 32 have 96 in common; the first key that was drawn is the digests' and not compared.
      assert.ok(found <= 3 * Math.max(period, 96) + 2 * keyBytes, `period ${period}: after ${found} bytes`);
    }
  });

  it('is found when it prefers a byte', () => {
    for (const every of [2, 4, 8, 12]) {
      const found =
        foundAfter(
          bent(seeded(6), every, () => 0x41),
          2 ** 18,
        ) ?? assert.fail(`1 in ${every}`);
      assert.ok(found <= 600 * every ** 2, `one byte in ${every}: after ${found} bytes`);
    }
  });

  it('is found when bytes repeat in runs that no chance makes', () => {
    const repeats = bent(seeded(7), 2, (_, before) => before);
    assert.ok((foundAfter(repeats, 2 ** 18) ?? Infinity) < 4_096);
  });

  it('that throws has failed too', () => {
    const broken = () => {
      throw new Error('EIO');
    };
    const randomness = new Randomness(after(10_000, seeded(8), broken));
    const bytes = Buffer.alloc(keyBytes);
    assert.throws(() => {
      for (;;) randomness.fill(bytes);
    }, failed);
    assert.deepEqual(bytes, Buffer.alloc(keyBytes));
  });

  it('gives nothing any more once it has failed, even if it is sound again', () => {
    let source = seeded(9);
    const randomness = new Randomness((bytes) => source(bytes));
    const bytes = Buffer.alloc(keyBytes);
    randomness.fill(bytes);
    source = stuckAt(3);
    assert.throws(() => randomness.fill(bytes), failed);
    source = seeded(10);
    for (let again = 0; again < 3; again++) {
      bytes.fill(7);
      assert.throws(() => randomness.fill(bytes), failed);
      assert.deepEqual(bytes, Buffer.alloc(keyBytes), 'not what it gave, nor what stood there');
    }
  });
});

describe('a vault whose source of randomness fails', () => {
  const started = () => {
    let source: Draw = seeded(11);
    const randomness = new Randomness((bytes) => source(bytes));
    const slab = new Slab(256);
    const keys = new SlabKeys(slab, randomness);
    const vault = new Vault({ keys, randomness, signingKey: serverPrivateKey });
    vault.openMeeting(openAsk(meeting));
    vault.openMeeting(openAsk('other'));
    const admit = (at = meeting): Lease => vault.admit({ ...who, meeting: at, publicKey }).lease;
    const rekey = (joins: Lease[], departures: Lease[] = [], at = meeting) =>
      vault.rekey(rekeyAsk(at, joins, departures));
    /** So many draws are sound yet. */
    const failAfter = (draws: number): void => {
      source = after(draws * keyBytes, seeded(12), stuckAt(1));
    };
    return { slab, vault, admit, rekey, failAfter };
  };

  it('mints and admits nothing any more, and nothing has changed', () => {
    const { slab, vault, admit, rekey, failAfter } = started();
    const leases = [admit(), admit(), admit()];
    rekey(leases);
    const waiting = admit();
    const used = slab.used;
    failAfter(0);
    for (const attempt of [
      () => rekey([waiting]),
      () => rekey([], leases.slice(0, 1)),
      () => rekey([]),
      () => admit(),
      () => vault.openMeeting(openAsk('third')),
    ]) {
      assert.throws(attempt, failed);
      assert.deepEqual([slab.used, vault.counts.leaves, vault.counts.meetings], [used, 3, 2]);
    }
    vault.withdraw({ meeting, leases: [waiting] });
    vault.closeMeeting(closeAsk(meeting));
    vault.closeMeeting(closeAsk('other'));
    assert.equal(slab.used, 0);
  });

  it('ends the meeting that it was rekeying, rather than go on from half an epoch', () => {
    const { slab, vault, admit, rekey, failAfter } = started();
    const leases = Array.from({ length: 20 }, () => admit());
    rekey(leases);
    const other = admit('other');
    rekey([other], [], 'other');
    // The session key and one of the three nodes above the departed are drawn yet.
    failAfter(2);
    assert.throws(() => rekey([], leases.slice(0, 1)), failed);
    assert.equal(vault.counts.leaves, 1, 'nobody of it has keys any more');
    assert.throws(() => rekey([], leases.slice(1, 2)), { code: 'custodian_refused' });
    assert.throws(() => rekey([], [other], 'other'), failed);
    vault.close();
    assert.equal(slab.used, 0);
  });
});
