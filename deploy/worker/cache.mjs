// The cache of built workers: `<cache>/worker/<key>/mediasoup-worker` and beside it `worker.json`, which records the binary's hash.
//
// An entry appears whole, by one rename, after its binary was started once; a folder without a right record is no entry. So neither a
// build that was cut off nor a file that was cut short is ever used.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, hashOf } from '../setup/places.mjs';

/** @typedef {{ mediasoup: string, source: 'build' | 'download', libraries: Record<string, string> }} Origin */

const recipeFolder = fileURLToPath(new URL('.', import.meta.url));
const unfinished = '.unfinished-';
const binary = 'mediasoup-worker';

/** The files that decide what comes out of a build. */
export const recipeFiles = ['CMakeLists.txt', 'shim'];

export function workerCache(env = process.env) {
  return join(cacheFolder(env), 'worker');
}

/**
 * The name of a cache entry: what it is, readable, and a hash of all that it is made of.
 * @param {Origin} origin
 * @param {string} recipe The folder of the recipe.
 */
export function cacheKey(origin, recipe = recipeFolder) {
  const hash = createHash('sha256');
  const made = {
    ...origin,
    libraries: Object.entries(origin.libraries).sort(([a], [b]) => (a < b ? -1 : 1)),
    platform: process.platform,
    arch: process.arch,
  };
  hash.update(JSON.stringify(made));
  if (origin.source === 'build') hash.update(hashOf(recipe, recipeFiles));
  return `${origin.mediasoup}-${process.arch}-${origin.source}-${hash.digest('hex').slice(0, 16)}`;
}

/**
 * The path of a worker that is in the cache and is, byte for byte, what was put there.
 * @param {string} cache
 * @param {string} key
 */
export function cachedWorker(cache, key) {
  const file = join(cache, key, binary);
  const record = join(cache, key, 'worker.json');
  if (!existsSync(file) || !existsSync(record)) return undefined;
  return recordedHash(record) === hashOfFile(file) ? file : undefined;
}

/** @param {string} cache */
export function makeCache(cache) {
  // Only its owner may write: whoever could put a program here would run it as the owner.
  mkdirSync(cache, { recursive: true, mode: 0o700 });
}

/**
 * A folder for a build. Those of builds that never ended are removed: the caller holds the lock, so none of them is at work.
 * @param {string} cache
 */
export function unfinishedFolder(cache) {
  for (const name of readdirSync(cache)) {
    if (name.startsWith(unfinished)) rmSync(join(cache, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(cache, unfinished));
}

/**
 * Puts a worker that was tried out into the cache.
 * @param {string} cache
 * @param {string} key
 * @param {string} built The binary, in `folder`.
 * @param {string} folder From `unfinishedFolder`.
 * @param {Origin} origin
 */
export function publishWorker(cache, key, built, folder, origin) {
  const entry = join(folder, 'entry');
  mkdirSync(entry);
  copyFileSync(built, join(entry, binary));
  chmodSync(join(entry, binary), 0o755);
  const record = { ...origin, sha256: hashOfFile(join(entry, binary)) };
  writeFileSync(join(entry, 'worker.json'), `${JSON.stringify(record, null, 2)}\n`);
  rmSync(join(cache, key), { recursive: true, force: true });
  renameSync(entry, join(cache, key));
  return join(cache, key, binary);
}

/** @param {string} file */
function hashOfFile(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/**
 * @param {string} file
 * @returns {unknown}
 */
function recordedHash(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))?.sha256;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
