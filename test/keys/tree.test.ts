import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SealingKeys } from '../../src/keys/keyStore.ts';
import { KeyTree } from '../../src/keys/tree.ts';
import type { TreeChange, TreeRekey } from '../../src/keys/tree.ts';
import { chainInput, encodeRekey, encodeRekeyBody } from '../../src/protocol/keyMessages.ts';
import { epochId, lease as toLease, lengths } from '../../src/protocol/names.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { changeOf, SymbolicSealingKeys } from './treeSymbols.ts';
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

  hash(): Uint8Array {
    return new Uint8Array(lengths.hash);
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
    const rekeyed = this.tree.rekey(
      changeOf({
        joins: leases.map((lease) => ({ lease, key: lease })),
        departures,
      }),
    );
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
    assert.equal(it.rekey(changeOf({ joins: [joiner(1)] })).epoch, 0);
    assert.equal(it.rekey(changeOf({ joins: [joiner(2)] })).epoch, 1);
    assert.equal(it.nextEpoch, 2);
  });

  it('has no message for everybody where nobody was there, or nobody of them stays', () => {
    const { tree: it, joiner } = tree();
    assert.equal(it.rekey(changeOf({ joins: [joiner(1), joiner(2)] })).rekey, null);
    const swapped = it.rekey(
      changeOf({
        joins: [joiner(3)],
        departures: [toLease(1), toLease(2)],
      }),
    );
    assert.equal(swapped.rekey, null);
    assert.deepEqual(
      swapped.welcomes.map(({ lease }) => lease),
      [3],
    );
    const ended = it.rekey(changeOf({ departures: [toLease(3)] }));
    assert.deepEqual([ended.epoch, ended.rekey, ended.welcomes], [2, null, []]);
    assert.equal(it.size, 0);
  });

  it('gives a freed place to the next newcomer', () => {
    const { tree: it, joiner } = tree();
    it.rekey(changeOf({ joins: [1, 2, 3, 4, 5].map(joiner) }));
    it.rekey(changeOf({ departures: [toLease(2)] }));
    const { welcomes } = it.rekey(
      changeOf({
        joins: [6, 7, 8].map(joiner),
        departures: [toLease(4)],
      }),
    );
    assert.deepEqual(
      welcomes.map(({ leaf }) => leaf),
      [1, 3, 5],
    );
  });

  it('grows by as many levels as the newcomers need, and never shrinks', () => {
    const { tree: it, joiner } = tree();
    it.rekey(changeOf({ joins: [joiner(1)] }));
    assert.equal(it.height, 1);
    const numbers = Array.from({ length: 70 }, (_, index) => index + 2);
    const { rekey } = it.rekey(changeOf({ joins: numbers.map(joiner) }));
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
    it.rekey(changeOf({ departures: numbers.map(toLease) }));
    assert.equal(it.height, 4);
  });

  it('holds one key for each place that has somebody beneath, and nothing else', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [1, 2, 3, 4, 5].map(joiner) }));
    assert.equal(keys.live.size, 5 + 2 + 1);
    it.rekey(changeOf({ departures: [toLease(5)] }));
    assert.equal(keys.live.size, 4 + 1 + 1);
    it.close();
    it.close();
    assert.equal(keys.live.size, 0);
  });

  it('refuses what its caller got wrong, and nothing has changed', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [joiner(1), joiner(2)] }));
    const [three, again, five] = [joiner(3), joiner(1), joiner(5)];
    const mistakes: [string, { joins: { lease: Lease; key: Cell }[]; departures: Lease[] }][] = [
      ['lease 9 is not present', { joins: [], departures: [toLease(1), toLease(9)] }],
      ['lease 1 departs twice', { joins: [], departures: [toLease(1), toLease(1)] }],
      ['lease 3 joins twice', { joins: [three, three], departures: [] }],
      ['lease 1 joins twice', { joins: [again], departures: [] }],
      ['lease 1 joins twice', { joins: [again], departures: [toLease(1)] }],
      ['lease 5 is not present', { joins: [five], departures: [toLease(5)] }],
    ];
    const before = snapshot(keys);
    for (const [message, change] of mistakes) {
      assert.throws(() => it.rekey(changeOf({ ...change })), { code: 'custodian_refused', message });
      assert.equal(snapshot(keys), before, message);
    }
    assert.equal(it.nextEpoch, 1);
    assert.deepEqual([it.size, it.has(toLease(1)), it.has(toLease(3))], [2, true, false]);
  });

  it('without room for its new keys changes nothing', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [1, 2, 3, 4].map(joiner) }));
    const newcomers = [5, 6].map(joiner);
    const before = snapshot(keys);
    // Wanted: the session key, one parent, one root.
    for (const room of [0, 1, 2]) {
      keys.room = keys.live.size + room;
      assert.throws(() => it.rekey(changeOf({ joins: newcomers })), /no room/);
      assert.equal(snapshot(keys), before);
    }
    keys.room = keys.live.size + 3;
    assert.equal(it.rekey(changeOf({ joins: newcomers })).epoch, 1);
  });

  it('needs no room for a departure but that of the session key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), (size, pick) => {
        const { tree: it, keys, joiner } = tree();
        const numbers = Array.from({ length: size }, (_, index) => index + 1);
        it.rekey(changeOf({ joins: numbers.map(joiner) }));
        keys.room = keys.live.size + 1;
        it.rekey(changeOf({ departures: [toLease((pick % size) + 1)] }));
      }),
    );
  });

  it('that fails halfway ends, rather than go on from half an epoch', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [joiner(1), joiner(2)] }));
    const seal = keys.seal.bind(keys);
    const change = changeOf({ joins: [3, 4].map(joiner), departures: [toLease(1)] });
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

