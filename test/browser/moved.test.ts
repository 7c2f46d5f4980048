// Media that are moved while browsers see and hear each other: by a role that changes, a worker that dies, another network, what is looked at.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { joinBySdk } from './sdkPage.ts';

let server: ServerProcess;
let browser: Browser;
let ada: Page;
let bob: Page;

declare global {
  interface Window {
    /** What the meeting told, in words. */
    told: string[];
  }
}

before(async () => {
  [server, browser] = await Promise.all([startServerProcess(), launchChromium()]);
  const meeting = await api(server).createMeeting();
  ada = await joinBySdk(browser, server, meeting, 'Ada', 'host');
  bob = await joinBySdk(browser, server, meeting, 'Bob');
  for (const page of [ada, bob]) {
    await page.waitForFunction(() => window.meeting.tracks.length === 2);
    await page.evaluate(async () => {
      const { meeting } = window;
      window.told = [];
      meeting.on('track', ({ source }) => window.told.push(`track ${source}`));
      meeting.on('trackEnded', ({ source }) => window.told.push(`trackEnded ${source}`));
      meeting.on('role', ({ role }) => window.told.push(`role ${role}`));
      meeting.on('publicationEnded', ({ source }) => window.told.push(`publicationEnded ${source}`));
      meeting.on('mutedByHost', ({ source }) => window.told.push(`mutedByHost ${source}`));
      meeting.on('failure', ({ code }) => window.told.push(`failure ${code}`));
      // A new listener is told of the tracks that are there already.
      await Promise.resolve();
      window.told = [];
    });
  }
});

after(async () => {
  await browser.close();
  await server.stop();
});

/** Resolves when it has opened so many frames more than now. */
const opensMore = (page: Page, frames: number): Promise<void> =>
  page.evaluate(async (more) => {
    const opened = async (): Promise<number> => (await window.meeting.stats()).frames.opened;
    const goal = (await opened()) + more;
    while ((await opened()) < goal);
  }, frames);

const told = (page: Page): Promise<string[]> => page.evaluate(() => window.told.splice(0).toSorted());

const assertClean = async (page: Page): Promise<void> => {
  const { frames } = await page.evaluate(() => window.meeting.stats());
  assert.deepEqual([frames.badTag, frames.foreignOrigin, frames.malformed], [0, 0, 0]);
};

const idOf = (page: Page): Promise<string> => page.evaluate(() => window.meeting.participantId);

describe('media that are moved', { timeout: 120_000 }, () => {
  it('end for whoever becomes a viewer, and are there again for whoever is back on the stage', async () => {
    const id = await idOf(bob);
    await ada.evaluate((participantId) => window.meeting.host.setRole(participantId, 'viewer'), id);
    await bob.waitForFunction(
      () => window.meeting.role === 'viewer' && window.meeting.publications.length === 0,
    );
    await ada.waitForFunction(() => window.meeting.tracks.length === 0);
    assert.deepEqual(await told(bob), [
      'publicationEnded camera',
      'publicationEnded microphone',
      'role viewer',
    ]);
    await opensMore(bob, 30);
    await ada.evaluate((participantId) => window.meeting.host.setRole(participantId, 'presenter'), id);
    await bob.waitForFunction(() => window.meeting.role === 'presenter');
    await bob.evaluate(async () => {
      const devices = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
      for (const track of devices.getTracks()) await window.meeting.publish(track);
    });
    await ada.waitForFunction(() => window.meeting.tracks.length === 2);
    await Promise.all([opensMore(ada, 60), opensMore(bob, 60)]);
    await Promise.all([assertClean(ada), assertClean(bob)]);
    assert.deepEqual(await told(bob), ['role presenter']);
    await told(ada);
  });

  it('outlive the worker that they were on: the same publications, other tracks', async () => {
    const workers = execFileSync('pgrep', ['-P', String(server.pid), 'mediasoup'])
      .toString()
      .trim()
      .split('\n');
    await bob.evaluate(() => Object.assign(window, { before: window.meeting.publications }));
    for (const pid of workers) process.kill(Number(pid), 'SIGKILL');
    for (const page of [ada, bob]) {
      await page.waitForFunction(() => window.told.filter((what) => what.startsWith('track ')).length === 2);
    }
    for (const page of [ada, bob]) {
      assert.deepEqual(await told(page), [
        'track camera',
        'track microphone',
        'trackEnded camera',
        'trackEnded microphone',
      ]);
    }
    assert.ok(
      await bob.evaluate(() => {
        const { before } = window as unknown as { before: readonly unknown[] };
        return before.every((one, at) => one === window.meeting.publications[at]) && before.length === 2;
      }),
    );
    await Promise.all([opensMore(ada, 100), opensMore(bob, 100)]);
    await Promise.all([assertClean(ada), assertClean(bob)]);
  });

  it('go on when the browser says that the network is another', async () => {
    for (const page of [ada, bob]) await page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
    await ada.waitForTimeout(1_500);
    await Promise.all([opensMore(ada, 100), opensMore(bob, 100)]);
    for (const page of [ada, bob]) assert.deepEqual(await told(page), []);
  });

  it('are muted by a host until they are unmuted', async () => {
    await ada.evaluate((participantId) => window.meeting.host.mute(participantId), await idOf(bob));
    await bob.waitForFunction(() => window.told.includes('mutedByHost microphone'));
    await bob.evaluate(async () => {
      const microphone = window.meeting.publications.find(({ source }) => source === 'microphone');
      if (microphone === undefined || !microphone.muted) throw new Error('not muted');
      await window.meeting.setMuted(microphone, false);
    });
    await opensMore(ada, 100);
    await told(bob);
  });

  it('are not received while nobody looks, nor sent in sizes that nobody wants', async () => {
    const height = (): Promise<number> =>
      ada.evaluate(() => {
        const video = document.querySelectorAll('video');
        return [...video].at(-1)?.videoHeight ?? 0;
      });
    const id = await idOf(bob);
    const look = (heightOf: number): Promise<void> =>
      ada.evaluate(
        ([participantId, height]) => {
          window.meeting.view([{ participantId, source: 'camera', height }]);
        },
        [id, heightOf] as const,
      );
    await look(100);
    await ada.waitForFunction(() => {
      const videos = document.querySelectorAll('video');
      const height = [...videos].at(-1)?.videoHeight ?? 0;
      return height > 0 && height <= 240;
    });
    await look(1_000);
    const small = await height();
    await ada.waitForFunction(
      (than) => ([...document.querySelectorAll('video')].at(-1)?.videoHeight ?? 0) > than,
      small,
    );
    await ada.evaluate(() => window.meeting.view([]));
    await ada.waitForFunction(() => window.told.includes('trackEnded camera'), null, { timeout: 20_000 });
    await look(500);
    await ada.waitForFunction(() => window.told.includes('track camera'));
    assert.deepEqual(await told(ada), ['track camera', 'trackEnded camera']);
  });
});
