// One departure and one join under the three ways of keying a meeting: a central custodian (ours), a group ratchet (MLS), pairwise
// ratchets (Olm). What is compared is the processor time of all parties, beside the group ratchet's; the rest is told beside it.

import type { Bench, Run } from './bench.ts';
import { central } from './keyingCentral.ts';
import { medianCosts } from './keyingCosts.ts';
import type { Change, Costs, Group, Way } from './keyingCosts.ts';
import { groupRatchet } from './keyingMls.ts';
import { pairwiseRatchets } from './keyingOlm.ts';
import { formatKeyingTable } from './keyingTable.ts';
import type { Row } from './keyingTable.ts';
import type { BenchResult } from './result.ts';
import { compare, seededRng } from './statistics.ts';
import type { Pair } from './statistics.ts';

const sizes = [6, 50, 200] as const;
/** A group ratchet of so many would take minutes a round: it is calculated from the two sizes before. */
const largeSize = 1_000;
const usualRounds: Readonly<Record<number, number>> = { 6: 60, 50: 12, 200: 12, 1_000: 12 };
const otherRounds = 12;
const warmUp = 2;
/** A departure from so many should take ours a fiftieth of a group ratchet's. */
const reachAt = 200;
const reach = { p50: 1 / 50 };

const changes: readonly Change[] = ['departure', 'join'];
type Taken = Record<Change, Costs[]>;

const roundsOf = (size: number, { rounds }: Run): number => rounds ?? usualRounds[size] ?? otherRounds;

/** All ways by turns, each beginning as often as the others. */
const take = async (groups: readonly Group[], rounds: number): Promise<Taken[]> => {
  const taken = groups.map((): Taken => ({ departure: [], join: [] }));
  for (let round = -warmUp; round < rounds; round++) {
    for (let i = 0; i < groups.length; i++) {
      const at = (i + round + warmUp) % groups.length;
      for (const change of changes) {
        const costs = await groups[at]?.change(change);
        if (round >= 0 && costs !== undefined) taken[at]?.[change].push(costs);
      }
    }
  }
  return taken;
};

const measure = async (ways: readonly Way[], size: number, run: Run): Promise<Taken[]> => {
  const groups: Group[] = [];
  try {
    for (const way of ways) {
      groups.push(await way.open(size));
      run.say(`${way.name} of ${size} is set up`);
    }
    return await take(groups, roundsOf(size, run));
  } finally {
    for (const group of groups) await group.close();
  }
};

interface Compared {
  readonly way: string;
  readonly size: number;
  readonly costs: Taken;
  readonly floor: Taken;
  readonly notes: readonly string[];
}

const resultsOf = ({ way, size, costs, floor, notes }: Compared, seed: number): BenchResult[] =>
  changes.map((change) => {
    const pairs: Pair[] = costs[change].flatMap(({ cpuMs }, round) => {
      const beside = floor[change][round];
      return beside === undefined ? [] : [{ ours: cpuMs, floor: beside.cpuMs }];
    });
    return {
      name: 'keying',
      case: `one ${change}, ${way}`,
      participants: size,
      unit: 'ms',
      beside: 'group ratchet',
      ...compare(pairs, seed),
      seed,
      ...(way === 'central' && change === 'departure' && size === reachAt ? { reach } : {}),
      details: { costs: medianCosts(costs[change]), floor: medianCosts(floor[change]) },
      notes: ['processor time of all parties, each over WebCrypto or as it comes', ...notes],
    };
  });

/** With the power of the size by which it grew between the two last sizes; at most the square: each party works through all of the tree. */
const grown = (small: Costs, smallSize: number, big: Costs, bigSize: number, size: number): Costs => {
  const grow = (of: keyof Costs): number => {
    const power = Math.log(big[of] / small[of]) / Math.log(bigSize / smallSize);
    return big[of] * (size / bigSize) ** Math.min(2, power);
  };
  return {
    messages: big.messages,
    madeBytes: grow('madeBytes'),
    receivedBytes: grow('receivedBytes'),
    publicKeyOperations: grow('publicKeyOperations'),
    cpuMs: grow('cpuMs'),
    decryptMs: grow('decryptMs'),
  };
};

