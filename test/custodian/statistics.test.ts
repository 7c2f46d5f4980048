import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Randomness } from '../../src/custodian/randomness.ts';
import { Slab } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { epochId, lengths } from '../../src/protocol/names.ts';
import { bent, seeded } from './sources.ts';
import type { Draw } from './sources.ts';
import { normalTails, statistics } from './statistics.ts';

const megabyte = 2 ** 20;
/** A sound source fails one of five tests in one run of 200 million. */
const leastChance = 1e-9;

const chancesOf = (bytes: Uint8Array): Record<string, number> =>
  Object.fromEntries(Object.entries(statistics).map(([name, test]) => [name, test(bytes)]));

const failedBy = (bytes: Uint8Array): string[] =>
  Object.entries(chancesOf(bytes)).flatMap(([name, chance]) => (chance < leastChance ? [name] : []));

const assertSound = (t: TestContext, bytes: Uint8Array): void => {
  const chances = chancesOf(bytes);
  const told = Object.entries(chances).map(([name, chance]) => `${name} ${chance.toPrecision(2)}`);
  t.diagnostic(`${bytes.length} bytes: ${told.join(', ')}`);
  for (const [name, chance] of Object.entries(chances))
    assert.ok(chance >= leastChance, `${name}: ${chance}`);
};

const drawn = (source: Draw): Uint8Array => {
  const bytes = Buffer.alloc(megabyte);
  source(bytes);
  return bytes;
};

const parityOf = (byte: number): number => byte.toString(2).replaceAll('0', '').length % 2;

/** What is wrong with a source, in what no other test needs to see, and the test that is there for it. */
const defects: readonly { readonly what: string; readonly seenBy: string; readonly source: Draw }[] = [
  {
    what: 'a bit is 1 a little too often',
    seenBy: 'monobit',
    source: bent(seeded(21), 20, (byte, _, chance) => byte | (1 << (chance % 8))),
  },
  {
    what: 'bits change a little too often',
    seenBy: 'runs',
    source: bent(seeded(22), 30, (_, __, chance) => (chance % 2 === 0 ? 0x55 : 0xaa)),
  },
  {
    what: 'ones come and go in blocks',
    seenBy: 'block frequency',
    source: inBlocks(seeded(23)),
  },
  {
    what: 'bytes of odd parity are a little too rare',
    seenBy: 'byte frequency',
    source: bent(seeded(24), 50, (byte) => (parityOf(byte) === 1 ? byte ^ 0x10 : byte)),
  },
  {
    what: 'a byte resembles the one before',
    seenBy: 'serial correlation',
    source: bent(seeded(25), 60, (_, before) => before),
  },
  {
    what: 'a key resembles the one before',
    seenBy: 'serial correlation',
    source: likeKeyBefore(seeded(26)),
  },
];

/** 16 bytes with a few more ones, then 16 with a few less. */
function inBlocks(source: Draw): Draw {
  return (bytes) => {
    source(bytes);
    for (let at = 0; at < bytes.length; at += 2) {
      const byte = bytes[at] as number;
      const mask = 1 << ((bytes[at + 1] as number) % 8);
      if ((bytes[at + 1] as number) < 128) bytes[at] = (at >> 4) % 2 === 0 ? byte | mask : byte & ~mask;
    }
  };
}

function likeKeyBefore(source: Draw): Draw {
  return (bytes) => {
    source(bytes);
    for (let at = lengths.key; at < bytes.length; at += 60) bytes[at] = bytes[at - lengths.key] as number;
  };
}

describe('the statistics', () => {
  it('know the normal distribution', () => {
    // Abramowitz and Stegun, table 26.1 and 26.2.
    for (const [z, tails] of [
      [0, 1],
      [1, 0.317310507863],
      [2, 0.045500263896],
      [4, 6.334248366624e-5],
      [6, 1.973175290075e-9],
      [10, 1.523970604832e-23],
    ] as const) {
      assert.ok(Math.abs(normalTails(z) / tails - 1) < 1e-9, `${z}: ${normalTails(z)}`);
      assert.equal(normalTails(-z), normalTails(z));
    }
  });

  it('pass sound bytes, and give every chance as often as any other', (t) => {
    const chances = Array.from({ length: 40 }, (_, seed) =>
      chancesOf(drawn(seeded(100 + seed)).subarray(0, 2 ** 17)),
    );
    for (const name of Object.keys(statistics)) {
      const sorted = chances.map((one) => one[name] ?? 0).sort((a, b) => a - b);
      const furthest = Math.max(
        ...sorted.map((chance, rank) => Math.abs(chance - (rank + 0.5) / sorted.length)),
      );
      t.diagnostic(`${name}: at most ${furthest.toFixed(3)} from uniform`);
      // Kolmogorov and Smirnov: of 40, one in a million is further than 0.42.
      assert.ok(furthest < 0.42, `${name} is ${furthest} from uniform`);
    }
  });

  for (const { what, seenBy, source } of defects) {
    it(`see that ${what}: ${seenBy}`, (t) => {
      const failed = failedBy(drawn(source));
      t.diagnostic(`failed: ${failed.join(', ')}`);
      assert.ok(failed.includes(seenBy));
    });
  }

  it('see a counter, and anything else that is too even', () => {
    const counter = Uint8Array.from({ length: megabyte }, (_, at) => (at * 167) & 0xff);
    assert.ok(failedBy(counter).includes('byte frequency'));
  });
});

describe('what is minted', () => {
  const randomness = new Randomness();
  const slab = new Slab(4_096);
  const keys = new SlabKeys(slab, randomness);

  it('is a megabyte of keys that no test tells from chance', (t) => {
    const bytes = Buffer.alloc(megabyte);
    for (let at = 0; at < bytes.length; at += lengths.key) {
      const slot = keys.mint();
      slab.bytes(slot).copy(bytes, at);
      keys.wipe(slot);
    }
    assert.equal(keys.mints, megabyte / lengths.key);
    assertSound(t, bytes);
  });

  it('has a megabyte of fingerprints that no test tells from chance', (t) => {
    const bytes = Buffer.alloc(megabyte);
    const incarnation = new Uint8Array(randomBytes(lengths.incarnation));
    const session = keys.mint();
    let chain: Uint8Array = new Uint8Array(lengths.hash);
    for (let at = 0, epoch = 0; at < bytes.length; at += lengths.fingerprint, epoch++) {
      // Every 64th epoch has a key of its own; the others differ by their number and their story, which must be enough.
      if (epoch % 64 === 0) keys.renew(session);
      chain = keys.hash(chain);
      bytes.set(keys.fingerprint(session, chain, incarnation, epochId(epoch)), at);
    }
    keys.wipe(session);
    assertSound(t, bytes);
  });
});
