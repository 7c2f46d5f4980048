// The keys of one key tree by their places, and who sits where: bookkeeping alone. What is sealed under what is the tree's
// business (tree.ts), which places a rekey touches the plan's (treePlan.ts).

import { treeDegree } from '../protocol/keyMessages.ts';
import type { Lease } from '../protocol/names.ts';
import type { SealingKeys } from './keyStore.ts';
import type { TreeShape } from './treePlan.ts';

export interface Leaf<H> {
  readonly lease: Lease;
  readonly key: H;
}

export class TreeNodes<H> implements TreeShape {
  readonly #keys: SealingKeys<H>;
  readonly #leaves = new Map<number, Leaf<H>>();
  readonly #places = new Map<Lease, number>();
  /** [level] → index → key; level 0 stays empty, its keys are the leaves'. */
  readonly #inner: Map<number, H>[] = [new Map(), new Map()];
  /** No place below this one is free. */
  #lowestFree = 0;

  constructor(keys: SealingKeys<H>) {
    this.#keys = keys;
  }

  /** How many leaves are taken. */
  get size(): number {
    return this.#leaves.size;
  }

  /** Levels above the leaves. */
  get height(): number {
    return this.#inner.length - 1;
  }

  has(level: number, index: number): boolean {
    return level === 0 ? this.#leaves.has(index) : this.#inner[level]?.has(index) === true;
  }

  /** Inner nodes of a level; 0 for one that the tree has not grown to. */
  countAt(level: number): number {
    return this.#inner[level]?.size ?? 0;
  }

  placeOf(lease: Lease): number | undefined {
    return this.#places.get(lease);
  }

  keyAt(level: number, index: number): H {
    const key = level === 0 ? this.#leaves.get(index)?.key : this.#inner[level]?.get(index);
    return key ?? missing(level, index);
  }

  /** From the leaf's parent to the root. */
  pathOf(leaf: number): H[] {
    const path: H[] = [];
    let index = leaf;
    for (let level = 1; level <= this.height; level++) {
      index = Math.floor(index / treeDegree);
      path.push(this.keyAt(level, index));
    }
    return path;
  }

  /** Gives the lowest free places one by one, those that are about to be freed among them: the tree stays as low and as full as it can. */
  freePlaces(freed: ReadonlySet<number>): () => number {
    let leaf = [...freed].reduce((least, place) => Math.min(least, place), this.#lowestFree);
    return () => {
      while (this.#leaves.has(leaf) && !freed.has(leaf)) leaf++;
      return leaf++;
    };
  }

  seat(place: number, leaf: Leaf<H>): void {
    this.#leaves.set(place, leaf);
    this.#places.set(leaf.lease, place);
    while (this.#leaves.has(this.#lowestFree)) this.#lowestFree++;
  }

  /** Without wiping: the key is somebody else's to wipe. */
  unseat(place: number): void {
    const leaf = this.#leaves.get(place);
    if (leaf === undefined) return;
    this.#leaves.delete(place);
    this.#places.delete(leaf.lease);
    this.#lowestFree = Math.min(this.#lowestFree, place);
  }

  /** Wipes the leaf's key. */
  vacate(place: number): void {
    const leaf = this.#leaves.get(place);
    if (leaf === undefined) return;
    this.#keys.wipe(leaf.key);
    this.unseat(place);
  }

  grow(height: number): void {
    while (this.height < height) this.#inner.push(new Map());
  }

  put(level: number, index: number, key: H): void {
    const keys = this.#inner[level] ?? missing(level, index);
    keys.set(index, key);
  }

  /** Wipes the node's key. */
  remove(level: number, index: number): void {
    this.#keys.wipe(this.keyAt(level, index));
    this.#inner[level]?.delete(index);
  }

  stepAll(): void {
    for (const { key } of this.#leaves.values()) this.#keys.step(key);
    for (const level of this.#inner) for (const key of level.values()) this.#keys.step(key);
  }

  wipeAll(): void {
    for (const { key } of this.#leaves.values()) this.#keys.wipe(key);
    for (const level of this.#inner) for (const key of level.values()) this.#keys.wipe(key);
    this.#leaves.clear();
    this.#places.clear();
    for (const level of this.#inner) level.clear();
  }
}

const missing = (level: number, index: number): never => {
  throw new Error(`the key tree has no node (${level}, ${index})`);
};
