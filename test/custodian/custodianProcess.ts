// A custodian for a test: its own folder with a signing key, its log as a list, all gone afterwards.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { startCustodian } from '../../src/custodian/client.ts';
import type { Custodian } from '../../src/custodian/custodian.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { createLog } from '../../src/observe/log.ts';

export interface StartedCustodian {
  readonly custodian: Custodian;
  readonly signingKeyFile: string;
  /** What it had its control process log. */
  readonly events: Record<string, unknown>[];
}

export const temporaryFolder = async (t: Pick<TestContext, 'after'>): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-custodian-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
};

export const listLog = () => {
  const events: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      events.push(JSON.parse(line.toString()) as Record<string, unknown>);
      done();
    },
  });
  return { events, log: createLog({ level: 'trace', pretty: false }, stream) };
};

export const startTestCustodian = async (
  t: Pick<TestContext, 'after'>,
  settings: { slots?: number; answerMs?: number } = {},
): Promise<StartedCustodian> => {
  const signingKeyFile = join(await temporaryFolder(t), 'signing-key.pem');
  await ensureSigningKey(signingKeyFile);
  const { events, log } = listLog();
  // Longer than by default: the machine that runs the tests is busy.
  const custodian = await startCustodian({
    slots: 1_024,
    answerMs: 20_000,
    ...settings,
    signingKeyFile,
    log,
  });
  t.after(() => custodian.close());
  return { custodian, signingKeyFile, events };
};

/** The next message of a child; rejects where it ends instead. */
export const messageOf = async (child: ChildProcess): Promise<Record<string, unknown>> => {
  const ended = new AbortController();
  const exited = once(child, 'exit', { signal: ended.signal }).then(([code, signal]) => {
    throw new Error(`the child ended: ${signal ?? code}`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message'), exited])) as [Record<string, unknown>];
    return message;
  } finally {
    exited.catch(() => null);
    ended.abort();
  }
};
