// A custodian's process as it is started, but with a module of the test loaded before it.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { custodianFlags, readablePaths, spawnLimited } from '../../src/custodian/launch.ts';
import { custodianMessages } from '../../src/custodian/messages.ts';
import type { CustodianAnswer, CustodianAsk, CustodianMethod } from '../../src/custodian/messages.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { messageOf, temporaryFolder } from './custodianProcess.ts';

const main = fileURLToPath(new URL('../../src/custodian/main.ts', import.meta.url));
const preloads = fileURLToPath(new URL('.', import.meta.url));

export const newSigningKey = async (t: Pick<TestContext, 'after'>): Promise<string> => {
  const file = join(await temporaryFolder(t), 'signing-key.pem');
  await ensureSigningKey(file);
  return file;
};

/** The child as it starts: its first message is still to come. */
export const launchPreloaded = (
  t: Pick<TestContext, 'after'>,
  signingKeyFile: string,
  modules: readonly string[],
): ChildProcess => {
  const paths = modules.map((module) => join(preloads, module));
  const child = spawnLimited([
    ...custodianFlags([...readablePaths(signingKeyFile), ...paths, join(preloads, '../../package.json')]),
    ...paths.flatMap((path) => ['--import', path]),
    main,
    signingKeyFile,
    '256',
  ]);
  child.stderr?.pipe(process.stderr);
  t.after(() => child.kill('SIGKILL'));
  return child;
};

/** Asks one thing at a time. */
export const askerOf = (child: ChildProcess) => {
  let id = 0;
  return async <M extends CustodianMethod>(method: M, data: CustodianAsk<M>): Promise<CustodianAnswer<M>> => {
    child.send({ id: ++id, method, data });
    const answer = await messageOf(child);
    if (answer['ok'] !== true) throw new Error(`${method}: ${JSON.stringify(answer['error'])}`);
    return custodianMessages[method].answer.parse(answer['data']) as CustodianAnswer<M>;
  };
};
