// `--expect 'joins.p99<5s'`: what must be true of a result, read and checked before anything starts.

import { nearest } from '../config/nearest.ts';
import type { LoadResult } from './result.ts';

type Operator = '<' | '<=' | '>' | '>=' | '==';

/** What stands at a path, and so which units go with it. */
type Measure = 'ms' | 'seconds' | 'bytes' | 'count' | 'tally';

export interface Expectation {
  /** As it was typed. */
  readonly text: string;
  /** As in the result. */
  readonly path: string;
  readonly operator: Operator;
  /** In the unit of the path, or with `percent` of its whole. */
  readonly value: number;
  readonly percent: boolean;
}

export interface Unmet {
  readonly expectation: Expectation;
  /** In words. */
  readonly actual: string;
}

const quantiles = (path: string): Record<string, Measure> => ({
  [`${path}.p50Ms`]: 'ms',
  [`${path}.p99Ms`]: 'ms',
});
const counted = (path: string): Record<string, Measure> => ({
  [`${path}.count`]: 'count',
  ...quantiles(path),
});
const joins = (path: string): Record<string, Measure> => ({
  [`${path}.ok`]: 'count',
  [`${path}.failed`]: 'tally',
  ...quantiles(path),
});
const adoption = (path: string): Record<string, Measure> => ({
  ...counted(path),
  [`${path}.missed`]: 'count',
});

/** Path → what stands there. What is below a tally may be named too: a code or reason that never came counts as 0. */
export const measures: Readonly<Record<string, Measure>> = {
  ...joins('joins'),
  'joins.retried': 'count',
  'joins.silent': 'count',
  ...quantiles('joins.stages.token'),
  ...quantiles('joins.stages.transport'),
  ...quantiles('joins.stages.admission'),
  ...quantiles('joins.stages.activation'),
  ...quantiles('joins.stages.firstFrame'),
  ...counted('rekeys'),
  ...counted('exposure'),
  ...adoption('epochs'),
  'packets.sent': 'count',
  'packets.received': 'count',
  'packets.lost': 'count',
  'packets.unexplained': 'count',
  'frames.sealed': 'count',
  'frames.unsealed': 'count',
  'frames.opened': 'count',
  'frames.failed': 'tally',
  ended: 'tally',
  'slow.participants': 'count',
  ...joins('slow.joins'),
  ...adoption('slow.epochs'),
  'slow.ended': 'tally',
  'server.cpuSeconds': 'seconds',
  'server.rssBytes': 'bytes',
  'generator.processes': 'count',
  'generator.cpuSeconds': 'seconds',
  'generator.rssBytes': 'bytes',
  'generator.socketDrops': 'count',
  seconds: 'seconds',
};

const sum = (tally: Readonly<Record<string, number>>): number =>
  Object.values(tally).reduce((total, count) => total + count, 0);

const joinsTried = ({ ok, failed }: LoadResult['joins'] | LoadResult['slow']['joins']): number =>
  ok + sum(failed);

/** Path → what it is a part of, for `%`. */
const wholes: Readonly<Record<string, (result: LoadResult) => number>> = {
  'joins.ok': ({ joins }) => joinsTried(joins),
  'joins.failed': ({ joins }) => joinsTried(joins),
  'joins.silent': ({ joins }) => joins.ok,
  'epochs.missed': ({ epochs }) => epochs.count + epochs.missed,
  'packets.lost': ({ packets }) => packets.received + packets.lost,
  'packets.unexplained': ({ packets }) => packets.received + packets.lost,
  'frames.unsealed': ({ frames }) => frames.sealed + frames.unsealed,
  'frames.opened': ({ frames }) => frames.opened + sum(frames.failed),
  'frames.failed': ({ frames }) => frames.opened + sum(frames.failed),
  'slow.joins.ok': ({ slow }) => joinsTried(slow.joins),
  'slow.joins.failed': ({ slow }) => joinsTried(slow.joins),
  'slow.epochs.missed': ({ slow }) => slow.epochs.count + slow.epochs.missed,
};

const pattern = /^\s*([A-Za-z][\w.]*?)\s*(<=|>=|==|<|>)\s*(\d+(?:\.\d+)?)\s*(ms|s|%)?\s*$/;

