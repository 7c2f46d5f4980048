// One meeting of two engines through the real server: what Chromium seals Firefox opens and plays, and the other way round.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { Firefox } from './firefox.ts';
import type { FirefoxPage } from './firefoxPage.ts';
import { joinInFirefox, mediaOf } from './firefoxSdk.ts';
import { joinBySdk } from './sdkPage.ts';

let server: ServerProcess;
let chromium: Browser;
let firefox: Firefox;

before(async () => {
  [server, chromium, firefox] = await Promise.all([startServerProcess(), launchChromium(), Firefox.launch()]);
});

after(async () => {
  await Promise.all([chromium.close(), firefox.close()]);
  assert.equal(await server.stop(), 0);
});

/** Looks until it is so; the test's time-out bounds it. */
const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
  while (!(await isTrue())) await wait(50);
};

/** Resolves when so many videos and voices of others came further than they were. */
const plays = async (page: FirefoxPage, videos: number, voices: number): Promise<void> => {
  const before = await mediaOf(page);
  const further = (now: readonly number[], then: readonly number[], by: number): number =>
    now.filter((value, index) => value > (then[index] ?? 0) + by).length;
  await until(async () => {
    const now = await mediaOf(page);
    return (
      further(now.framesDecoded, before.framesDecoded, 15) >= videos &&
      further(now.audioEnergy, before.audioEnergy, 0) >= voices
    );
  });
};

const picturesInChromium = (page: Page): Promise<number[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('video')].map((video) => video.getVideoPlaybackQuality().totalVideoFrames),
  );

describe('Chromium and Firefox in one meeting', { timeout: 120_000 }, () => {
  it('see and hear each other, and both are heard by a viewer, before and after the key is thrown away', async () => {
    const meeting = await api(server).createMeeting();
    const chrome = await joinBySdk(chromium, server, meeting, 'Chromium');
    const fox = await joinInFirefox(firefox, server, { meeting, name: 'Firefox' });
    const viewer = await joinInFirefox(firefox, server, { meeting, name: 'Viewer', role: 'viewer' });
    const allPlay = async (): Promise<void> => {
      const [before = 0] = await picturesInChromium(chrome);
      await plays(fox, 1, 1);
      await plays(viewer, 2, 2);
      await until(async () => {
        const [now = 0] = await picturesInChromium(chrome);
        return now > before + 15;
      });
    };
    await allPlay();
    const { epoch } = await api(server).rekey(meeting, 'compromise');
    await fox.until(
      () => window.meeting.epoch,
      (now) => now !== null && now >= epoch,
    );
    await allPlay();

    const { hop, frames } = await fox.evaluate(() => window.meeting.stats());
    assert.match(hop.srtpCipher ?? '', /AES_256_GCM/);
    const { sealed, opened, missingKey, replayed, ...faults } = frames;
    assert.ok(sealed > 30 && opened > 30 && missingKey + replayed < opened / 2);
    for (const [fault, count] of Object.entries(faults)) assert.equal(count, 0, fault);

    for (const page of [fox, viewer]) {
      assert.deepEqual(await page.evaluate(() => window.failures), []);
      assert.deepEqual(page.errors, []);
      await page.evaluate(() => window.meeting.leave());
      await page.close();
    }
    assert.deepEqual(firefox.strayRequests, []);
  });
});
