// The server's Ed25519 signing key: a PKCS#8 PEM file that only its owner can read. It proves who the server is and does nothing else.

import { generateKeyPairSync } from 'node:crypto';
import { chmod, link, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LatchkeyError } from '../protocol/errors.ts';

/**
 * Makes the file, mode 0600, where there is none.
 * @throws LatchkeyError `file_too_open` where group or others have any right to it.
 */
export const ensureSigningKey = async (path: string): Promise<void> => {
  const mode = await modeOf(path);
  if (mode === null) await create(path);
  else if ((mode & 0o077) !== 0) {
    throw new LatchkeyError(
      'file_too_open',
      `${path} can be read by others: chmod 600 it, or replace the key`,
    );
  }
};

const modeOf = async (path: string): Promise<number | null> => {
  try {
    return (await stat(path)).mode;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
};

/** Whole or not at all, and never over a key that somebody else just made. */
const create = async (path: string): Promise<void> => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const draft = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeFile(draft, pem, { mode: 0o600, flag: 'wx' });
    await chmod(draft, 0o600);
    await link(draft, path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
};
