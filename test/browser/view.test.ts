// What is looked at decides what flows: of several cameras only those, as large as they are drawn, and a camera at which nobody looks is not
// even encoded.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { eventually } from './eventually.ts';
import { decodesMore, faultsOf, hearsMore, idOf, joinWatched, noFaults, receptionOf } from './watchedPage.ts';

/** Of which Chromium's encoder makes more than one size. */
const camera = { width: 640, height: 360 };
/** Longer than the pause between two frames, of a browser that is kept waiting too. */
const stillMs = 1_500;

let server: ServerProcess;
let browser: Browser;
let ada: Page;
let bob: Page;
/** Looks at the others, and sends nothing. */
let cleo: Page;
let adaId: string;
let bobId: string;

before(async () => {
  [server, browser] = await Promise.all([startServerProcess({}, { tapped: false }), launchChromium()]);
  const meeting = await api(server).createMeeting();
  ada = await joinWatched(browser, server, { meeting, name: 'Ada', camera });
  bob = await joinWatched(browser, server, { meeting, name: 'Bob', camera });
  cleo = await joinWatched(browser, server, { meeting, name: 'Cleo', role: 'viewer' });
  [adaId, bobId] = await Promise.all([idOf(ada), idOf(bob)]);
  for (const id of [adaId, bobId]) await decodesMore(cleo, id);
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
});

const view = (page: Page, height: number, ...participantIds: string[]): Promise<void> =>
  page.evaluate(
    (seen) => {
      const videos = seen.participantIds.map((participantId) => ({
        participantId,
        source: 'camera' as const,
        height: seen.height,
      }));
      window.meeting.view(videos);
    },
    { participantIds, height },
  );

/** Resolves when what is read is the same for a while. */
const standsStill = async (what: string, read: () => Promise<number>): Promise<void> => {
  await eventually(
    `${what} stands still`,
    20_000,
    async () => {
      const before = await read();
      await wait(stillMs);
      return (await read()) - before;
    },
    (more) => more === 0,
  );
};

const bytesOf = async (page: Page, participantId: string): Promise<number> =>
  (await receptionOf(page, participantId, 'camera'))?.bytesReceived ?? 0;

/** Of its camera, all sizes together; and the heights of those that it encodes. */
const encodedBy = (page: Page): Promise<{ readonly frames: number; readonly heights: number[] }> =>
  page.evaluate(async () => {
    const found = { frames: 0, heights: [] as number[] };
    for (const connection of window.connections) {
      if (connection.connectionState === 'closed') continue;
      for (const stat of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (stat['type'] !== 'outbound-rtp' || stat['kind'] !== 'video') continue;
        found.frames += Number(stat['framesEncoded'] ?? 0);
        if (stat['active'] !== false && Number(stat['frameHeight'] ?? 0) > 0)
          found.heights.push(Number(stat['frameHeight']));
      }
    }
    return found;
  });

const heightSeen = async (): Promise<number> => (await receptionOf(cleo, adaId, 'camera'))?.frameHeight ?? 0;

describe('a view', { timeout: 170_000 }, () => {
  it('lets only that flow which is looked at, and all of the sound', async () => {
    await view(cleo, 180, adaId);
    await standsStill('what is not looked at', () => bytesOf(cleo, bobId));
    await decodesMore(cleo, adaId);
    await hearsMore(cleo, bobId);
    // Others look at what they like.
    await decodesMore(ada, bobId);
    await view(cleo, 180, bobId);
    await decodesMore(cleo, bobId);
    await standsStill('what is not looked at any more', () => bytesOf(cleo, adaId));
  });

  it('that is larger gets a larger picture, as far as the camera is sent in one', async (t) => {
    await view(cleo, 100, adaId);
    await decodesMore(cleo, adaId);
    // All that the camera gives, though its picture is too small for a third size.
    await view(bob, 1_080, adaId);
    const { heights } = await eventually(
      'the camera is encoded in two sizes',
      40_000,
      () => encodedBy(ada),
      (now) => now.heights.length === 2 && Math.max(...now.heights) === camera.height,
    );
    t.diagnostic(`encoded: ${heights.join(', ')}`);
    const small = await eventually(
      'a small one is seen small',
      30_000,
      heightSeen,
      (height) => height > 0 && height <= Math.min(...heights),
    );
    await view(cleo, 1_080, adaId);
    const large = await eventually(
      'a large one is seen larger',
      40_000,
      heightSeen,
      (height) => height > small,
    );
    t.diagnostic(`seen: ${small}, then ${large}`);
    await decodesMore(cleo, adaId);
  });

  it('of nobody: that camera is not encoded, until somebody looks again', async () => {
    await Promise.all([view(ada, 180), view(cleo, 180, adaId)]);
    await standsStill('what nobody looks at', async () => (await encodedBy(bob)).frames);
    // Its voice is none of that.
    await hearsMore(cleo, bobId);
    const { frames } = await encodedBy(bob);
    await view(cleo, 180, adaId, bobId);
    await decodesMore(cleo, bobId);
    assert.ok((await encodedBy(bob)).frames > frames);
    for (const page of [ada, bob, cleo]) {
      assert.deepEqual(await faultsOf(page), noFaults);
      assert.deepEqual(
        await page.evaluate(() => window.told.filter((line) => /^(failure|ended)/.test(line))),
        [],
      );
    }
  });
});
