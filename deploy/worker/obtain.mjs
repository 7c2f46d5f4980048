// The mediasoup-worker to run: from the cache, or built or downloaded into it.
//
//   LATCHKEY_WORKER=build      by the recipe in this folder, against the distribution's libraries
//   LATCHKEY_WORKER=download   as mediasoup publishes it
//   unset                      build where the libraries can be had, else download
//   MEDIASOUP_WORKER_BIN=PATH  that one, unasked: mediasoup's own variable
//
// By hand (a container image): `node deploy/worker/obtain.mjs` prints the path.

import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptPrefix, ensureSystemPackages } from '../setup/apt.mjs';
import { outputOf, run, runMain, withLock } from '../setup/command.mjs';
import { findNode, projectRoot } from '../setup/places.mjs';
import { SetupError, createReport } from '../setup/report.mjs';
import { mediasoupFolder } from '../setup/vendor.mjs';
import { buildWorker } from './build.mjs';
import { cacheKey, cachedWorker, makeCache, publishWorker, unfinishedFolder, workerCache } from './cache.mjs';
import { downloadWorker } from './download.mjs';
import { libraries, libraryVersions, shortcomings, tools } from './libraries.mjs';

/**
 * @typedef {import('./cache.mjs').Origin} Origin
 * @typedef {import('../setup/report.mjs').Report} Report
 */

const tryOut = fileURLToPath(new URL('tryOut.mjs', import.meta.url));

/**
 * What `LATCHKEY_WORKER` asks for; undefined leaves the choice to us.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Origin['source'] | undefined}
 */
export function wantedSource(env = process.env) {
  const value = env['LATCHKEY_WORKER'];
  if (value === undefined || value === '') return undefined;
  if (value === 'build' || value === 'download') return value;
  throw new SetupError(`LATCHKEY_WORKER is "${value}"; it may be "build" or "download".`, [
    'Set it to one of them, or unset it.',
  ]);
}

/**
 * The worker without installing, building or fetching anything; undefined when that would be needed.
 * @param {string} root
 * @returns {string | undefined}
 */
export function findWorker(root) {
  const given = process.env['MEDIASOUP_WORKER_BIN'];
  if (given !== undefined && given !== '') return executable(given);
  const wanted = wantedSource();
  if (wanted !== undefined) return cachedFrom(root, wanted);
  // Not simply the second best that is there: where the libraries can be had, the worker that links them is the one to run.
  return cachedFrom(root, 'build') ?? (canBuild() ? undefined : cachedFrom(root, 'download'));
}

function canBuild() {
  return libraryVersions() !== undefined || aptPrefix() !== null;
}

/**
 * @param {string} root
 * @param {Origin['source']} source
 */
function cachedFrom(root, source) {
  const origin = originOf(root, source);
  return origin && cachedWorker(workerCache(), cacheKey(origin));
}

/**
 * @param {string} root
 * @param {Report} report
 * @returns {Promise<string>} The path of a worker that runs here.
 */
export async function obtainWorker(root, report) {
  const cache = workerCache();
  makeCache(cache);
  return await withLock(
    join(cache, '.lock'),
    'making the mediasoup worker',
    async () => {
      const source = await chooseSource(report);
      return cachedFrom(root, source) ?? (await makeWorker(root, cache, source, report));
    },
    report,
  );
}

/**
 * @param {Report} report
 * @returns {Promise<Origin['source']>}
 */
async function chooseSource(report) {
  const wanted = wantedSource();
  if (wanted === 'download') return 'download';
  const packages = [...libraries, ...tools];
  if (shortcomings().length > 0 && (wanted === 'build' || aptPrefix() !== null)) {
    try {
      await ensureSystemPackages(packages, 'The mediasoup worker', report);
    } catch (error) {
      if (wanted === 'build' || !(error instanceof SetupError)) throw error;
      report.say(`the libraries cannot be had here: ${error.message}`);
    }
  }
  const missing = shortcomings();
  if (missing.length === 0) return 'build';
  if (wanted === 'build') {
    throw new SetupError(`The mediasoup worker cannot be built here: ${missing.join(', ')} missing.`, [
      `As root: apt-get install ${packages.map(({ name }) => name).join(' ')}`,
      'Or use the worker that mediasoup publishes (it bundles an older OpenSSL): LATCHKEY_WORKER=download',
    ]);
  }
  report.say(
    `the mediasoup worker cannot be built here (${missing.join(', ')} missing): the published one is downloaded`,
  );
  return 'download';
}

/**
 * @param {string} root
 * @param {string} cache
 * @param {Origin['source']} source
 * @param {Report} report
 */
async function makeWorker(root, cache, source, report) {
  const origin = originOf(root, source);
  if (origin === undefined) throw new Error('the libraries vanished between two looks');
  const key = cacheKey(origin);
  const log = join(cache, `${key}.log`);
  rmSync(log, { force: true });
  const folder = unfinishedFolder(cache);
  const mediasoup = mediasoupFolder(root);
  const why = {
    build: `compiled from mediasoup ${origin.mediasoup}'s sources with this system's OpenSSL, once, in about 4 minutes on 2 cores; log: ${log}`,
    download: `mediasoup ${origin.mediasoup}'s published binary; log: ${log}`,
  };
  try {
    return await report.step('mediasoup worker', why[source], async (progress) => {
      const made =
        source === 'build'
          ? await buildWorker(mediasoup, folder, log, progress)
          : await downloadWorker(mediasoup, folder, log);
      await run(findNode(root), [tryOut, mediasoup, made], {
        log,
        next: [
          'The worker was made but does not run here. Keep the log, and try the other way:',
          otherWay(source),
        ],
      });
      return publishWorker(cache, key, made, folder, origin);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Origin['source']} source */
function otherWay(source) {
  return `LATCHKEY_WORKER=${source === 'build' ? 'download' : 'build'}`;
}

/**
 * @param {string} root
 * @param {Origin['source']} source
 * @returns {Origin | undefined}
 */
function originOf(root, source) {
  const { version } = JSON.parse(readFileSync(join(mediasoupFolder(root), 'package.json'), 'utf8'));
  if (source === 'download') return { mediasoup: version, source, libraries: {} };
  const versions = libraryVersions();
  return versions && { mediasoup: version, source, libraries: versions };
}

/** @param {string} path */
function executable(path) {
  if (outputOf('test', ['-f', path, '-a', '-x', path]) !== undefined) return path;
  throw new SetupError(`MEDIASOUP_WORKER_BIN is "${path}", which is no program that may be run here.`, [
    'Correct it, or unset it so that the worker is made.',
  ]);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  runMain(async () => {
    const report = createReport();
    process.stdout.write(`${findWorker(projectRoot) ?? (await obtainWorker(projectRoot, report))}\n`);
  });
}
