// Fetches the worker that mediasoup publishes, by mediasoup's own script.
//
// The script works in its current folder and writes below it. It is run from a copy, so that node_modules (which may be read-only, or
// another user's) stays as npm left it.

import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../setup/command.mjs';
import { findNode } from '../setup/places.mjs';

/**
 * @param {string} mediasoup The folder of the mediasoup package.
 * @param {string} folder An empty one.
 * @param {string} log
 * @returns {Promise<string>} The path of the binary.
 */
export async function downloadWorker(mediasoup, folder, log) {
  const copy = join(folder, 'mediasoup');
  mkdirSync(copy);
  for (const file of ['npm-scripts.mjs', 'package.json'])
    copyFileSync(join(mediasoup, file), join(copy, file));
  // What the script imports is found on the way up from it: mediasoup's own packages first, then those beside mediasoup.
  if (existsSync(join(mediasoup, 'node_modules')))
    symlinkSync(join(mediasoup, 'node_modules'), join(copy, 'node_modules'));
  symlinkSync(dirname(mediasoup), join(folder, 'node_modules'));

  const { MEDIASOUP_WORKER_BIN: _, MEDIASOUP_LOCAL_DEV: __, ...env } = process.env;
  await run(findNode(dirname(mediasoup)), ['npm-scripts.mjs', 'postinstall'], {
    cwd: copy,
    log,
    // When the download fails the script goes on to build from sources that it fetches by pip: an end is put to that.
    env: { ...env, MEDIASOUP_FORCE_WORKER_PREBUILT_DOWNLOAD: 'true', PYTHON: 'false' },
    next: [
      'Look whether github.com can be reached from here; behind a mirror, set MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL.',
      'Or build it: LATCHKEY_WORKER=build (on Debian or Ubuntu, as root or with sudo without a password).',
    ],
  });
  return join(copy, 'worker', 'out', 'Release', 'mediasoup-worker');
}
