// The three ways of keying beside each other, as README.md shows them.

import type { Change, Costs } from './keyingCosts.ts';

export interface Row {
  readonly way: string;
  readonly size: number;
  readonly costs: Readonly<Record<Change, Costs>>;
  /** Not measured but calculated from what was. */
  readonly extrapolated: boolean;
}

const count = (value: number): string => Math.round(value).toLocaleString('en');

const bytes = (value: number): string => {
  if (value < 10_000) return `${count(value)} B`;
  return value < 1e6 ? `${count(value / 1e3)} kB` : `${count(value / 1e6)} MB`;
};

/** Two digits are all that a shared machine gives. */
const time = (ms: number): string => {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 995 ? `${count(Number(ms.toPrecision(2)))} ms` : `${(ms / 1e3).toFixed(ms < 9_950 ? 1 : 0)} s`;
};

const columns: readonly (readonly [string, (costs: Costs) => string])[] = [
  ['messages', ({ messages }) => count(messages)],
  ['made', ({ madeBytes }) => bytes(madeBytes)],
  ['received by each', ({ receivedBytes }) => bytes(receivedBytes)],
  ['public-key operations', ({ publicKeyOperations }) => count(publicKeyOperations)],
  ['processor, all parties', ({ cpuMs }) => time(cpuMs)],
  ['until all can decrypt', ({ decryptMs }) => time(decryptMs)],
];

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Each cell: a departure · a join. */
export const formatKeyingTable = (rows: readonly Row[]): string =>
  [
    line(['', 'members', ...columns.map(([title]) => title)]),
    line(['---', ...Array.from({ length: columns.length + 1 }, () => '---:')]),
    ...rows.map(({ way, size, costs: { departure, join }, extrapolated }) =>
      line([
        `${way}${extrapolated ? ' *' : ''}`,
        count(size),
        ...columns.map(([, of]) => `${of(departure)} · ${of(join)}`),
      ]),
    ),
  ].join('\n');