/** The tally that holds `path`; null where none does. */
const tallyAbove = (path: string): string | null => {
  const above = path.slice(0, path.lastIndexOf('.'));
  return path.includes('.') && measures[above] === 'tally' ? above : null;
};

const like = (name: string): string => {
  const close = nearest(name, Object.keys(measures));
  return close === null ? '' : `, the nearest is ${close}`;
};

/** As in the result: times may be named without their unit. */
const resolvePath = (path: string): string | null => {
  const found = [path, `${path}Ms`].find((name) => Object.hasOwn(measures, name));
  return found ?? (tallyAbove(path) === null ? null : path);
};

const inUnit = (value: number, unit: string | undefined, measure: Measure): number | null => {
  if (measure === 'ms') return unit === 'ms' ? value : unit === 's' ? value * 1_000 : null;
  if (measure === 'seconds') return unit === 's' ? value : unit === 'ms' ? value / 1_000 : null;
  return unit === undefined ? value : null;
};

const unitWords: Readonly<Record<Measure, string>> = {
  ms: 'a time, with ms or s',
  seconds: 'a time, with ms or s',
  bytes: 'a number of bytes, without a unit',
  count: 'a number, without a unit',
  tally: 'a number, without a unit',
};

/** @throws RangeError saying what is wrong with it. */
export const parseExpectation = (text: string): Expectation => {
  const [, name, operator, number, unit] = pattern.exec(text) ?? [];
  if (name === undefined || operator === undefined || number === undefined)
    throw new RangeError(
      "a path, one of < <= > >= == and a value were expected, as 'joins.p99<5s' or 'packets.lost<0.1%'.",
    );
  const path = resolvePath(name);
  if (path === null)
    throw new RangeError(`the result has no ${name}${like(name)}; --json - shows all that it has.`);
  const measure = measures[path] ?? 'count';
  const common = { text: text.trim(), path, operator: operator as Operator };
  if (unit === '%') {
    if (Object.hasOwn(wholes, tallyAbove(path) ?? path))
      return { ...common, value: Number(number), percent: true };
    throw new RangeError(`${path} is ${unitWords[measure]}: it is no part of anything.`);
  }
  const value = inUnit(Number(number), unit, measure);
  if (value === null) throw new RangeError(`${path} is ${unitWords[measure]}.`);
  return { ...common, value, percent: false };
};

const valueAt = (result: LoadResult, path: string): number | null => {
  let at: unknown = result;
  for (const name of path.split('.'))
    at = typeof at === 'object' && at !== null ? Reflect.get(at, name) : undefined;
  if (typeof at === 'number') return at;
  if (at === undefined && tallyAbove(path) !== null) return 0;
  return measures[path] === 'tally' && typeof at === 'object' && at !== null
    ? sum(at as Readonly<Record<string, number>>)
    : null;
};

const holds: Readonly<Record<Operator, (actual: number, value: number) => boolean>> = {
  '<': (actual, value) => actual < value,
  '<=': (actual, value) => actual <= value,
  '>': (actual, value) => actual > value,
  '>=': (actual, value) => actual >= value,
  '==': (actual, value) => actual === value,
};

const units: Readonly<Partial<Record<Measure, string>>> = { ms: ' ms', seconds: ' s', bytes: ' bytes' };

const check = (result: LoadResult, expectation: Expectation): string | null => {
  const { path, operator, value, percent } = expectation;
  const actual = valueAt(result, path);
  // What was not measured meets nothing.
  if (actual === null) return 'not measured';
  if (!percent)
    return holds[operator](actual, value) ? null : `${actual}${units[measures[path] ?? 'count'] ?? ''}`;
  const whole = wholes[tallyAbove(path) ?? path]?.(result) ?? 0;
  if (whole === 0) return `${actual} of 0`;
  const share = (100 * actual) / whole;
  return holds[operator](share, value) ? null : `${share.toPrecision(3)}% (${actual} of ${whole})`;
};

/** In their order. */
export const unmetOf = (result: LoadResult, expectations: readonly Expectation[]): Unmet[] =>
  expectations.flatMap((expectation) => {
    const actual = check(result, expectation);
    return actual === null ? [] : [{ expectation, actual }];
  });
