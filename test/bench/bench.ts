// What every bench is: a name, and a run that answers with what it found as it finds it.

import type { BenchOptions } from './options.ts';
import type { BenchResult } from './result.ts';

export interface Run extends Pick<BenchOptions, 'participants' | 'rounds' | 'seed' | 'workers'> {
  /** A line of progress, for whoever waits. */
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly name: string;
  /** @throws CannotRun */
  run(run: Run): Promise<readonly BenchResult[]>;
}

/** Something that a bench stands on is not here: the message says what. */
export class CannotRun extends Error {}
