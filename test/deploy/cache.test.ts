// The cache of built workers: what its keys depend on, and what it refuses to hand out.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import {
  cacheKey,
  cachedWorker,
  makeCache,
  publishWorker,
  unfinishedFolder,
  workerCache,
} from '../../deploy/worker/cache.mjs';
import type { Origin } from '../../deploy/worker/cache.mjs';
import { folderFor, put } from './folder.ts';

const built: Origin = {
  mediasoup: '3.27.1',
  source: 'build',
  libraries: { 'libssl-dev': '3.0.22', 'libuv1-dev': '1.44.2' },
};

/** A cache with one entry. */
const filledCache = (t: TestContext): { cache: string; key: string; worker: string } => {
  const cache = join(folderFor(t), 'worker');
  makeCache(cache);
  const folder = unfinishedFolder(cache);
  put(folder, 'made', 'a program of some length');
  const key = cacheKey(built);
  return { cache, key, worker: publishWorker(cache, key, join(folder, 'made'), folder, built) };
};

suite('the key of a built worker', () => {
  const recipe = { 'CMakeLists.txt': 'project(x)', 'shim/srtp.h': '#pragma once' };
  const keyWith = (t: TestContext, files: Record<string, string>): string =>
    cacheKey(built, folderFor(t, files));

  test('is the same for the same recipe in another place', (t) => {
    assert.equal(keyWith(t, recipe), keyWith(t, recipe));
  });
  test('changes with any file of the recipe', (t) => {
    const keys = new Set([
      keyWith(t, recipe),
      keyWith(t, { ...recipe, 'CMakeLists.txt': 'project(y)' }),
      keyWith(t, { ...recipe, 'shim/srtp.h': '#pragma twice' }),
      keyWith(t, { ...recipe, 'shim/more.h': '' }),
      keyWith(t, { ...recipe, 'shim/srtp.h': '', 'shim/srtp2.h': '#pragma once' }),
    ]);
    assert.equal(keys.size, 5);
  });
  test('does not change with files that are not of the recipe', (t) => {
    assert.equal(keyWith(t, recipe), keyWith(t, { ...recipe, 'README.md': 'read me' }));
  });
  test('changes with the version of a library, of mediasoup, and with how it was made', () => {
    const keys = new Set([
      cacheKey(built),
      cacheKey({ ...built, libraries: { ...built.libraries, 'libssl-dev': '3.0.22-1~deb12u3' } }),
      cacheKey({ ...built, mediasoup: '3.27.2' }),
      cacheKey({ ...built, source: 'download' }),
    ]);
    assert.equal(keys.size, 4);
  });
  test('does not change with the order in which libraries are listed', () => {
    const libraries = { 'libuv1-dev': '1.44.2', 'libssl-dev': '3.0.22' };
    assert.equal(cacheKey({ ...built, libraries }), cacheKey(built));
  });
  test('begins with what a person looks for', () => {
    assert.match(cacheKey(built), new RegExp(`^3\\.27\\.1-${process.arch}-build-[0-9a-f]{16}$`));
  });
});

suite('the cache of workers', () => {
  test('hands out what was put there, as a program', (t) => {
    const { cache, key, worker } = filledCache(t);
    assert.equal(cachedWorker(cache, key), worker);
    assert.equal(readFileSync(worker, 'utf8'), 'a program of some length');
  });
  test('does not hand out a binary that was cut short', (t) => {
    const { cache, key, worker } = filledCache(t);
    truncateSync(worker, 5);
    assert.equal(cachedWorker(cache, key), undefined);
  });
  test('does not hand out a binary of the same length with another byte', (t) => {
    const { cache, key, worker } = filledCache(t);
    writeFileSync(worker, 'a program of same length');
    assert.equal(cachedWorker(cache, key), undefined);
  });
  test('does not hand out a binary whose record is missing, cut short or about nothing', (t) => {
    const { cache, key } = filledCache(t);
    const record = join(cache, key, 'worker.json');
    for (const content of ['', '{"sha256":"', '{}', 'null']) {
      writeFileSync(record, content);
      assert.equal(cachedWorker(cache, key), undefined, content);
    }
  });
  test('removes what builds that never ended left behind, and nothing else', (t) => {
    const { cache, key } = filledCache(t);
    const abandoned = unfinishedFolder(cache);
    put(abandoned, 'build/mediasoup-worker', 'half of it');
    const folder = unfinishedFolder(cache);
    assert.equal(existsSync(abandoned), false);
    assert.deepEqual(readdirSync(cache).sort(), [folder.slice(cache.length + 1), key].sort());
  });
  test('replaces a broken entry as a whole', (t) => {
    const { cache, key, worker } = filledCache(t);
    truncateSync(worker, 5);
    const folder = unfinishedFolder(cache);
    put(folder, 'again', 'a good program');
    publishWorker(cache, key, join(folder, 'again'), folder, built);
    assert.equal(readFileSync(cachedWorker(cache, key) ?? '', 'utf8'), 'a good program');
  });
  test('lies outside the repository, where XDG says', () => {
    assert.equal(workerCache({ HOME: '/home/ada' }), '/home/ada/.cache/latchkey/worker');
    assert.equal(
      workerCache({ HOME: '/home/ada', XDG_CACHE_HOME: '/big/cache' }),
      '/big/cache/latchkey/worker',
    );
    assert.equal(
      workerCache({ HOME: '/home/ada', XDG_CACHE_HOME: 'relative' }),
      '/home/ada/.cache/latchkey/worker',
    );
  });
});
