// A media worker that dies while browsers see each other through it: they see each other again, as the same participants, under the same key.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { eventually } from './eventually.ts';
import {
  decodesMore,
  faultsOf,
  hearsMore,
  idOf,
  joinWatched,
  keyOf,
  ledgerOf,
  noFaults,
  receptionsOf,
} from './watchedPage.ts';

let server: ServerProcess;
let browser: Browser;
let meeting: string;
let pages: Page[];
let ids: string[];

before(async () => {
  [server, browser] = await Promise.all([
    startServerProcess({ LATCHKEY_MEDIA_WORKERS: '2' }, { tapped: false }),
    launchChromium(),
  ]);
  meeting = await api(server).createMeeting();
  pages = [];
  for (const name of ['Ada', 'Bob', 'Cleo'])
    pages.push(await joinWatched(browser, server, { meeting, name }));
  ids = await Promise.all(pages.map(idOf));
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
});

const others = (page: Page): string[] => ids.filter((_, index) => pages[index] !== page);

/** Worker's number → process, the newest of each. */
const workers = (): Map<number, number> => {
  const found = new Map<number, number>();
  for (const line of server.output().split('\n')) {
    if (!line.includes('"worker.started"')) continue;
    const { worker, pid } = JSON.parse(line) as { worker: number; pid: number };
    found.set(worker, pid);
  }
  return found;
};

/** The number of the worker to which everybody is connected. */
const inUse = async (): Promise<number> => {
  const metrics = await eventually(
    'one worker carries all',
    10_000,
    () => api(server).metrics(),
    (text) => transportsOf(text).filter(({ count }) => count > 0).length === 1,
  );
  return transportsOf(metrics).find(({ count }) => count > 0)?.worker ?? assert.fail('no worker');
};

const transportsOf = (metrics: string): { readonly worker: number; readonly count: number }[] =>
  [...metrics.matchAll(/^latchkey_worker_transports\{.*worker="(\d+)".*\} (\d+)$/gm)].map(
    ([, worker, count]) => ({ worker: Number(worker), count: Number(count) }),
  );

/** Milliseconds until every page decodes pictures of every other one that came by a track of after `at`. */
const seenAgain = async (before: ReadonlySet<string>, at: number): Promise<number> => {
  await Promise.all(
    pages.map((page) =>
      eventually(
        'everybody is seen again',
        20_000,
        () => receptionsOf(page),
        (now) =>
          others(page).every((id) =>
            now.some(
              ({ participantId, source, trackId, framesDecoded }) =>
                participantId === id && source === 'camera' && framesDecoded >= 3 && !before.has(trackId),
            ),
          ),
      ),
    ),
  );
  return performance.now() - at;
};

const everybodyPlays = (): Promise<unknown> =>
  Promise.all(
    pages.flatMap((page) => others(page).flatMap((id) => [decodesMore(page, id), hearsMore(page, id)])),
  );

const killAndSee = async (t: TestContext): Promise<void> => {
  await everybodyPlays();
  const [keys, ledger] = await Promise.all([Promise.all(pages.map(keyOf)), ledgerOf(server, meeting)]);
  const tracks = new Set((await Promise.all(pages.map(receptionsOf))).flat().map(({ trackId }) => trackId));
  const pid = workers().get(await inUse());
  assert.ok(pid !== undefined && pid !== process.pid);
  const at = performance.now();
  process.kill(pid, 'SIGKILL');
  const tookMs = await seenAgain(tracks, at);
  t.diagnostic(`everybody is seen again after ${Math.round(tookMs)} ms`);
  // Three seconds where browsers and server have a core each.
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  await everybodyPlays();

  assert.deepEqual(await Promise.all(pages.map(idOf)), ids);
  assert.deepEqual(await Promise.all(pages.map(keyOf)), keys, 'the same epoch');
  assert.deepEqual(await ledgerOf(server, meeting), ledger, 'nobody came, went or was given another lease');
  for (const page of pages) {
    assert.deepEqual(await faultsOf(page), noFaults);
    const told = await page.evaluate(() => window.told);
    const bad = told.filter((line) =>
      /^(failure|ended|connection|publicationEnded|participantLeft)/.test(line),
    );
    assert.deepEqual(bad, []);
  }
};

describe('a media worker that is killed', { timeout: 170_000 }, () => {
  it(
    'is stood in for within seconds: everybody is seen again, and no key, lease or participant is another',
    killAndSee,
  );

  it('may be followed by the one that stood in', killAndSee);
});
