import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TreeMember } from '../../src/keys/member.ts';
import { KeyTree } from '../../src/keys/tree.ts';
import type { TreeRekey } from '../../src/keys/tree.ts';
import type { Rekey, Welcome } from '../../src/protocol/keyMessages.ts';
import { epochId, lease as toLease } from '../../src/protocol/names.ts';
import { changeOf, SymbolicOpeningKeys, SymbolicSealingKeys } from './treeSymbols.ts';
import type { Cell } from './treeSymbols.ts';

const incarnation = new Uint8Array(16).fill(3);

/** A tree with leases 1 … size, and the admission keys as their participants have them. */
const meeting = (size: number) => {
  const sealing = new SymbolicSealingKeys();
  const tree = new KeyTree(sealing, incarnation);
  const keys = new SymbolicOpeningKeys(sealing.wire);
  const admitted = new Map<number, Cell>();
  const joiner = (number: number) => {
    const key = sealing.mint();
    admitted.set(number, keys.take(key));
    return { lease: toLease(number), key };
  };
  const shareWith = (joins: readonly number[]): readonly Welcome[] =>
    tree.share(joins.map(joiner)) ?? assert.fail('it can be shared');
  const rekey = (joins: readonly number[], departures: readonly number[] = []): TreeRekey => {
    const joiners = joins.map(joiner);
    return tree.rekey(changeOf({ joins: joiners, departures: departures.map(toLease), keep: true }));
  };
  const first = rekey(Array.from({ length: size }, (_, index) => index + 1));
  const welcomeOf = (number: number, made = first): Welcome =>
    made.welcomes.find(({ lease }) => lease === number) ?? assert.fail(`no welcome for ${number}`);
  const identity = (number: number, firstEpoch = 0) => ({
    incarnation,
    lease: toLease(number),
    firstEpoch: epochId(firstEpoch),
  });
  const keyOf = (number: number): Cell => admitted.get(number) ?? assert.fail(`nobody is ${number}`);
  const open = async (number: number) => {
    const { member, session } = await TreeMember.open(
      keys,
      identity(number),
      keyOf(number),
      welcomeOf(number),
    );
    keys.wipe(session);
    return member;
  };
  return { sealing, keys, rekey, shareWith, welcomeOf, identity, keyOf, open };
};

const messageOf = ({ rekey }: TreeRekey): Rekey => rekey ?? assert.fail('there is a message for everybody');

const held = (keys: SymbolicOpeningKeys): string =>
  JSON.stringify([...keys.live].map(({ atom, steps }) => [atom, steps]));

