// The server's Ed25519 signing key: a PKCS#8 PEM file that only its owner can read. It proves who the server is and does nothing
// else. This process never has it: it is made by a process of its own and read by the custodian alone.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertPrivate } from '../config/secretFile.ts';
import { LatchkeyError } from '../protocol/errors.ts';

/** As this file is: `.ts` in a checkout, `.js` as published. */
const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const maker = fileURLToPath(new URL(`makeSigningKey${ending}`, import.meta.url));

const statusOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

/**
 * Makes the file, mode 0600, where there is none.
 * @throws LatchkeyError `file_too_open` where anybody else has any right to it, `config_invalid` where it cannot be made or is no file.
 */
export const ensureSigningKey = async (path: string): Promise<void> => {
  if (statusOf(path) === undefined) await make(path);
  const status = statusOf(path);
  if (status === undefined) throw new LatchkeyError('config_invalid', `${path}: cannot be made`);
  assertPrivate(path, status);
};

const make = async (path: string): Promise<void> => {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new LatchkeyError('config_invalid', `${dirname(path)}: cannot be made`, { cause });
  }
  const child = spawn(process.execPath, ['--no-warnings', maker, path], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, 500)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new LatchkeyError('config_invalid', `${path}: cannot be made: ${said.trim()}`);
};
