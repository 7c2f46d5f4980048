import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KeyTree } from '../../src/keys/tree.ts';
import { assertLaws, history } from './treeHistories.ts';
import { importMutant } from './treeMutation.ts';
import type { Mutant } from './treeMutation.ts';

const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);

/** Histories within which every mutant must be found. */
const patience = 300;

const mutants: readonly Mutant[] = [
  {
    without: 'a departed path is replaced even when a newcomer takes the freed leaf',
    file: 'treePlan.ts',
    find: '{ occupied: joined.has(leaf), stays: false, departs: true }',
    replace: '{ occupied: joined.has(leaf), stays: false, departs: !joined.has(leaf) }',
  },
  {
    without: 'a departed path is replaced',
    file: 'treePlan.ts',
    find: "return departs ? 'renewed' : null;",
    replace: 'return null;',
  },
  {
    without: 'a departed path is replaced up to the root',
    file: 'treePlan.ts',
    find: 'departs: children.some(({ departs }) => departs),',
    replace: 'departs: level < height && children.some(({ departs }) => departs),',
  },
  {
    without: 'an inner node left empty is deleted',
    file: 'treePlan.ts',
    find: "return existed ? 'deleted' : null;",
    replace: 'return null;',
  },
  {
    without: 'a replaced key is random, not a step of the one before',
    file: 'tree.ts',
    find: 'this.#keys.renew(key);',
    replace: 'this.#keys.step(key);',
  },
  {
    without: "a replaced key is sealed under its children's new keys",
    file: 'tree.ts',
    find: '    this.#replace(plan, fresh);\n    const nodes = this.#sealNodes(plan);',
    // Root first: each parent is sealed while its children still have the keys that a departed knows.
    replace: `    this.#replace({ ...plan, nodes: plan.nodes.filter(({ change }) => change !== 'renewed') }, fresh);
    const nodes = [...plan.nodes].reverse().flatMap((node) => {
      if (node.change === 'renewed') this.#replace({ ...plan, nodes: [node] }, []);
      return this.#sealNodes({ ...plan, nodes: [node] });
    }).reverse();`,
  },
  {
    without: 'a replaced key is sealed to all who stay',
    file: 'treePlan.ts',
    find: '(stays ? [child] : [])',
    replace: '(stays && child > 0 ? [child] : [])',
  },
  {
    without: 'the tree grows by a root sealed under the old one',
    file: 'treePlan.ts',
    find: 'const sealedUnder = children.flatMap(',
    replace: 'const sealedUnder = (level > shape.height ? [] : children).flatMap(',
  },
  {
    without: 'every key is stepped after a rekey',
    file: 'tree.ts',
    find: 'for (const { key } of this.#leaves.values()) this.#keys.step(key);\n    for (const level of this.#inner) for (const key of level.values()) this.#keys.step(key);',
    replace: '',
  },
  {
    without: 'inner keys are stepped',
    file: 'tree.ts',
    find: 'for (const level of this.#inner) for (const key of level.values()) this.#keys.step(key);',
    replace: '',
  },
  {
    without: "a newcomer's leaf is stepped",
    file: 'tree.ts',
    find: '    this.#keys.step(key);\n    this.#leaves.set(leaf, { lease, key });',
    replace: '    this.#leaves.set(leaf, { lease, key });',
  },
  {
    without: 'the session key is forgotten',
    file: 'tree.ts',
    find: 'this.#keys.wipe(minted.session);',
    replace: '',
  },
];

describe('a key tree that omits a rule', () => {
  it('is told from the real one, which keeps every law', () => {
    fc.assert(
      fc.property(history, (given) => void assertLaws(KeyTree, given)),
      { seed, numRuns: patience },
    );
  });

  for (const mutant of mutants) {
    it(`is found without: ${mutant.without}`, async (t) => {
      const Tree = await importMutant(mutant);
      const property = fc.property(history, (given) => void assertLaws(Tree, given));
      const found = fc.check(property, { seed, numRuns: patience, endOnFailure: true });
      t.diagnostic(
        `seed ${seed}, history ${found.numRuns}: ${String(found.errorInstance).split('\n')[0]?.slice(0, 120)}`,
      );
      assert.ok(found.failed, `not found in ${patience} histories`);
      assert.ok(found.errorInstance instanceof assert.AssertionError, 'a law fails, not the code');
    });
  }
});
