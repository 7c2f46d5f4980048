// From a fresh clone to "can start": npm packages, the mediasoup worker, what browsers load. Each only if it is not there.

import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findWorker, obtainWorker } from '../worker/obtain.mjs';
import { ensureBundles, staleBundles } from './bundles.mjs';
import { withLock } from './command.mjs';
import { ensureNpmPackages, npmPackagesInstalled } from './npmPackages.mjs';
import { cacheFolder, findNode } from './places.mjs';

/** @typedef {{ node: string, workerBin: string }} Prepared Paths of Node 26 and of mediasoup-worker. */

/**
 * @param {string} root A checkout.
 * @param {import('./report.mjs').Report} report
 * @returns {Promise<Prepared>}
 */
export async function prepare(root, report) {
  if (!npmPackagesInstalled(root) || staleBundles(root).length > 0) {
    await withLock(
      lockFile(root),
      'setting up the same folder',
      async () => {
        await ensureNpmPackages(root, report);
        await ensureBundles(root, report);
      },
      report,
    );
  }
  return await prepareWorker(root, report);
}

/**
 * What an installed package still lacks: the worker.
 * @param {string} root
 * @param {import('./report.mjs').Report} report
 * @returns {Promise<Prepared>}
 */
export async function prepareWorker(root, report) {
  return { node: findNode(root), workerBin: findWorker(root) ?? (await obtainWorker(root, report)) };
}

// In the cache rather than in the checkout: `npm ci` empties node_modules, and nothing else of a clone is ours to litter.
/** @param {string} root */
function lockFile(root) {
  const folder = join(cacheFolder(), 'locks');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, createHash('sha256').update(root).digest('hex').slice(0, 16));
}

/**
 * The environment of the server and of what is run beside it: Node 26 and the project's tools first on the path.
 * @param {string} root
 * @param {Prepared} prepared
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentFor(root, { node, workerBin }, env = process.env) {
  return {
    ...env,
    MEDIASOUP_WORKER_BIN: workerBin,
    PATH: [join(node, '..'), join(root, 'node_modules', '.bin'), env['PATH']].join(':'),
  };
}