describe('the chain of epochs', () => {
  const ledger = (fill: number) => new Uint8Array(32).fill(fill);
  const hash = (bytes: Uint8Array) => new SymbolicSealingKeys().hash(bytes);

  it('goes from epoch to epoch, over the trigger and the ledger of each, from zeros', () => {
    const { tree: it, joiner } = tree();
    let previous = new Uint8Array(lengths.hash);
    const changes: TreeChange<Cell>[] = [
      changeOf({ trigger: 'join', joins: [1, 2].map(joiner), ledger: ledger(1) }),
      changeOf({ trigger: 'interval', ledger: ledger(2) }),
      changeOf({ trigger: 'departure', departures: [toLease(1)], ledger: ledger(3) }),
    ];
    for (const [index, change] of changes.entries()) {
      const { epoch, chain, rekey, welcomes, fingerprint } = it.rekey(change);
      const head = {
        incarnation,
        epoch: epochId(index),
        trigger: change.trigger,
        previous,
        ledger: change.ledger,
      };
      assert.equal(epoch, index);
      assert.deepEqual(chain, hash(chainInput(head)));
      for (const message of [rekey, ...welcomes]) {
        if (message === null) continue;
        assert.deepEqual({ ...message, ...head, fingerprint }, message, 'every message tells it alike');
      }
      previous = new Uint8Array(chain);
    }
  });

  it('and their numbers go on from where another tree of the incarnation ended', () => {
    const keys = new SymbolicSealingKeys();
    const it = new KeyTree(keys, incarnation, { nextEpoch: 7, chain: ledger(5) });
    const made = it.rekey(changeOf({ joins: [{ lease: toLease(40), key: keys.mint() }] }));
    assert.equal(made.epoch, 7);
    assert.deepEqual(made.welcomes[0]?.previous, ledger(5));
    assert.equal(it.nextEpoch, 8);
  });
});

describe('a rekey for nobody’s coming or going', () => {
  it('is one seal for everybody', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [1, 2, 3, 4, 5].map(joiner) }));
    const before = keys.live.size;
    const made = it.rekey(changeOf({ trigger: 'operator' }));
    assert.deepEqual([made.epoch, sealsOf(made), made.welcomes], [1, 1, []]);
    assert.equal(keys.live.size, before);
  });

  it('where nobody is, is an epoch without a message', () => {
    const { tree: it } = tree();
    const { epoch, rekey, welcomes } = it.rekey(changeOf({ trigger: 'interval' }));
    assert.deepEqual([epoch, rekey, welcomes], [0, null, []]);
  });
});