/** What everybody's own key costs, as Megolm has it: a departure makes every sender hand out a new one; a join's sessions are made once. */
const everybodySends = ({ departure, join }: Row['costs'], size: number): Row['costs'] => {
  const times = (costs: Costs, senders: number): Costs => ({
    messages: costs.messages * senders,
    madeBytes: costs.madeBytes * senders,
    receivedBytes: costs.receivedBytes * senders,
    publicKeyOperations: costs.publicKeyOperations * senders,
    cpuMs: costs.cpuMs * senders,
    // Each on a machine of its own hands out its key while the others do; and takes theirs one after the other.
    decryptMs: costs.decryptMs + (costs.cpuMs * (senders - 1)) / senders,
  });
  const left = times(departure, size - 1);
  const sum = (of: keyof Costs): number => join[of] + left[of] - departure[of];
  return {
    departure: left,
    join: {
      messages: sum('messages'),
      madeBytes: sum('madeBytes'),
      receivedBytes: sum('receivedBytes'),
      publicKeyOperations: sum('publicKeyOperations'),
      cpuMs: sum('cpuMs'),
      decryptMs: sum('decryptMs'),
    },
  };
};

const medians = (taken: Taken): Row['costs'] => ({
  departure: medianCosts(taken.departure),
  join: medianCosts(taken.join),
});

const row = (way: string, size: number, costs: Row['costs'], extrapolated = false): Row => ({
  way,
  size,
  costs,
  extrapolated,
});

export const keying: Bench = {
  name: 'keying',
  async run(run) {
    const rng = seededRng(run.seed);
    const ways = [central(rng), groupRatchet(rng), pairwiseRatchets(rng)];
    const results: BenchResult[] = [];
    const rows: Row[] = [];
    const floors: { size: number; costs: Row['costs'] }[] = [];
    for (const size of run.participants === null ? sizes : [run.participants]) {
      const [ours, mls, olm] = await measure(ways, size, run);
      if (ours === undefined || mls === undefined || olm === undefined) continue;
      results.push(
        ...resultsOf({ way: 'central', size, costs: ours, floor: mls, notes: [] }, run.seed),
        ...resultsOf(
          { way: 'pairwise ratchets', size, costs: olm, floor: mls, notes: ["one sender's key"] },
          run.seed,
        ),
      );
      const pairwise = medians(olm);
      rows.push(
        row('central', size, medians(ours)),
        row('group ratchet', size, medians(mls)),
        row('pairwise, one sender', size, pairwise),
        row('pairwise, all send', size, everybodySends(pairwise, size), true),
      );
      floors.push({ size, costs: medians(mls) });
    }
    const [small, big] = floors.slice(-2);
    if (run.participants === null && small !== undefined && big !== undefined) {
      const [ours] = await measure(ways.slice(0, 1), largeSize, run);
      const extrapolated = (change: Change): Costs =>
        grown(small.costs[change], small.size, big.costs[change], big.size, largeSize);
      const floor = { departure: extrapolated('departure'), join: extrapolated('join') };
      if (ours !== undefined) {
        const repeated = (change: Change): Costs[] => ours[change].map(() => floor[change]);
        const note = 'the group ratchet is extrapolated';
        results.push(
          ...resultsOf(
            {
              way: 'central',
              size: largeSize,
              costs: ours,
              floor: { departure: repeated('departure'), join: repeated('join') },
              notes: [note],
            },
            run.seed,
          ),
        );
        rows.push(row('central', largeSize, medians(ours)), row('group ratchet', largeSize, floor, true));
      }
    }
    run.say(`the table of README.md:\n\n${formatKeyingTable(rows)}\n`);
    return results;
  },
};
