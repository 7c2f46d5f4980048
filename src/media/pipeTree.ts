// Along which routers one stream is piped: a tree from the router where it is produced. A router is in it once, under one parent, so no two
// workers carry the stream twice; each hands it on to a few others at most, so the worker of the producer is spared.

/** Routers that one router hands a stream to. More: fewer hops. Fewer: less work for the producer's worker. */
export const pipeFanOut = 3;

export class PipeTree {
  readonly root: number;
  readonly #fanOut: number;
  /** Node → its children, in the order in which they came. */
  readonly #children = new Map<number, Set<number>>();
  readonly #parents = new Map<number, number>();

  constructor(root: number, fanOut: number = pipeFanOut) {
    this.root = root;
    this.#fanOut = fanOut;
    this.#children.set(root, new Set());
  }

  has(node: number): boolean {
    return this.#children.has(node);
  }

  /** Null: the root's, or not in the tree. */
  parentOf(node: number): number | null {
    return this.#parents.get(node) ?? null;
  }

  isLeaf(node: number): boolean {
    return this.#children.get(node)?.size === 0;
  }

  /** Nodes below the root, with their parents. */
  get edges(): readonly (readonly [parent: number, child: number])[] {
    return [...this.#parents].map(([child, parent]) => [parent, child] as const);
  }

  /** Under the node nearest to the root that has room. Answers that parent. @throws RangeError for a node that is in the tree. */
  add(node: number): number {
    if (this.has(node)) throw new RangeError(`node ${node} is in the tree`);
    const row = [this.root];
    for (const at of row) {
      const children = this.#children.get(at) ?? new Set();
      if (children.size < this.#fanOut) {
        children.add(node);
        this.#parents.set(node, at);
        this.#children.set(node, new Set());
        return at;
      }
      row.push(...children);
    }
    throw new RangeError('a tree has room at its leaves');
  }

  /** Takes a node out with all that hangs below it; answers them, the lowest first. Nothing where it is not in the tree. */
  cut(node: number): number[] {
    const children = this.#children.get(node);
    if (children === undefined || node === this.root) return [];
    const cut = [...children].flatMap((child) => this.cut(child));
    this.#children.get(this.#parents.get(node) ?? this.root)?.delete(node);
    this.#children.delete(node);
    this.#parents.delete(node);
    return [...cut, node];
  }
}
