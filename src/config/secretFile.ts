// Files that hold a secret: made with mode 0600 and never half-written, refused where others can read them. What is judged is
// the file that was opened, not the one that a name pointed to a moment before.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LatchkeyError } from '../protocol/errors.ts';
import { Secret } from '../observe/secret.ts';

/** Bytes: none of ours is near it, and a wrong path may name anything. */
const largest = 65_536;
const groupAndOthers = 0o077;
const others = 0o007;
const writableByOthers = 0o022;

const modeOf = (stats: Stats): string => `0${(stats.mode & 0o777).toString(8)}`;

const errorCode = (thrown: unknown): unknown =>
  thrown instanceof Error ? Reflect.get(thrown, 'code') : undefined;

/** `forbidden`: the permission bits that must not be set. */
export const assertPrivate = (file: string, stats: Stats, forbidden = groupAndOthers): void => {
  if (!stats.isFile()) throw new LatchkeyError('config_invalid', `${file}: not a file`);
  if ((stats.mode & forbidden) !== 0) {
    throw new LatchkeyError(
      'file_too_open',
      `${file}: others can use this secret file (mode ${modeOf(stats)}); chmod 600 it, and replace the secret if they may have read it`,
    );
  }
  const user = process.geteuid?.();
  if (user !== undefined && stats.uid !== user && stats.uid !== 0) {
    throw new LatchkeyError('file_too_open', `${file}: another user owns this secret file`);
  }
};

const readOpen = (file: string, forbidden: number): Buffer => {
  const handle = openSync(file, 'r');
  try {
    const stats = fstatSync(handle);
    assertPrivate(file, stats, forbidden);
    if (stats.size > largest) throw new LatchkeyError('config_invalid', `${file}: too large for a secret`);
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
};

const readAny = (file: string, forbidden: number): Buffer => {
  try {
    return readOpen(file, forbidden);
  } catch (cause) {
    if (cause instanceof LatchkeyError) throw cause;
    throw new LatchkeyError('config_invalid', `${file}: cannot be read (${String(errorCode(cause))})`, {
      cause,
    });
  }
};

/** A secret on one line. @throws LatchkeyError `file_too_open`, `config_invalid` */
export const readSecretFile = (file: string): Secret => {
  const text = readAny(file, groupAndOthers).toString('utf8').trim();
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new LatchkeyError(
      'config_invalid',
      `${file}: one line of printable ASCII without spaces was expected`,
    );
  }
  return new Secret(text);
};

/** A private key of TLS: a group of its own may read it, as Debian's ssl-cert does; everybody may not. */
export const readTlsKey = (file: string): Buffer => readAny(file, others);

/** Under a name of its own first, then linked to `file`: whoever reads `file` finds it whole, and two who make it at once agree. */
const writeOnce = (file: string, text: string): boolean => {
  const draft = join(dirname(file), `.${randomBytes(8).toString('hex')}.draft`);
  const handle = openSync(draft, 'wx', 0o600);
  try {
    try {
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    linkSync(draft, file);
    return true;
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
    throw new LatchkeyError('config_invalid', `${file}: cannot be written (${String(errorCode(cause))})`, {
      cause,
    });
  } finally {
    unlinkSync(draft);
  }
};

/** The secret that `file` holds; one that `make` makes where there is none yet. */
export const ensureSecretFile = (file: string, make: () => string): { secret: Secret; created: boolean } => {
  const exists = statSync(file, { throwIfNoEntry: false }) !== undefined;
  const created = !exists && writeOnce(file, `${make()}\n`);
  return { secret: readSecretFile(file), created };
};

/**
 * Folder by folder, since mkdir's own `recursive` never returns where the kernel says ENOENT below a folder that exists, as
 * it does in /proc.
 */
const makeFolder = (folder: string): void => {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return;
    const above = dirname(folder);
    if (errorCode(cause) !== 'ENOENT' || statSync(above, { throwIfNoEntry: false }) !== undefined)
      throw cause;
    makeFolder(above);
    mkdirSync(folder, { mode: 0o700 });
  }
};

/** Makes the folder for its owner alone; one in which others can put files of theirs is refused. */
export const ensureDataFolder = (folder: string): void => {
  try {
    makeFolder(resolve(folder));
  } catch (cause) {
    throw new LatchkeyError('config_invalid', `${folder}: cannot be made (${String(errorCode(cause))})`, {
      cause,
    });
  }
  const stats = statSync(folder);
  if (!stats.isDirectory()) throw new LatchkeyError('config_invalid', `${folder}: not a folder`);
  if ((stats.mode & writableByOthers) !== 0) {
    throw new LatchkeyError(
      'file_too_open',
      `${folder}: others can write into it (mode ${modeOf(stats)}); chmod 700 it`,
    );
  }
};
