import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KeyTree } from '../../src/keys/tree.ts';
import { mutated } from './mutation.ts';
import type { Mutant } from './mutation.ts';
import { assertLaws, history } from './treeHistories.ts';
import type { TreeClass } from './treeHistories.ts';

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
    find: 'this.#keys.renew(this.#nodes.keyAt(level, index));',
    replace: 'this.#keys.step(this.#nodes.keyAt(level, index));',
  },
  {
    without: "a replaced key is sealed under its children's new keys",
    file: 'tree.ts',
    find: '    this.#replace(plan, fresh);\n    const nodes = this.#sealNodes(epoch, plan.nodes);',
    // Root first: each parent is sealed while its children still have the keys that a departed knows.
    replace: `    this.#replace({ ...plan, nodes: plan.nodes.filter(({ change }) => change !== 'renewed') }, fresh);
    const nodes = [...plan.nodes].reverse().flatMap((node) => {
      if (node.change === 'renewed') this.#replace({ ...plan, nodes: [node] }, []);
      return this.#sealNodes(epoch, [node]);
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
    find: 'this.#nodes.stepAll();',
    replace: '',
  },
  {
    without: 'inner keys are stepped',
    file: 'treeNodes.ts',
    find: 'for (const level of this.#inner) for (const key of level.values()) this.#keys.step(key);',
    replace: '',
  },
  {
    without: "a newcomer's leaf is stepped",
    file: 'tree.ts',
    find: '    this.#keys.step(key);\n    this.#nodes.seat(leaf, { lease, key });',
    replace: '    this.#nodes.seat(leaf, { lease, key });',
  },
  {
    without: 'the session key is forgotten',
    file: 'tree.ts',
    find: 'if (session !== null && this.#kept?.session !== session) this.#keys.wipe(session);',
    replace: '',
  },
  {
    without: 'the session key is kept only where the policy wants it',
    file: 'tree.ts',
    find: 'if (keep) this.#kept',
    replace: 'this.#kept',
  },
  {
    without: 'the session key that was kept is forgotten at the next rekey',
    file: 'tree.ts',
    find: '    this.#nextEpoch++;\n    this.forget();',
    replace: '    this.#nextEpoch++;',
  },
  {
    without: 'the session key is forgotten when its time to be shared is over',
    file: 'tree.ts',
    find: '  forget(): void {\n',
    replace: '  forget(): void {\n    if (!this.#closed) return;\n',
  },
  {
    without: 'newcomers are given the path as it is after the step',
    file: 'tree.ts',
    find: `    this.#nodes.stepAll();
    const welcomes = plan.placed.map((newcomer) => this.#welcome(head, newcomer, session));`,
    replace: `    const welcomes = plan.placed.map((newcomer) => this.#welcome(head, newcomer, session));
    this.#nodes.stepAll();`,
  },
  {
    without: 'nobody shares an epoch for whom the tree would have to grow',
    file: 'tree.ts',
    find: ' || plan.height > this.height) return null;',
    replace: ') return null;',
  },
  {
    without: 'who shares an epoch is given that one',
    file: 'tree.ts',
    find: 'if (keep) this.#kept = { head, session };',
    replace: 'if (keep) this.#kept = { head, session: this.#keys.mint() };',
  },
];

const importMutant = async (mutant: Mutant): Promise<TreeClass> => {
  const module: { KeyTree: TreeClass } = await import(`../../src/keys/tree.ts${mutated(mutant)}`);
  return module.KeyTree;
};

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
