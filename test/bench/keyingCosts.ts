// What one change of a group's members costs under one way of keying it, and the stopwatch that finds it out. All parties live in this
// process and work one after the other, so that what each of them takes is its own.

import { quantile } from './statistics.ts';

export interface Costs {
  /** Different ones: the same bytes to many are one. */
  readonly messages: number;
  /** Made by whoever carries the change out (the custodian, the committer, the sender whose key it is), all together. */
  readonly madeBytes: number;
  /** Received by one of those who were there before, on average. */
  readonly receivedBytes: number;
  /** Key generations, Diffie-Hellman products, signatures and verifications, of all parties. */
  readonly publicKeyOperations: number;
  /** Of all parties. */
  readonly cpuMs: number;
  /** Until the last can decrypt: each party on a machine of its own, all of a step at the same time, the network free. */
  readonly decryptMs: number;
}

export type Change = 'departure' | 'join';

export interface Group {
  /** Somebody departs, or joins; the size is what it was after one of each. */
  change(kind: Change): Promise<Costs>;
  close(): Promise<void>;
}

export interface Way {
  readonly name: 'central' | 'group ratchet' | 'pairwise ratchets';
  open(size: number): Promise<Group>;
}

type Work = () => unknown;

/** Where only some of `parties` are here, they stand for the others: processor time and operations are scaled. */
export interface Team {
  readonly works: readonly Work[];
  readonly parties?: number;
}

export class Stopwatch {
  cpuMs = 0;
  decryptMs = 0;
  publicKeyOperations = 0;

  /** Everybody else waits for it. */
  async alone(work: Work): Promise<void> {
    await this.together({ works: [work] });
  }

  /** None of them waits for another. */
  async together(...teams: readonly Team[]): Promise<void> {
    let longestMs = 0;
    for (const { works, parties = works.length } of teams) {
      if (works.length === 0) continue;
      const share = parties / works.length;
      const counted = this.publicKeyOperations;
      const before = process.cpuUsage();
      for (const work of works) {
        const startedMs = performance.now();
        await work();
        longestMs = Math.max(longestMs, performance.now() - startedMs);
      }
      const { user, system } = process.cpuUsage(before);
      this.cpuMs += ((user + system) / 1_000) * share;
      this.publicKeyOperations = counted + (this.publicKeyOperations - counted) * share;
    }
    this.decryptMs += longestMs;
  }

  costs(sizes: Pick<Costs, 'messages' | 'madeBytes' | 'receivedBytes'>): Costs {
    const { cpuMs, decryptMs, publicKeyOperations } = this;
    return { ...sizes, publicKeyOperations, cpuMs, decryptMs };
  }
}

const middle = (all: readonly Costs[], of: keyof Costs): number =>
  quantile(
    all.map((one) => one[of]),
    0.5,
  );

export const medianCosts = (all: readonly Costs[]): Costs => ({
  messages: middle(all, 'messages'),
  madeBytes: middle(all, 'madeBytes'),
  receivedBytes: middle(all, 'receivedBytes'),
  publicKeyOperations: middle(all, 'publicKeyOperations'),
  cpuMs: middle(all, 'cpuMs'),
  decryptMs: middle(all, 'decryptMs'),
});
