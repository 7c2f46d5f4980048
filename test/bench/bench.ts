// What every bench is: a name, and a run that answers with what it found as it finds it.

import type { BenchOptions } from './options.ts';
import type { BenchResult } from './result.ts';

export interface Run extends Pick<BenchOptions, 'participants' | 'rounds' | 'seed'> {
  /** A line of progress, for whoever waits. */
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly name: string;
  run(run: Run): Promise<readonly BenchResult[]>;
}
