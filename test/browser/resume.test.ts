// Sockets that are lost and admissions that are made anew while browsers really see and hear each other: tracks stay, frames go on.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { joinBySdk } from './sdkPage.ts';

let server: ServerProcess;
let browser: Browser;
let meeting: string;
let ada: Page;
let bob: Page;

before(async () => {
  [server, browser] = await Promise.all([startServerProcess(), launchChromium()]);
  meeting = await api(server).createMeeting();
  ada = await joinBySdk(browser, server, meeting, 'Ada');
  bob = await joinBySdk(browser, server, meeting, 'Bob');
  for (const page of [ada, bob]) await page.waitForFunction(() => window.meeting.tracks.length === 2);
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

/** By which a page tells its tracks apart. */
const tracksOf = (page: Page): Promise<string[]> =>
  page.evaluate(() => window.meeting.tracks.map(({ track }) => `${track.id} ${track.readyState}`));

const assertClean = async (page: Page): Promise<void> => {
  const { frames } = await page.evaluate(() => window.meeting.stats());
  assert.deepEqual([frames.badTag, frames.foreignOrigin, frames.malformed, frames.unsealed], [0, 0, 0, 0]);
};

describe('a browser', () => {
  it('whose socket is lost goes on sending and receiving, comes back, and nobody else notices', async () => {
    const [mine, theirs] = await Promise.all([tracksOf(ada), tracksOf(bob)]);
    await bob.evaluate(() => {
      window.left = [];
      window.meeting.on('participantLeft', ({ name }) => window.left.push(name));
    });
    const states = await ada.evaluate(async () => {
      const { meeting } = window;
      const told: string[] = [];
      const back = new Promise<void>((resolve) => {
        meeting.on('connection', ({ state }) => {
          told.push(state);
          if (state === 'resumed') resolve();
        });
      });
      window.sockets.at(-1)?.close();
      await back;
      return told;
    });
    assert.deepEqual(states, ['lost', 'resumed']);
    await Promise.all([opensMore(ada, 50), opensMore(bob, 50)]);
    assert.deepEqual(await Promise.all([tracksOf(ada), tracksOf(bob)]), [mine, theirs]);
    assert.deepEqual(await bob.evaluate(() => window.left), []);
    assert.equal(await ada.evaluate(() => window.sockets.length), 2);
    // What it asks for now is done.
    await ada.evaluate(async () => {
      const [publication] = window.meeting.publications;
      if (publication === undefined) throw new Error('nothing is sent');
      await window.meeting.setMuted(publication, true);
      await window.meeting.setMuted(publication, false);
    });
    await Promise.all([assertClean(ada), assertClean(bob)]);
  });

  it('is admitted anew with everybody else, and keeps its tracks and those of the others', async () => {
    const before = await Promise.all([tracksOf(ada), tracksOf(bob)]);
    const moved = [ada, bob].map((page) =>
      page.evaluate(
        () =>
          new Promise<{ trigger: string; chain: string }>((resolve) => {
            window.meeting.on('epoch', (epoch) => {
              if (epoch.trigger === 'compromise') resolve(epoch);
            });
          }),
      ),
    );
    await api(server).rekey(meeting, 'compromise');
    const [hers, his] = await Promise.all(moved);
    assert.equal(hers?.chain, his?.chain);
    await Promise.all([opensMore(ada, 100), opensMore(bob, 100)]);
    assert.deepEqual(await Promise.all([tracksOf(ada), tracksOf(bob)]), before);
    await Promise.all([assertClean(ada), assertClean(bob)]);
  });

  it('that goes to another page has left, and is not waited for', async () => {
    const gone = bob.evaluate(
      () =>
        new Promise<string>((resolve) => {
          window.meeting.on('participantLeft', ({ cause }) => resolve(cause));
        }),
    );
    await ada.goto('about:blank');
    assert.equal(await gone, 'left');
  });
});

declare global {
  interface Window {
    left: string[];
  }
}
