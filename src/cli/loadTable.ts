// What a load found, as tables for people.

import type { LoadResult, Tally } from '../load/result.ts';
import type { Quantiles } from '../load/samples.ts';

const unknown = '–';
const nameWidth = 34;

const count = (value: number | null): string => (value === null ? unknown : value.toLocaleString('en'));

const time = (ms: number | null): string => {
  if (ms === null) return unknown;
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(2)} s`;
};

const megabytes = (bytes: number | null): string =>
  bytes === null ? unknown : `${count(Math.round(bytes / 1_000_000))} MB`;

const seconds = (value: number | null): string => (value === null ? unknown : `${value.toFixed(1)} s`);

/** `0`, or `3: 2 meeting_full, 1 closed`. */
const tally = (counts: Tally): string => {
  const entries = Object.entries(counts).filter(([, number]) => number > 0);
  const sum = entries.reduce((total, [, number]) => total + number, 0);
  if (sum === 0) return '0';
  return `${count(sum)}: ${entries.map(([name, number]) => `${count(number)} ${name}`).join(', ')}`;
};

/** The first column to the left, the others to the right, under a line of names. */
const columns = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
};

const timed = (name: string, number: number | null, { p50Ms, p99Ms }: Quantiles): string[] => [
  name,
  number === null ? '' : count(number),
  time(p50Ms),
  time(p99Ms),
];

const times = ({ joins, rekeys, exposure, epochs, slow }: LoadResult): string[] =>
  columns([
    ['', 'number', 'p50', 'p99'],
    timed('joins, token to first frame', joins.ok, joins),
    timed('  token', null, joins.stages.token),
    timed('  transport', null, joins.stages.transport),
    timed('  admission', null, joins.stages.admission),
    timed('  activation', null, joins.stages.activation),
    timed('  first frame', null, joins.stages.firstFrame),
    timed('rekeys, mint to activation', rekeys.count, rekeys),
    timed('exposure after a departure', exposure.count, exposure),
    timed('on an epoch without the departed', epochs.count, epochs),
    ...(slow.participants === 0 ? [] : [timed('  the slow', slow.epochs.count, slow.epochs)]),
  ]);

const facts = (result: LoadResult): string[] => {
  const { joins, epochs, packets, frames, ended, slow, server, generator, seconds: lasted, seed } = result;
  const rows: readonly (readonly [string, string])[] = [
    ['joins that failed', tally(joins.failed)],
    ['  tried again, silent', `${count(joins.retried)}, ${count(joins.silent)}`],
    ['stays that ended', tally(ended)],
    ['epochs missed', count(epochs.missed)],
    ['packets sent, received', `${count(packets.sent)}, ${count(packets.received)}`],
    ['  lost, unexplained', `${count(packets.lost)}, ${count(packets.unexplained)}`],
    ['frames sealed, opened', `${count(frames.sealed)}, ${count(frames.opened)}`],
    ['  not sealed', count(frames.unsealed)],
    ['  not opened', tally(frames.failed)],
    ...(slow.participants === 0
      ? []
      : ([
          ['the slow', count(slow.participants)],
          ['  joins that failed', tally(slow.joins.failed)],
          ['  stays that ended', tally(slow.ended)],
        ] as const)),
    ['server', `${seconds(server.cpuSeconds)} of processor, ${megabytes(server.rssBytes)}`],
    [
      'generators',
      `${generator.processes}, ${seconds(generator.cpuSeconds)} of processor, ${megabytes(generator.rssBytes)}`,
    ],
    ['  dropped by their sockets', count(generator.socketDrops)],
    ['time, seed', `${seconds(lasted)}, ${seed}`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(nameWidth)}${value}`);
};

export const loadTable = (result: LoadResult): string => [...times(result), '', ...facts(result)].join('\n');