describe('sharing an epoch', () => {
  it('welcomes newcomers to it, below what is there, with the path as it is now', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: Array.from({ length: 6 }, (_, index) => joiner(index + 1)) }));
    const told = it.rekey(changeOf({ trigger: 'departure', departures: [toLease(2)], keep: true }));
    const seals = keys.wire.seals.length;
    const welcomes = it.share([7, 8, 9, 10].map(joiner)) ?? assert.fail('shared');
    assert.deepEqual(
      welcomes.map(({ lease, leaf, height }) => [lease, leaf, height]),
      [
        [7, 1, 2],
        [8, 6, 2],
        [9, 7, 2],
        [10, 8, 2],
      ],
    );
    for (const { epoch, trigger, fingerprint, previous, ledger } of welcomes) {
      assert.deepEqual(
        { epoch, trigger, fingerprint, previous, ledger },
        {
          epoch: told.epoch,
          trigger: 'departure',
          fingerprint: told.fingerprint,
          previous: told.rekey?.previous,
          ledger: told.rekey?.ledger,
        },
      );
    }
    assert.equal(keys.wire.seals.length - seals, 4, 'a welcome each, and nothing for anybody else');
    assert.deepEqual([it.size, it.firstEpoch, it.nextEpoch], [9, 1, 2]);
  });

  it('is not possible where the session key is not kept, nobody is there, or the tree would have to grow', () => {
    const { tree: it, keys, joiner } = tree();
    const newcomers = [21, 22].map(joiner);
    const refuses = (why: string): void => {
      const before = snapshot(keys);
      assert.equal(it.share(newcomers), null, why);
      assert.equal(snapshot(keys), before, 'nothing has changed');
      assert.equal(it.has(toLease(21)), false);
    };
    refuses('before the first epoch');
    it.rekey(changeOf({ joins: [1, 2, 3].map(joiner) }));
    refuses('not kept');
    it.rekey(changeOf({ keep: true }));
    refuses('the fifth would need a new root');
    it.rekey(changeOf({ keep: true, departures: [toLease(1)] }));
    assert.deepEqual([it.firstEpoch, it.nextEpoch], [2, 3]);
    it.forget();
    it.forget();
    assert.equal(it.firstEpoch, 3);
    refuses('forgotten');
    it.rekey(changeOf({ keep: true, departures: [2, 3].map(toLease) }));
    refuses('nobody is there');
    it.rekey(changeOf({ keep: true, joins: [joiner(4)] }));
    assert.equal(it.share(newcomers)?.length, 2);
  });

  it('ends with the next rekey and with the tree, and the session key with it', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [joiner(1)], keep: true }));
    const sessions = () =>
      [...keys.live].filter((cell) => keys.sessions.some((session) => session.atom === cell.atom)).length;
    assert.equal(sessions(), 1);
    it.rekey(changeOf({ keep: true }));
    assert.equal(sessions(), 1);
    it.rekey(changeOf({}));
    assert.equal(sessions(), 0);
    it.rekey(changeOf({ keep: true }));
    assert.throws(() => it.rekey(changeOf({ departures: [toLease(9)] })));
    assert.ok(it.keeps, 'a rekey that is refused changes nothing');
    it.close();
    assert.equal(keys.live.size, 0);
  });

  it('refuses what its caller got wrong, and without room changes nothing', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [1, 2, 3, 4, 5].map(joiner), keep: true }));
    const newcomers = [6, 7, 8, 9].map(joiner);
    const [again] = [joiner(5)];
    const before = snapshot(keys);
    assert.throws(() => it.share([again ?? assert.fail()]), { code: 'custodian_refused' });
    assert.equal(snapshot(keys), before);
    // Wanted: the parent of the ninth place.
    keys.room = keys.live.size;
    assert.throws(() => it.share(newcomers), /no room/);
    assert.equal(snapshot(keys), before);
    keys.room = keys.live.size + 1;
    assert.equal(it.share(newcomers)?.length, 4);
  });

  it('that fails halfway ends the tree', () => {
    const { tree: it, keys, joiner } = tree();
    it.rekey(changeOf({ joins: [1, 2, 3, 4, 5].map(joiner), keep: true }));
    const newcomers = [6, 7].map(joiner);
    const seal = keys.seal.bind(keys);
    keys.seal = (under, use, aad, secrets) => {
      if (use.index === 6) throw new Error('out of memory');
      return seal(under, use, aad, secrets);
    };
    assert.throws(() => it.share(newcomers), /out of memory/);
    assert.throws(() => it.share(newcomers), { message: 'the tree is closed' });
    assert.deepEqual(new Set(keys.live), new Set(newcomers.map(({ key }) => key)));
  });
});

describe('the room that joins are said to need', () => {
  it('is never less than what they take, in one rekey or in several, whatever departs', () => {
    const step = fc.record({
      joins: fc.nat(40),
      departures: fc.array(fc.nat(400), { maxLength: 30 }),
      share: fc.boolean(),
      keep: fc.boolean(),
    });
    const property = fc.property(fc.nat(120), fc.array(step, { maxLength: 8 }), (waiting, steps) => {
      const { tree: it, keys, joiner } = tree();
      let next = 1;
      let present: Lease[] = [];
      let left = waiting;
      for (const { joins, departures, share, keep } of steps) {
        const joiners = Array.from({ length: Math.min(joins, left) }, () => joiner(next++));
        const gone = [...new Set(departures.flatMap((pick) => present[pick] ?? []))];
        // Those who wait have their leaves' keys already; then what was promised, and the session key.
        keys.room = keys.live.size + it.roomFor(left) + 1;
        const shared = share ? it.share(joiners) : null;
        if (shared === null) {
          it.rekey(changeOf({ joins: joiners, departures: gone, keep }));
          present = present.filter((lease) => !gone.includes(lease));
        }
        present.push(...joiners.map(({ lease }) => lease));
        left -= joiners.length;
        const used = keys.live.size - (it.keeps ? 1 : 0);
        assert.ok(used + it.roomFor(left) + 1 <= keys.room, 'and what is left of it suffices for the rest');
        keys.room = Infinity;
      }
    });
    fc.assert(property);
  });
});
