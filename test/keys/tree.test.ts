import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SealingKeys } from '../../src/keys/keyStore.ts';
import { KeyTree } from '../../src/keys/tree.ts';
import type { TreeRekey } from '../../src/keys/tree.ts';
import { encodeRekey, encodeRekeyBody } from '../../src/protocol/keyMessages.ts';
import { lease as toLease, lengths } from '../../src/protocol/names.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { SymbolicSealingKeys } from './treeSymbols.ts';
import type { Cell } from './treeSymbols.ts';

const incarnation = new Uint8Array(16).fill(9);

/** For sizes alone: a key is no more than a number. */
class CountingKeys implements SealingKeys<number> {
  minted = 0;

  mint(): number {
    return ++this.minted;
  }

  renew(): void {
    this.minted++;
  }

  step(): void {
    return undefined;
  }

  wipe(): void {
    return undefined;
  }

  seal(_under: number, _use: unknown, _aad: unknown, secrets: readonly number[]): Uint8Array {
    return new Uint8Array(secrets.length * lengths.key + lengths.tag);
  }

  fingerprint(): Uint8Array {
    return new Uint8Array(lengths.fingerprint);
  }
}

const sealsOf = ({ rekey }: TreeRekey): number =>
  rekey === null ? 0 : rekey.nodes.reduce((sum, { seals }) => sum + seals.length, 1);

const bytesOf = ({ rekey }: TreeRekey): number =>
  rekey === null ? 0 : encodeRekey(encodeRekeyBody(rekey), new Uint8Array(64)).length;

class SizedMeeting {
  readonly tree = new KeyTree(new CountingKeys(), incarnation);
  present: Lease[] = [];
  #last = 0;

