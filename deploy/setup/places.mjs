// Where things are: the project, the packages it installed, Node 26, the cache outside the repository.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './report.mjs';

/** The folder of package.json: a checkout, or `node_modules/latchkey` of whoever installed it. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * The folder of an installed package, found as Node finds it; undefined when it is not installed.
 * (`require.resolve` cannot be used: packages need not export their package.json.)
 * @param {string} name
 * @param {string} from
 */
export function findPackage(name, from = projectRoot) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** @param {string} name */
export function requirePackage(name, from = projectRoot) {
  const folder = findPackage(name, from);
  if (folder === undefined) {
    throw new SetupError(`The npm package ${name} is not installed.`, [
      'Run `npm ci --ignore-scripts` in the project and try again.',
    ]);
  }
  return folder;
}

export const nodePackage = `node-linux-${process.arch}`;

/** Node 26, which runs the server: it comes as a package, so that nobody has to install it. */
export function findNode(from = projectRoot) {
  const folder = findPackage(nodePackage, from);
  if (folder === undefined) {
    throw new SetupError(
      `There is no Node 26 for this machine (${process.platform} ${process.arch}): the npm package ${nodePackage} is not installed.`,
      [
        'Latchkey runs on Linux, on x64 and arm64.',
        'There, install without `--omit=optional`: Node 26 is an optional package because each machine needs only its own.',
      ],
    );
  }
  return join(folder, 'bin', 'node');
}

/**
 * The folder for what takes long to make and belongs to no checkout.
 * @param {NodeJS.ProcessEnv} env
 */
export function cacheFolder(env = process.env) {
  // The XDG specification: a relative path is to be ignored.
  const base =
    env['XDG_CACHE_HOME']?.startsWith('/') === true
      ? env['XDG_CACHE_HOME']
      : join(env['HOME'] ?? homedir(), '.cache');
  return join(base, 'latchkey');
}

/**
 * SHA-256 over names and contents of files, and of all files in folders. What does not exist counts as absent.
 * @param {string} root
 * @param {readonly string[]} paths Relative to `root`.
 */
export function hashOf(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of filesBelow(join(root, path))) {
      const content = readFileSync(file);
      // Lengths first, or two different trees could spell the same bytes.
      hash.update(`${JSON.stringify(relative(root, file))} ${content.length}\n`).update(content);
    }
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]} Sorted.
 */
export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}
