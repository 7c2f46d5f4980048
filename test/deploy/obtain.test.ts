// Obtaining a worker, as a user does: the program itself, in a home of its own, with the download site or the tools under our control.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, readdirSync, truncateSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { projectRoot } from '../../deploy/setup/places.mjs';
import { findWorker } from '../../deploy/worker/obtain.mjs';
import { folderFor, put } from './folder.ts';

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const obtain = async (home: string, env: Readonly<Record<string, string>>): Promise<Outcome> => {
  const { MEDIASOUP_WORKER_BIN: _, XDG_CACHE_HOME: __, ...rest } = process.env;
  const child = spawn(process.execPath, [join(projectRoot, 'deploy/worker/obtain.mjs')], {
    env: { ...rest, HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outcome = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (outcome.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (outcome.stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...outcome };
};

/** The folders of the cache: entries, and whatever should not be there. */
const cacheOf = (home: string): string[] =>
  readdirSync(join(home, '.cache/latchkey/worker'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

interface Site {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly requests: string[];
  close(): void;
}

/** Stands in for the place where mediasoup publishes its binaries; `worker` is what its archive holds. */
const siteWith = async (t: TestContext, worker: string | null): Promise<Site> => {
  const folder = folderFor(t);
  if (worker !== null) {
    copyFileSync(worker, join(folder, 'mediasoup-worker'));
    execFileSync('tar', ['-czf', join(folder, 'worker.tgz'), '-C', folder, 'mediasoup-worker']);
  }
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (worker === null) response.writeHead(404).end();
    else response.end(readFileSync(join(folder, 'worker.tgz')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  t.after(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close };
};

const fromSite = (site: Site): Record<string, string> => ({
  LATCHKEY_WORKER: 'download',
  MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL: site.url,
});

const realWorker = (): string => {
  const found = findWorker(projectRoot);
  assert.ok(found !== undefined, 'no worker here: npm test makes one');
  return found;
};

suite('LATCHKEY_WORKER=download', () => {
  test('fetches the published worker once, for two that ask at once, and keeps it', async (t) => {
    const home = folderFor(t);
    const site = await siteWith(t, realWorker());
    const [one, two] = await Promise.all([obtain(home, fromSite(site)), obtain(home, fromSite(site))]);
    assert.equal(one.code, 0, one.stderr);
    assert.equal(one.stdout, two.stdout);
    assert.equal(site.requests.length, 1);
    const path = one.stdout.trim();
    assert.deepEqual(readFileSync(path), readFileSync(realWorker()));

    site.close();
    const again = await obtain(home, fromSite(site));
    assert.deepEqual({ ...again }, { code: 0, stdout: one.stdout, stderr: '' });
  });
  test('fetches it anew when the cached one was cut short', async (t) => {
    const home = folderFor(t);
    const site = await siteWith(t, realWorker());
    const path = (await obtain(home, fromSite(site))).stdout.trim();
    truncateSync(path, 1000);
    assert.equal((await obtain(home, fromSite(site))).stdout.trim(), path);
    assert.deepEqual(readFileSync(path), readFileSync(realWorker()));
    assert.equal(site.requests.length, 2);
  });
  test('says what to do next when there is none to fetch, and keeps nothing', async (t) => {
    const home = folderFor(t);
    const outcome = await obtain(home, fromSite(await siteWith(t, null)));
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /What to do next:\n[^]*LATCHKEY_WORKER=build/);
    assert.deepEqual(cacheOf(home), []);
  });
  test('does not keep a program that is no worker', async (t) => {
    const home = folderFor(t);
    const folder = folderFor(t);
    // What mediasoup's own script looks for: the code of a worker that is started without its version.
    put(folder, 'worker', '#!/bin/sh\nexit 41\n', 0o755);
    const outcome = await obtain(home, fromSite(await siteWith(t, join(folder, 'worker'))));
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /does not run here/);
    assert.deepEqual(cacheOf(home), []);
  });
});

suite('LATCHKEY_WORKER=build', () => {
  /** A machine that has every tool and library, whose cmake does as told. */
  const machineWith = (t: TestContext, cmake: string): Record<string, string> => {
    const tools = folderFor(t);
    const all = 'for name in "$@"; do case "$name" in -*) ;; *) echo "$name 1.0 installed";; esac; done';
    put(tools, 'dpkg-query', `#!/bin/sh\n${all}\n`, 0o755);
    for (const tool of ['pkg-config', 'c++', 'ninja', 'flatc'])
      put(tools, tool, '#!/bin/sh\necho 99.0\n', 0o755);
    put(tools, 'cmake', `#!/bin/sh\n${cmake}\n`, 0o755);
    return { LATCHKEY_WORKER: 'build', PATH: `${tools}:${process.env['PATH'] ?? ''}` };
  };

  test('says where the log is and what to do next when the build fails, and keeps nothing', async (t) => {
    const home = folderFor(t);
    const outcome = await obtain(home, machineWith(t, 'echo "no such compiler"; exit 1'));
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /\| no such compiler\n/);
    assert.match(outcome.stderr, /What to do next:\n[^]*LATCHKEY_WORKER=download/);
    const log = /Its whole output: (.*)\n/.exec(outcome.stderr)?.[1] ?? '';
    assert.match(readFileSync(log, 'utf8'), /no such compiler/);
    assert.deepEqual(cacheOf(home), []);
  });
  test('does not keep what a build left behind that claims to have worked', async (t) => {
    const home = folderFor(t);
    const half =
      'if [ "$1" = --build ]; then head -c 2000 /bin/sh > "$2/mediasoup-worker"; chmod +x "$2/mediasoup-worker"; else mkdir -p "$4"; fi';
    const outcome = await obtain(home, machineWith(t, half));
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /does not run here/);
    assert.deepEqual(cacheOf(home), []);
  });
  test('is said to be one of two when it is neither', async (t) => {
    const home = folderFor(t);
    const outcome = await obtain(home, { LATCHKEY_WORKER: 'biuld' });
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /LATCHKEY_WORKER is "biuld"; it may be "build" or "download"/);
    assert.equal(existsSync(join(home, '.cache')), false);
  });
});

suite('MEDIASOUP_WORKER_BIN', () => {
  test('is used as it is, and nothing is made', async (t) => {
    const home = folderFor(t);
    const outcome = await obtain(home, { MEDIASOUP_WORKER_BIN: '/bin/true' });
    assert.deepEqual({ ...outcome }, { code: 0, stdout: '/bin/true\n', stderr: '' });
    assert.equal(existsSync(join(home, '.cache')), false);
  });
  test('is refused when it names no program', async (t) => {
    const outcome = await obtain(folderFor(t), { MEDIASOUP_WORKER_BIN: '/tmp' });
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /MEDIASOUP_WORKER_BIN is "\/tmp"/);
  });
});