  /** `departing`: indices into those present. */
  rekey(joins: number, departing: readonly number[] = []): TreeRekey {
    const departures = departing.map((index) => this.present[index] ?? assert.fail('nobody there'));
    const leases = Array.from({ length: joins }, () => toLease(++this.#last));
    const rekeyed = this.tree.rekey({
      trigger: 'joinAndDeparture',
      joins: leases.map((lease) => ({ lease, key: lease })),
      departures,
    });
    const gone = new Set(departures);
    this.present = [...this.present.filter((lease) => !gone.has(lease)), ...leases];
    return rekeyed;
  }
}

/** Numerical Recipes' generator: the churn must be the same in every run. */
const pseudoRandom = (seed: number) => {
  let state = seed >>> 0;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

describe("the key tree's sizes", () => {
  it('a join costs one seal for everybody who was there', () => {
    const meeting = new SizedMeeting();
    meeting.rekey(1_000);
    assert.equal(sealsOf(meeting.rekey(1)), 1);
  });

  it('a departure from 1,000 costs at most 20 seals and 1.2 kB', () => {
    for (const index of [0, 1, 499, 500, 998, 999]) {
      const meeting = new SizedMeeting();
      meeting.rekey(1_000);
      const rekeyed = meeting.rekey(0, [index]);
      assert.ok(sealsOf(rekeyed) <= 20, `${sealsOf(rekeyed)} seals for place ${index}`);
      assert.ok(bytesOf(rekeyed) <= 1_200, `${bytesOf(rekeyed)} bytes for place ${index}`);
    }
  });

  it('a departure from 1,000 costs at most 24 seals after long churn, also when the meeting was larger once', (t) => {
    const random = pseudoRandom(20_260_101);
    const meeting = new SizedMeeting();
    meeting.rekey(1_400);
    meeting.rekey(
      0,
      Array.from({ length: 400 }, (_, index) => index * 3),
    );
    assert.equal(meeting.tree.height, 6);
    let most = 0;
    let bytes = 0;
    for (let round = 0; round < 6_000; round++) {
      const size = meeting.present.length;
      const many = round % 500 === 250 ? 400 : 0;
      const departing = new Set(Array.from({ length: many || 1 + random(3) }, () => random(size)));
      const joining = Math.max(0, 1_000 - size + departing.size + random(7) - 3);
      meeting.rekey(joining, [...departing]);
      const single = meeting.rekey(0, [random(meeting.present.length)]);
      most = Math.max(most, sealsOf(single));
      bytes = Math.max(bytes, bytesOf(single));
    }
    t.diagnostic(`at most ${most} seals, ${bytes} bytes; ${meeting.present.length} present`);
    assert.ok(most <= 24, `${most} seals`);
  });

  it('ten departures from 1,000 in one rekey cost less than ten rekeys, wherever they sit', (t) => {
    const costOf = (places: readonly number[]): [number, number] => {
      const meeting = new SizedMeeting();
      meeting.rekey(1_000);
      const rekeyed = meeting.rekey(0, places);
      return [sealsOf(rekeyed), bytesOf(rekeyed)];
    };
    const spread = costOf([3, 103, 203, 303, 403, 503, 603, 703, 803, 903]);
    const neighbours = costOf([100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
    t.diagnostic(
      `spread widely: ${spread.join(' seals, ')} bytes; neighbours: ${neighbours.join(' seals, ')} bytes`,
    );
    assert.ok(spread[0] <= 140 && spread[1] <= 7_200);
    assert.ok(neighbours[0] <= 24 && neighbours[1] <= 1_300);
  });
});

const tree = () => {
  const keys = new SymbolicSealingKeys();
  const made = new KeyTree(keys, incarnation);
  const joiner = (number: number) => ({ lease: toLease(number), key: keys.mint() });
  return { keys, tree: made, joiner };
};

const snapshot = (keys: SymbolicSealingKeys): string =>
  JSON.stringify([[...keys.live].map(({ atom, steps }) => [atom, steps]), keys.wire.seals.length]);

describe('the key tree', () => {
  it('numbers epochs from 0, one for each rekey', () => {
    const { tree: it, joiner } = tree();
    assert.equal(it.nextEpoch, 0);
    assert.equal(it.rekey({ trigger: 'join', joins: [joiner(1)], departures: [] }).epoch, 0);
    assert.equal(it.rekey({ trigger: 'join', joins: [joiner(2)], departures: [] }).epoch, 1);
    assert.equal(it.nextEpoch, 2);
  });

  it('has no message for everybody where nobody was there, or nobody of them stays', () => {
    const { tree: it, joiner } = tree();
    assert.equal(it.rekey({ trigger: 'join', joins: [joiner(1), joiner(2)], departures: [] }).rekey, null);
    const swapped = it.rekey({
      trigger: 'joinAndDeparture',
      joins: [joiner(3)],
      departures: [toLease(1), toLease(2)],
    });
    assert.equal(swapped.rekey, null);
    assert.deepEqual(
      swapped.welcomes.map(({ lease }) => lease),
      [3],
    );
    const ended = it.rekey({ trigger: 'departure', joins: [], departures: [toLease(3)] });
    assert.deepEqual([ended.epoch, ended.rekey, ended.welcomes], [2, null, []]);
    assert.equal(it.size, 0);
  });

  it('gives a freed place to the next newcomer', () => {
    const { tree: it, joiner } = tree();
    it.rekey({ trigger: 'join', joins: [1, 2, 3, 4, 5].map(joiner), departures: [] });
    it.rekey({ trigger: 'departure', joins: [], departures: [toLease(2)] });
    const { welcomes } = it.rekey({
      trigger: 'joinAndDeparture',
      joins: [6, 7, 8].map(joiner),
      departures: [toLease(4)],
    });
    assert.deepEqual(
      welcomes.map(({ leaf }) => leaf),
      [1, 3, 5],
    );
  });

  it('grows by as many levels as the newcomers need, and never shrinks', () => {
    const { tree: it, joiner } = tree();
    it.rekey({ trigger: 'join', joins: [joiner(1)], departures: [] });
    assert.equal(it.height, 1);
    const numbers = Array.from({ length: 70 }, (_, index) => index + 2);
    const { rekey } = it.rekey({ trigger: 'join', joins: numbers.map(joiner), departures: [] });
    assert.equal(it.height, 4);
    const roots = rekey?.nodes.map(({ level, index, seals }) => [
      level,
      index,
      seals.map(({ child }) => child),
    ]);
    assert.deepEqual(roots, [
      [2, 0, [0]],
      [3, 0, [0]],
      [4, 0, [0]],
    ]);
    it.rekey({ trigger: 'departure', joins: [], departures: numbers.map(toLease) });
    assert.equal(it.height, 4);
  });

  it('holds one key for each place that has somebody beneath, and nothing else', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey({ trigger: 'join', joins: [1, 2, 3, 4, 5].map(joiner), departures: [] });
    assert.equal(keys.live.size, 5 + 2 + 1);
    it.rekey({ trigger: 'departure', joins: [], departures: [toLease(5)] });
    assert.equal(keys.live.size, 4 + 1 + 1);
    it.close();
    it.close();
    assert.equal(keys.live.size, 0);
  });

  it('refuses what its caller got wrong, and nothing has changed', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey({ trigger: 'join', joins: [joiner(1), joiner(2)], departures: [] });
    const [three, again, five] = [joiner(3), joiner(1), joiner(5)];
    const mistakes: [string, { joins: { lease: Lease; key: Cell }[]; departures: Lease[] }][] = [
      ['a rekey without cause', { joins: [], departures: [] }],
      ['lease 9 is not present', { joins: [], departures: [toLease(1), toLease(9)] }],
      ['lease 1 departs twice', { joins: [], departures: [toLease(1), toLease(1)] }],
      ['lease 3 joins twice', { joins: [three, three], departures: [] }],
      ['lease 1 joins twice', { joins: [again], departures: [] }],
      ['lease 1 joins twice', { joins: [again], departures: [toLease(1)] }],
      ['lease 5 is not present', { joins: [five], departures: [toLease(5)] }],
    ];
    const before = snapshot(keys);
    for (const [message, change] of mistakes) {
      assert.throws(() => it.rekey({ trigger: 'join', ...change }), { code: 'custodian_refused', message });
      assert.equal(snapshot(keys), before, message);
    }
    assert.equal(it.nextEpoch, 1);
    assert.deepEqual([it.size, it.has(toLease(1)), it.has(toLease(3))], [2, true, false]);
  });

  it('without room for its new keys changes nothing', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey({ trigger: 'join', joins: [1, 2, 3, 4].map(joiner), departures: [] });
    const newcomers = [5, 6].map(joiner);
    const before = snapshot(keys);
    // Wanted: the session key, one parent, one root.
    for (const room of [0, 1, 2]) {
      keys.room = keys.live.size + room;
      assert.throws(() => it.rekey({ trigger: 'join', joins: newcomers, departures: [] }), /no room/);
      assert.equal(snapshot(keys), before);
    }
    keys.room = keys.live.size + 3;
    assert.equal(it.rekey({ trigger: 'join', joins: newcomers, departures: [] }).epoch, 1);
  });

  it('needs no room for a departure but that of the session key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), (size, pick) => {
        const { tree: it, keys, joiner } = tree();
        const numbers = Array.from({ length: size }, (_, index) => index + 1);
        it.rekey({ trigger: 'join', joins: numbers.map(joiner), departures: [] });
        keys.room = keys.live.size + 1;
        it.rekey({ trigger: 'departure', joins: [], departures: [toLease((pick % size) + 1)] });
      }),
    );
  });

  it('that fails halfway ends, rather than go on from half an epoch', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey({ trigger: 'join', joins: [joiner(1), joiner(2)], departures: [] });
    const seal = keys.seal.bind(keys);
    const change = {
      trigger: 'joinAndDeparture' as const,
      joins: [3, 4].map(joiner),
      departures: [toLease(1)],
    };
    keys.seal = (under, use, aad, secrets) => {
      if (use.purpose === 'welcome' && use.index === 2) throw new Error('out of memory');
      return seal(under, use, aad, secrets);
    };
    assert.throws(() => it.rekey(change), /out of memory/);
    assert.throws(() => it.rekey(change), { code: 'custodian_refused', message: 'the tree is closed' });
    assert.equal(it.size, 0);
    // Nothing of the tree's is left; the newcomers' keys are still their caller's.
    assert.deepEqual(new Set(keys.live), new Set(change.joins.map(({ key }) => key)));
  });
});
