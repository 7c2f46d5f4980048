// The product as people use it: three browsers open the page, join one after another, see and hear one another, and leave.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';

declare global {
  interface Window {
    /** Every peer connection that the page made. */
    connections: RTCPeerConnection[];
  }
}

interface KeyPanel {
  readonly epoch: number;
  readonly fingerprint: string;
  readonly hop: string;
}

let server: ServerProcess;
let browser: Browser;
const problems: string[] = [];

const openPage = async (url: string): Promise<Page> => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options: ConstructorParameters<typeof RTCPeerConnection>) {
        super(...options);
        window.connections.push(this);
      }
    };
  });
  const page = await context.newPage();
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Uncaught/.test(message.text()))
      problems.push(message.text());
  });
  await page.goto(url);
  return page;
};

const enter = async (page: Page, name: string, button: RegExp): Promise<void> => {
  await page.fill('#name', name);
  await page.getByRole('button', { name: button }).click();
  await page.waitForSelector('[data-epoch]', { state: 'attached' });
};

/** Tiles of the others whose picture moves. */
const picturesOf = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      [...document.querySelectorAll<HTMLVideoElement>('[data-participant]:not([data-self]) video')].filter(
        (video) => video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 5,
      ).length,
  );

/** Incoming voices with energy in them. */
const voicesOf = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    let voices = 0;
    for (const connection of window.connections) {
      for (const stat of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (
          stat['type'] === 'inbound-rtp' &&
          stat['kind'] === 'audio' &&
          Number(stat['totalAudioEnergy']) > 0
        )
          voices++;
      }
    }
    return voices;
  });

/** Polls what the page shows until it is as it should be; the test's time-out bounds it. */
const until = async <T>(read: () => Promise<T>, good: (value: T) => boolean): Promise<T> => {
  for (;;) {
    const value = await read();
    if (good(value)) return value;
  }
};

const sees = async (page: Page, others: number): Promise<void> => {
  await until(
    () => picturesOf(page),
    (count) => count === others,
  );
  await until(
    () => voicesOf(page),
    (count) => count >= others,
  );
  const muted = await page.evaluate(
    () => [...document.querySelectorAll('audio')].filter(({ muted, paused }) => muted || paused).length,
  );
  assert.equal(muted, 0, 'every voice plays');
};

const keyPanelOf = (page: Page): Promise<KeyPanel> =>
  page.evaluate(() => {
    const read = (name: string): string =>
      document.querySelector(`[data-${name}]`)?.getAttribute(`data-${name}`) ?? '';
    return { epoch: Number(read('epoch')), fingerprint: read('fingerprint'), hop: read('hop') };
  });

/** Resolves when all show one epoch that is later than the one given, under one fingerprint. */
const shareEpochAfter = async (pages: readonly Page[], before: number): Promise<number> => {
  const panels = await until(
    () => Promise.all(pages.map(keyPanelOf)),
    (shown) =>
      shown.every(
        ({ epoch, fingerprint }) => epoch > before && epoch === shown[0]?.epoch && fingerprint !== '',
      ),
  );
  assert.equal(new Set(panels.map(({ fingerprint }) => fingerprint)).size, 1);
  return panels[0]?.epoch ?? assert.fail('no page');
};

before(async () => {
  [server, browser] = await Promise.all([startServerProcess(), launchChromium()]);
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
});

describe('three browsers through the page', { timeout: 120_000 }, () => {
  it('join one after another, see and hear each other under one key that changes as they come and go', async () => {
    const ada = await openPage(server.url);
    await enter(ada, 'Ada', /start/i);
    const address = ada.url();
    assert.match(address, /\/m\/[\w-]+$/);
    const alone = await shareEpochAfter([ada], -1);

    const bob = await openPage(address);
    await enter(bob, 'Bob', /join/i);
    const two = await shareEpochAfter([ada, bob], alone);

    const cleo = await openPage(address);
    await enter(cleo, 'Cleo', /join/i);
    const three = await shareEpochAfter([ada, bob, cleo], two);

    for (const page of [ada, bob, cleo]) await sees(page, 2);
    for (const page of [ada, bob, cleo]) {
      const { hop } = await until(
        () => keyPanelOf(page),
        (shown) => shown.hop !== '',
      );
      assert.match(hop, /AES.?256.?GCM/);
    }

    // The fake microphones beep: somebody is heard to speak.
    await ada.getByRole('button', { name: /people/i }).click();
    await ada.waitForSelector('[data-person][data-speaking]');

    await cleo.getByRole('button', { name: /leave/i }).first().click();
    const left = await shareEpochAfter([ada, bob], three);
    await until(
      () => picturesOf(ada),
      (count) => count === 1,
    );

    // A window that is closed without a word.
    await bob.close();
    await shareEpochAfter([ada], left);
    assert.deepEqual(problems, []);
  });
});
