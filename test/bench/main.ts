// `npm run bench`: measures, prints a table, and writes what it found where it is told to. Progress goes to stderr.

import { writeFileSync } from 'node:fs';
import { exitCodes } from '../../src/exitCodes.ts';
import { CannotRun } from './bench.ts';
import type { Bench } from './bench.ts';
import { broadcast } from './broadcast.ts';
import { custodian } from './custodian.ts';
import { exposure } from './exposure.ts';
import { forward } from './forward.ts';
import { join } from './join.ts';
import { keying } from './keying.ts';
import { memory } from './memory.ts';
import { parseOptions, usage, UsageError } from './options.ts';
import type { BenchOptions } from './options.ts';
import { rekey } from './rekey.ts';
import { formatTable } from './result.ts';
import type { BenchResult } from './result.ts';
import { sframe } from './sframe.ts';

const benches: readonly Bench[] = [
  sframe,
  custodian,
  keying,
  rekey,
  exposure,
  join,
  forward,
  memory,
  broadcast,
];
const names = benches.map(({ name }) => name);

const read = (): BenchOptions | null => {
  try {
    return parseOptions(process.argv.slice(2), names);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    process.stderr.write(`bench: ${thrown.message}\n\n${usage(names)}\n`);
    return null;
  }
};

const run = async (options: BenchOptions): Promise<void> => {
  const results: BenchResult[] = [];
  // Before the minutes that it takes, not after them.
  if (options.json !== null) writeFileSync(options.json, '[]\n');
  for (const bench of benches.filter(({ name }) => options.names.includes(name))) {
    const startedMs = performance.now();
    const say = (line: string): void => {
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      process.stderr.write(`bench: ${bench.name}: ${line} (${seconds} s)\n`);
    };
    say('begins');
    try {
      results.push(...(await bench.run({ ...options, say })));
      say('done');
    } catch (thrown) {
      if (!(thrown instanceof CannotRun)) throw thrown;
      say(`cannot run: ${thrown.message}`);
      process.exitCode = exitCodes.failed;
    }
    if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  process.stdout.write(`${formatTable(results)}\n`);
};

const options = read();
if (options === null) process.exitCode = exitCodes.usage;
else await run(options);
