// What `npm run bench` is asked for.

import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly names: readonly string[];
  /** Of benches with participants: this many instead of those that it would take. */
  readonly participants: number | null;
  /** Instead of the bench's own number. */
  readonly rounds: number | null;
  readonly seed: number;
  /** Media workers of each server that has any. */
  readonly workers: number;
  /** Where to write the results; null: nowhere. */
  readonly json: string | null;
}

/** The arguments are wrong: the message says which and what is allowed. */
export class UsageError extends Error {}

export const usage = (known: readonly string[]): string =>
  `npm run bench -- [NAME…] [--participants N] [--rounds N] [--seed N] [--workers N] [--json FILE]\nNames: ${known.join(', ')}. Without a name all of them run.`;

const wholeNumber = (name: string, text: string | undefined, most: number): number | null => {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new UsageError(`--${name} expected a whole number from 1 to ${most}, got ${text}`);
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        participants: { type: 'string' },
        rounds: { type: 'string' },
        seed: { type: 'string' },
        workers: { type: 'string' },
        json: { type: 'string' },
      },
    });
  } catch (thrown) {
    // Node's own sentences: they name the option.
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
  }
};

/** @throws UsageError */
export const parseOptions = (args: readonly string[], known: readonly string[]): BenchOptions => {
  const { values, positionals } = parse(args);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UsageError(`there is no bench ${unknown.join(', ')}; there are ${known.join(', ')}`);
  if (values.json === '') throw new UsageError('--json expected a file');
  return {
    names: positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    participants: wholeNumber('participants', values.participants, 100_000),
    rounds: wholeNumber('rounds', values.rounds, 1_000_000),
    seed: wholeNumber('seed', values.seed, 2 ** 32 - 1) ?? 1,
    workers: wholeNumber('workers', values.workers, 64) ?? 1,
    json: values.json ?? null,
  };
};