describe('a member of the key tree', () => {
  it('opens its welcome and every rekey after it, over growth and with others coming and going', async () => {
    const { sealing, keys, rekey, open } = meeting(3);
    const member = await open(2);
    const steps: [number[], number[]][] = [
      [[4], []],
      [[5, 6, 7], [1]],
      [[], [3, 4]],
      [Array.from({ length: 30 }, (_, index) => index + 8), []],
      [[], [5]],
    ];
    for (const [joins, departures] of steps) {
      const made = rekey(joins, departures);
      const applied = await member.apply(messageOf(made));
      assert.ok(applied.kind === 'opened');
      assert.equal(applied.epoch, made.epoch);
      assert.equal(member.epoch, made.epoch);
      assert.equal(applied.session.atom, sealing.sessions[made.epoch]?.atom);
      keys.wipe(applied.session);
    }
  });

  it('opens the welcome to an epoch that it shares, and every rekey after it, as those do who were there', async () => {
    const { sealing, keys, rekey, shareWith, identity, keyOf, open } = meeting(5);
    const old = await open(1);
    const told = rekey([], [2]);
    assert.equal((await old.apply(messageOf(told))).kind, 'opened');
    const [welcome] = shareWith([6, 7]);
    assert.ok(welcome !== undefined);
    const { member, session } = await TreeMember.open(keys, identity(6, 1), keyOf(6), welcome);
    assert.equal(session.atom, sealing.sessions[1]?.atom);
    for (const made of [rekey([8]), rekey([], [1]), rekey([], [7]), rekey([9, 10, 11, 12, 13, 14])]) {
      const applied = await member.apply(messageOf(made));
      assert.ok(applied.kind === 'opened');
      assert.equal(applied.session.atom, sealing.sessions[made.epoch]?.atom);
    }
  });

  it('processes a message once: a repeat is told as such and changes nothing', async () => {
    const { keys, rekey, open } = meeting(3);
    const member = await open(1);
    const second = messageOf(rekey([], [3]));
    assert.equal((await member.apply(second)).kind, 'opened');
    const before = held(keys);
    assert.deepEqual(await member.apply(second), { kind: 'repeat', epoch: 1 });
    assert.equal(held(keys), before);
    assert.equal((await member.apply(messageOf(rekey([4])))).kind, 'opened');
  });

  it('does not go over a gap, and goes on with what was missing', async () => {
    const { keys, rekey, open } = meeting(3);
    const member = await open(1);
    const [second, third] = [messageOf(rekey([4])), messageOf(rekey([5]))];
    const before = held(keys);
    await assert.rejects(member.apply(third), { code: 'key_message_gap' });
    assert.equal(held(keys), before);
    assert.equal(member.epoch, 0);
    assert.equal((await member.apply(second)).kind, 'opened');
    assert.equal((await member.apply(third)).kind, 'opened');
  });

  it('handles one message at a time, in the order in which they came', async () => {
    const { rekey, open } = meeting(6);
    const member = await open(1);
    const messages = [rekey([7]), rekey([], [7]), rekey([8], [2]), rekey([], [3, 8])].map(messageOf);
    const applied = await Promise.all(messages.map((message) => member.apply(message)));
    assert.deepEqual(
      applied.map(({ kind, epoch }) => [kind, epoch]),
      [1, 2, 3, 4].map((epoch) => ['opened', epoch]),
    );
  });

  it('stays as it is when a message does not open', async () => {
    const { keys, rekey, open } = meeting(6);
    const member = await open(1);
    const good = messageOf(rekey([7], [2]));
    const garbage = new Uint8Array(48).fill(0xff);
    const [node] = good.nodes;
    assert.ok(node !== undefined);
    const spoilt: [string, Rekey][] = [
      ['session', { ...good, session: garbage }],
      ['another incarnation', { ...good, incarnation: new Uint8Array(16) }],
      ['no node of ours', { ...good, nodes: [] }],
      ['a node missing', { ...good, nodes: good.nodes.slice(1) }],
      [
        'not sealed to us',
        { ...good, nodes: [{ ...node, seals: node.seals.slice(1) }, ...good.nodes.slice(1)] },
      ],
      ['a shrunken tree', { ...good, height: 1, nodes: good.nodes.slice(0, 1) }],
      ['a tree that grew without us', { ...good, height: 3 }],
      [
        'a seal of another child',
        {
          ...good,
          nodes: [
            { ...node, seals: node.seals.map(({ child }) => ({ child, sealed: garbage })) },
            ...good.nodes.slice(1),
          ],
        },
      ],
    ];
    const before = held(keys);
    for (const [what, message] of spoilt) {
      await assert.rejects(member.apply(message), { code: 'key_message_unopened' }, what);
      assert.equal(held(keys), before, what);
      assert.equal(member.epoch, 0, what);
    }
    assert.equal((await member.apply(good)).kind, 'opened');
  });

  it('that departed opens nothing more', async () => {
    const { rekey, open } = meeting(5);
    const member = await open(2);
    await assert.rejects(member.apply(messageOf(rekey([], [2]))), { code: 'key_message_unopened' });
  });

  it('takes only its own welcome, of this incarnation, and none of before its admission', async () => {
    const { keys, keyOf, rekey, welcomeOf, identity } = meeting(2);
    const welcome = welcomeOf(1);
    const later = welcomeOf(3, rekey([3]));
    const attempts: [ReturnType<typeof identity>, Welcome][] = [
      [identity(2), welcome],
      [{ ...identity(1), incarnation: new Uint8Array(16) }, welcome],
      [identity(1, 1), welcome],
      [identity(1), { ...welcome, leaf: 1 }],
      [identity(1), { ...welcome, trigger: 'departure' }],
      [identity(1), { ...welcome, fingerprint: new Uint8Array(16) }],
      [identity(1), { ...later, lease: toLease(1) }],
    ];
    const before = held(keys);
    for (const [who, message] of attempts) {
      await assert.rejects(TreeMember.open(keys, who, keyOf(1), message), { code: 'key_message_unopened' });
      assert.equal(held(keys), before);
    }
    const { member } = await TreeMember.open(keys, identity(1), keyOf(1), welcome);
    assert.equal(member.epoch, 0);
  });

  it('wipes what it has when it is closed, whenever that comes in the middle of a message', async () => {
    const outcomes = new Set<string>();
    for (let turns = 0; turns < 40; turns++) {
      const { keys, keyOf, rekey, open } = meeting(5);
      const member = await open(1);
      const applying = member.apply(messageOf(rekey([], [2]))).then(
        (applied) => {
          if (applied.kind === 'opened') keys.wipe(applied.session);
          return applied.kind;
        },
        (error: { code: string }) => error.code,
      );
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      member.close();
      member.close();
      outcomes.add(await applying);
      await assert.rejects(member.apply(messageOf(rekey([6]))), { code: 'closed' });
      // What is left is what the test itself holds for the others.
      const others = new Set([2, 3, 4, 5, 6].map(keyOf));
      assert.deepEqual(
        [...keys.live].filter((cell) => !others.has(cell)),
        [],
        `closed after ${turns} turns`,
      );
    }
    assert.deepEqual([...outcomes], ['closed', 'opened']);
  });
});
