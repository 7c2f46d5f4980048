// Quantiles, and how sure they are. Every figure of a bench is a ratio of two that were taken alternately in one run, since the
// machines that this runs on are shared: what slows one slows the other.

/** Fewer rounds than this have no 99th percentile worth the name: it would be one of the two or three slowest. */
export const roundsForP99 = 200;

/** One figure of ours and one of the floor's, taken one right after the other. */
export interface Pair {
  readonly ours: number;
  readonly floor: number;
}

export interface Quantiles {
  readonly p50: number;
  /** Null where there were fewer rounds than `roundsForP99`. */
  readonly p99: number | null;
}

export interface Comparison extends Quantiles {
  readonly floor: Quantiles;
  readonly ratio: Quantiles;
  /** 95 % confidence of `ratio.p50`, by the bootstrap over rounds. */
  readonly interval: { readonly low: number; readonly high: number };
  readonly rounds: number;
}

export type Rng = () => number;

/** xorshift32 (Marsaglia 2003): which rounds are drawn, and who departs, is the same again for the same seed. */
export const seededRng = (seed: number): Rng => {
  let state = seed >>> 0 || 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
};

/** By linear interpolation between the two nearest. */
export const quantile = (values: readonly number[], share: number): number => {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
};

export const quantiles = (values: readonly number[]): Quantiles => ({
  p50: quantile(values, 0.5),
  p99: values.length < roundsForP99 ? null : quantile(values, 0.99),
});

const resamples = 1_000;

const medianRatio = (pairs: readonly Pair[]): number =>
  quantile(
    pairs.map(({ ours }) => ours),
    0.5,
  ) /
  quantile(
    pairs.map(({ floor }) => floor),
    0.5,
  );

export const compare = (pairs: readonly Pair[], seed: number): Comparison => {
  const ours = quantiles(pairs.map((pair) => pair.ours));
  const floor = quantiles(pairs.map((pair) => pair.floor));
  const rng = seededRng(seed);
  const ratios = Array.from({ length: resamples }, () =>
    medianRatio(pairs.map((own) => pairs[Math.floor(rng() * pairs.length)] ?? own)),
  );
  return {
    ...ours,
    floor,
    ratio: {
      p50: ours.p50 / floor.p50,
      p99: ours.p99 === null || floor.p99 === null ? null : ours.p99 / floor.p99,
    },
    interval: { low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) },
    rounds: pairs.length,
  };
};
