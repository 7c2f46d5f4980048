import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PipeTree, pipeFanOut } from '../../src/media/pipeTree.ts';

const root = 0;

/** A tree: everybody has one parent, nobody hands on to too many, and from everywhere there is a way up to the root. */
const assertTree = (tree: PipeTree, fanOut: number): void => {
  const parents = new Map(tree.edges.map(([parent, child]) => [child, parent]));
  assert.equal(parents.size, tree.edges.length, 'one parent each');
  assert.equal(parents.has(root), false);
  const children = Map.groupBy(tree.edges, ([parent]) => parent);
  for (const below of children.values()) assert.ok(below.length <= fanOut);
  for (const node of parents.keys()) {
    const passed = new Set<number>();
    for (let at = node; at !== root; at = parents.get(at) ?? NaN) {
      assert.ok(tree.has(at) && !passed.has(at), 'no circle, no gap');
      passed.add(at);
    }
  }
  const pairs = tree.edges.map(([a, b]) => [Math.min(a, b), Math.max(a, b)].join(' '));
  assert.equal(new Set(pairs).size, pairs.length, 'no pair twice, in either direction');
};

describe('the tree along which a stream is piped', () => {
  it('hangs the first few under the root, the next under those', () => {
    const tree = new PipeTree(root, 2);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((node) => tree.add(node)),
      [0, 0, 1, 1, 2],
    );
    assert.equal(tree.parentOf(3), 1);
    assert.equal(tree.parentOf(root), null);
    assert.throws(() => tree.add(3), RangeError);
  });

  it('takes out a node with all that hangs below it, the lowest first, and uses its place again', () => {
    const tree = new PipeTree(root, 1);
    for (const node of [1, 2, 3]) tree.add(node);
    assert.equal(tree.isLeaf(2), false);
    assert.deepEqual(tree.cut(2), [3, 2]);
    assert.deepEqual(tree.cut(2), [], 'not there any more');
    assert.deepEqual(tree.cut(root), [], 'the root stays');
    assert.equal(tree.isLeaf(1), true);
    assert.equal(tree.add(4), 1);
  });

  it('stays a tree of few hands through any coming and going', () => {
    const change = fc.record({ node: fc.integer({ min: 1, max: 40 }), comes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (changes, fanOut) => {
        const tree = new PipeTree(root, fanOut);
        for (const { node, comes } of changes) {
          if (comes && !tree.has(node)) tree.add(node);
          if (!comes) for (const gone of tree.cut(node)) assert.equal(tree.has(gone), false);
          assertTree(tree, fanOut);
        }
      }),
    );
  });

  it('is not deeper than it must be', () => {
    const tree = new PipeTree(root);
    for (let node = 1; node <= 39; node++) tree.add(node);
    let depth = 0;
    for (let at: number | null = 39; at !== null; at = tree.parentOf(at)) depth++;
    assert.equal(depth - 1, 3, `${pipeFanOut} + ${pipeFanOut ** 2} + ${pipeFanOut ** 3} nodes in three rows`);
  });
});
