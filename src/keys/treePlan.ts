// Which nodes of the key tree a rekey touches, before anything is touched: pure geometry, without keys.
//
// A node is (level, index): level 0 holds the leaves, child c of (level, index) is (level − 1, index·4 + c). A place exists only
// while somebody is beneath it. Departures come first, then joins, so that a place left empty and taken again in one rekey is a
// new place: nothing of its old key remains.
//
// The rules (DESIGN §3; each omission breaks a law, test/property/treeMutants.test.ts):
//   · every node above a departed leaf is replaced, also when a newcomer takes that leaf in the same rekey;
//   · a node left empty is deleted, and made again only with a fresh key;
//   · a new or replaced key is sealed under those children alone beneath which somebody stays who was there before: newcomers have
//     their welcome, and a child's key that a departed knew has been replaced by then, lower levels first.

import { treeDegree } from '../protocol/keyMessages.ts';

export interface TreeShape {
  readonly height: number;
  readonly size: number;
  has(level: number, index: number): boolean;
  /** Inner nodes of a level. */
  countAt(level: number): number;
}

export interface NodeChange {
  readonly level: number;
  readonly index: number;
  /** `fresh`: it did not exist. `renewed`: its key is replaced. `deleted`: nobody is left beneath it. */
  readonly change: 'fresh' | 'renewed' | 'deleted';
  /** Children (0 … 3) under whose newest key its new key is sealed. */
  readonly sealedUnder: readonly number[];
}

/** What a rekey leaves of a place: who is beneath it afterwards, and whether a departed knew its key. */
interface Outcome {
  readonly occupied: boolean;
  /** Somebody is beneath it who was there before this rekey. */
  readonly stays: boolean;
  /** Somebody beneath it departs. */
  readonly departs: boolean;
}

const untouched: Outcome = { occupied: true, stays: true, departs: false };
const absent: Outcome = { occupied: false, stays: false, departs: false };

/** Levels that `places` leaves need; at least 1. */
export const heightFor = (places: number): number => {
  let height = 1;
  while (treeDegree ** height < places) height++;
  return height;
};

/**
 * Inner nodes that the joins of `joining` make at most, in one rekey or several, whatever departs before them or with them: at each level one
 * for each of them, and never more than there are places without one. Departures only lower it, or delete as many nodes as they raise it by.
 */
export const freshNodesAtMost = (tree: TreeShape, joining: number): number => {
  const height = Math.max(tree.height, heightFor(tree.size + joining));
  let fresh = 0;
  for (let level = 1; level <= height; level++) {
    fresh += Math.min(joining, treeDegree ** (height - level) - tree.countAt(level));
  }
  return fresh;
};

const leafOutcomes = (departed: ReadonlySet<number>, joined: ReadonlySet<number>): Map<number, Outcome> => {
  const outcomes = new Map<number, Outcome>();
  for (const leaf of departed) {
    outcomes.set(leaf, { occupied: joined.has(leaf), stays: false, departs: true });
  }
  for (const leaf of joined) {
    if (!departed.has(leaf)) outcomes.set(leaf, { occupied: true, stays: false, departs: false });
  }
  return outcomes;
};

const parentsOf = (below: ReadonlyMap<number, Outcome>): Set<number> => {
  const parents = new Set<number>();
  for (const index of below.keys()) parents.add(Math.floor(index / treeDegree));
  return parents;
};

/** Lower levels first, ascending within a level: the order in which keys can be opened. */
export const planNodes = (
  shape: TreeShape,
  departed: ReadonlySet<number>,
  joined: ReadonlySet<number>,
  height: number,
): NodeChange[] => {
  const changes: NodeChange[] = [];
  let below = leafOutcomes(departed, joined);
  for (let level = 1; level <= height; level++) {
    const parents = parentsOf(below);
    // A new root stands above the old one, whether or not anything changes beneath that.
    if (level > shape.height) parents.add(0);
    const outcomes = new Map<number, Outcome>();
    for (const index of [...parents].sort((a, b) => a - b)) {
      const children: Outcome[] = [];
      for (let child = 0; child < treeDegree; child++) {
        const place = index * treeDegree + child;
        children.push(below.get(place) ?? (shape.has(level - 1, place) ? untouched : absent));
      }
      const outcome = {
        occupied: children.some(({ occupied }) => occupied),
        stays: children.some(({ stays }) => stays),
        departs: children.some(({ departs }) => departs),
      };
      outcomes.set(index, outcome);
      const change = changeOf(shape.has(level, index), outcome);
      if (change === null) continue;
      const sealedUnder = children.flatMap(({ stays }, child) => (stays ? [child] : []));
      changes.push({ level, index, change, sealedUnder });
    }
    below = outcomes;
  }
  return changes;
};

const changeOf = (existed: boolean, { occupied, departs }: Outcome): NodeChange['change'] | null => {
  if (!occupied) return existed ? 'deleted' : null;
  if (!existed) return 'fresh';
  return departs ? 'renewed' : null;
};
