// What a bench found: one entry of the JSON file, one line of the table.

import type { Comparison, Quantiles } from './statistics.ts';

export const units = ['µs', 'ms', 'kB', 'viewers'] as const;
export type Unit = (typeof units)[number];

export interface BenchResult extends Comparison {
  /** What `npm run bench` is asked for. */
  readonly name: string;
  /** What of it this is. */
  readonly case: string;
  /** 0 where nobody takes part. */
  readonly participants: number;
  readonly unit: Unit;
  /** What stands beside it. */
  readonly beside: string;
  readonly seed: number;
  /** What DESIGN wants `ratio` to be at most; absent where it wants nothing. */
  readonly reach?: Partial<Quantiles>;
  /** What DESIGN wants the figure itself to be at most. */
  readonly atMost?: Partial<Quantiles>;
  /** What DESIGN wants it to be at most above the floor's. */
  readonly beyond?: { readonly p50: number };
  /** Figures that have no floor, by their names with units. */
  readonly also?: Readonly<Record<string, number | string>>;
  /** In the file only. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly notes?: readonly string[];
}

const figure = (value: number | null): string => {
  if (value === null) return '–';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 4;
  return value.toFixed(digits);
};

const above = (found: Quantiles, wanted: Partial<Quantiles> = {}): boolean =>
  (wanted.p50 !== undefined && found.p50 > wanted.p50) ||
  (typeof wanted.p99 === 'number' && found.p99 !== null && found.p99 > wanted.p99);

const wantedOf = (wanted: Partial<Quantiles> = {}, unit = ''): string[] => [
  ...(wanted.p50 === undefined ? [] : [`≤ ${figure(wanted.p50)}${unit}`]),
  ...(typeof wanted.p99 === 'number' ? [`p99 ≤ ${figure(wanted.p99)}${unit}`] : []),
];

const reachOf = (result: BenchResult): string => {
  const { reach, atMost, beyond, unit } = result;
  const wanted = [
    ...wantedOf(reach),
    ...wantedOf(atMost, ` ${unit}`),
    ...wantedOf(beyond, ` ${unit} beyond it`),
  ].join(', ');
  const missed =
    above(result.ratio, reach) ||
    above(result, atMost) ||
    (beyond !== undefined && result.p50 - result.floor.p50 > beyond.p50);
  return missed ? `${wanted} MISSED` : wanted;
};

const columns: readonly (readonly [string, (result: BenchResult) => string])[] = [
  ['bench', ({ name, case: what }) => `${name}: ${what}`],
  ['participants', ({ participants }) => (participants === 0 ? '' : String(participants))],
  ['p50', ({ p50, unit }) => `${figure(p50)} ${unit}`],
  ['p99', ({ p99 }) => figure(p99)],
  ['beside', ({ beside }) => beside],
  ['p50', ({ floor }) => figure(floor.p50)],
  ['p99', ({ floor }) => figure(floor.p99)],
  [
    'ratio (95 %)',
    ({ ratio, interval }) => `${figure(ratio.p50)} (${figure(interval.low)}–${figure(interval.high)})`,
  ],
  ['of p99', ({ ratio }) => figure(ratio.p99)],
  ['reach', reachOf],
  ['rounds', ({ rounds }) => String(rounds)],
];

/** For people: as wide as it has to be. */
export const formatTable = (results: readonly BenchResult[]): string => {
  const rows = [columns.map(([title]) => title), ...results.map((one) => columns.map(([, of]) => of(one)))];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const remarks = results.flatMap(({ case: what, participants, also = {}, notes = [] }) => {
    const said = [
      ...Object.entries(also).map(
        ([name, value]) => `${name}: ${typeof value === 'number' ? figure(value) : value}`,
      ),
      ...notes,
    ];
    const who = participants === 0 ? what : `${what}, ${participants}`;
    return said.length === 0 ? [] : [`${who}: ${said.join('; ')}`];
  });
  return [...lines, ...(remarks.length === 0 ? [] : ['', ...remarks])].join('\n');
};
