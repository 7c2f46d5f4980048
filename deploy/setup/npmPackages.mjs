// The npm packages of a checkout, exactly those of package-lock.json.
//
// No install script of any package runs: each is code of somebody else that runs with a developer's rights at the moment of
// installing. The one package that has such a script is mediasoup (it fetches its worker, which deploy/worker provides), and
// package.json denies it under `allowScripts`. A package that ever needs its script is allowed there by name, reviewed, and built
// here after the install.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { nodePackage } from './places.mjs';
import { SetupError } from './report.mjs';

/**
 * The parts of a lock file that are read here.
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockedPackage
 * @typedef {{ packages?: Record<string, LockedPackage> }} LockFile
 */

const progressEveryMs = 500;

/**
 * Whether what npm last installed here is what package-lock.json names. npm writes `node_modules/.package-lock.json` as the last act of
 * an install, so that one that was interrupted does not count.
 * @param {string} root
 */
export function npmPackagesInstalled(root) {
  const wanted = lockedFor(root);
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'));
  return wanted.every(([path, locked]) => {
    const found = installed?.packages?.[path];
    return found !== undefined && found.version === locked.version && found.integrity === locked.integrity;
  });
}

/**
 * @param {string} root
 * @param {import('./report.mjs').Report} report
 */
export async function ensureNpmPackages(root, report) {
  if (npmPackagesInstalled(root)) return;
  const paths = lockedFor(root).map(([path]) => join(root, path, 'package.json'));
  const why = `${paths.length} packages of package-lock.json into node_modules; the install script of none of them runs`;
  await report.step('npm packages', why, async (progress) => {
    rmSync(join(root, 'node_modules', '.package-lock.json'), { force: true });
    const timer = setInterval(
      () => progress(paths.filter((path) => existsSync(path)).length, paths.length),
      progressEveryMs,
    );
    try {
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: root,
        next: [
          'Look whether the npm registry can be reached: `npm ping`.',
          'Then start again; what was downloaded is kept.',
        ],
      });
    } finally {
      clearInterval(timer);
    }
  });
  if (!npmPackagesInstalled(root)) {
    throw new SetupError('npm installed something else than package-lock.json names.', [
      'Look at `npm config list` for `omit` or `production`, then start again.',
    ]);
  }
}

/** Optional for whoever installs Latchkey, and not for a checkout: Node 26, and the peer of `latchkey load` and of the tests. */
const insistedOn = new Set([nodePackage, 'node-datachannel'].map((name) => `node_modules/${name}`));

/**
 * The packages that this machine needs. npm leaves out optional ones for other machines by rules of its own, so of the optional ones
 * only some are insisted on.
 * @param {string} root
 */
function lockedFor(root) {
  const lock = readLock(join(root, 'package-lock.json'));
  if (lock?.packages === undefined) {
    throw new SetupError('package-lock.json is missing or unreadable.', [
      'Fetch it again: `git checkout package-lock.json`.',
    ]);
  }
  return Object.entries(lock.packages).filter(
    ([path, { optional }]) => path !== '' && (optional !== true || insistedOn.has(path)),
  );
}

/**
 * @param {string} file
 * @returns {LockFile | undefined}
 */
function readLock(file) {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
