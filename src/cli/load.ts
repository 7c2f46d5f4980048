// `latchkey load`: runs a load, tells how it goes on standard error, and what it found on standard output.

import { writeFileSync } from 'node:fs';
import { readSecretFile } from '../config/secretFile.ts';
import { exitCodes } from '../exitCodes.ts';
import { LoadFailure } from '../load/failure.ts';
import type { Progress } from '../load/loadRun.ts';
import { unmetOf } from '../load/expectations.ts';
import type { LoadOptions } from '../load/options.ts';
import type { LoadResult } from '../load/result.ts';
import { runLoad } from '../load/runLoad.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { Secret } from '../observe/secret.ts';
import { loadTable } from './loadTable.ts';

/** What is only known when it starts. */
export interface LoadCommand {
  readonly options: Omit<LoadOptions, 'target'>;
  /** Null: a server of its own. */
  readonly url: string | null;
  readonly secretFile: string | null;
  readonly meeting: string | null;
  /** Where the result is written as JSON; `-` is standard output. */
  readonly json: string | null;
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const say = (line: string): void => void process.stderr.write(`latchkey load: ${line}\n`);

const show = ({ phase, present, wanted, failed, epoch, packetsPerSecond, lost }: Progress): void => {
  const parts = [
    `${phase}: ${present}/${wanted} in${failed === 0 ? '' : `, ${failed} failed`}`,
    epoch < 0 ? 'no epoch yet' : `epoch ${epoch}`,
    `${packetsPerSecond.toLocaleString('en')} packets/s`,
    `${lost.toLocaleString('en')} lost`,
  ];
  say(parts.join(', '));
};

/** @throws LatchkeyError `file_too_open`, `config_invalid` */
const secretOf = (file: string | null): Secret => {
  if (file !== null) return readSecretFile(file);
  const text = process.env['LATCHKEY_API_SECRET'] ?? '';
  if (text === '')
    throw new LatchkeyError(
      'config_invalid',
      'the API secret of that server is needed: --secret-file FILE, or LATCHKEY_API_SECRET',
    );
  return new Secret(text);
};

const explain = (thrown: unknown): number => {
  if (thrown instanceof LoadFailure) {
    say(thrown.message);
    return thrown.kind === 'unavailable' ? exitCodes.unavailable : exitCodes.failed;
  }
  if (thrown instanceof LatchkeyError) {
    say(`${thrown.message} (${thrown.code})`);
    if (thrown.code === 'config_invalid' || thrown.code === 'file_too_open') return exitCodes.misconfigured;
    return thrown.by === 'internal' ? exitCodes.failed : exitCodes.unavailable;
  }
  say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  return exitCodes.failed;
};

const print = (result: LoadResult, json: string | null): void => {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (json === '-') {
    process.stdout.write(text);
    return;
  }
  if (json !== null) writeFileSync(json, text);
  process.stdout.write(`${loadTable(result)}\n`);
};

/** The first ends the run in order; a second one at once: the other processes end when this one is gone. */
const onSignals = (stop: (signal: keyof typeof signalNumbers) => void): void => {
  let stopping = false;
  for (const signal of Object.keys(signalNumbers) as (keyof typeof signalNumbers)[]) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + signalNumbers[signal]);
      stopping = true;
      say('ending in order; a second signal ends at once');
      stop(signal);
    });
  }
};

/** The exit code. */
export const load = async ({ options, url, secretFile, meeting, json }: LoadCommand): Promise<number> => {
  const stopped = new AbortController();
  let stoppedBy: keyof typeof signalNumbers | null = null;
  onSignals((signal) => {
    stoppedBy = signal;
    stopped.abort();
  });
  let result: LoadResult;
  try {
    const target = url === null ? null : { url, apiSecret: secretOf(secretFile), meeting };
    // Before the minutes that it takes, not after them.
    if (json !== null && json !== '-') writeFileSync(json, '');
    result = await runLoad({ ...options, target }, { signal: stopped.signal, onProgress: show });
    print(result, json);
  } catch (thrown) {
    return explain(thrown);
  }
  if (stoppedBy !== null) return 128 + signalNumbers[stoppedBy];
  const unmet = unmetOf(result, options.expectations);
  for (const { expectation, actual } of unmet) say(`expected ${expectation.text}, and it was ${actual}`);
  return unmet.length === 0 ? exitCodes.ok : exitCodes.unmet;
};
