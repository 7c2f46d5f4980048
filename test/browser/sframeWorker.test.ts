// The SFrame worker in a real browser, without an SFU: a page sends to itself, under keys of the real custodian's vault.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { FrameCounts } from '../../src/client/session/keyAgent.ts';
import { MeetingServer } from '../client/meetingServer.ts';
import { launchChromium } from './chromium.ts';
import './loopbackApi.ts';
import { buildPage } from './pageBundle.ts';
import type { PageBundle } from './pageBundle.ts';

let browser: Browser;
let bundle: PageBundle;

const serve = (path: string, response: ServerResponse): boolean => {
  const file = bundle.files.get(path);
  if (file === undefined) return false;
  response.setHeader('content-type', file.type);
  response.end(file.body);
  return true;
};

before(async () => {
  bundle = await buildPage('test/browser/page/loopback.ts');
  browser = await launchChromium();
});

after(() => browser.close());

/** `elsewhere`: the page comes from another origin than the meeting's server. */
const withPage = async (
  use: (page: Page, server: MeetingServer) => Promise<void>,
  elsewhere = false,
): Promise<void> => {
  const server = await MeetingServer.start({ automatic: true, files: serve });
  const pages = elsewhere ? await MeetingServer.start({ files: serve }) : server;
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  try {
    const page = await context.newPage();
    await page.goto(pages.url);
    await page.waitForFunction(() => 'loopback' in globalThis);
    await page.evaluate(([token, url]) => globalThis.loopback.join(token, url), [
      server.token('Ann'),
      server.url,
    ] as const);
    await use(page, server);
  } finally {
    await context.close();
    await server.close();
    if (pages !== server) await pages.close();
  }
};

/** Beside these, what a frame may come to is a fault here. Chromium probes for bandwidth by sending packets again: a frame of one packet then comes twice, as a replay does. */
const faultless = ({ sealed, opened, replayed, ...faults }: FrameCounts): void => {
  assert.ok(sealed > 10 && opened > 10 && replayed < opened, JSON.stringify({ sealed, opened, replayed }));
  assert.deepEqual(faults, {
    missingKey: 0,
    badTag: 0,
    staleEpoch: 0,
    foreignOrigin: 0,
    malformed: 0,
    unsealed: 0,
  });
};

describe('the SFrame worker', { timeout: 120_000 }, () => {
  it('seals what it sends and opens what it receives, through a rekey', async () => {
    await withPage(async (page, server) => {
      await page.evaluate(() => globalThis.loopback.send(false));
      await page.evaluate(() => globalThis.loopback.decodesMore(15));
      const ben = await joinFromNode({ url: server.url, token: server.token('Ben') });
      await page.evaluate(() => globalThis.loopback.inEpoch(1));
      await page.evaluate(() => globalThis.loopback.decodesMore(15));
      ben.session.close();
      faultless(await page.evaluate(() => globalThis.loopback.counts()));
    });
  });

  it('sends nothing without a key', async () => {
    await withPage(async (page) => {
      await page.evaluate(() => globalThis.loopback.send(false));
      await page.evaluate(() => globalThis.loopback.decodesMore(1));
      const look = () =>
        page.evaluate(async () => ({
          ...(await globalThis.loopback.counts()),
          ...(await globalThis.loopback.decoded()),
        }));
      await page.evaluate(() => globalThis.loopback.stopSealing());
      // What was sealed before is now through.
      await page.evaluate(() => globalThis.loopback.countsMore('unsealed', 20));
      const stopped = await look();
      await page.evaluate(() => globalThis.loopback.countsMore('unsealed', 60));
      const later = await look();
      assert.equal(later.sealed, stopped.sealed);
      assert.equal(later.videoFrames, stopped.videoFrames);
      // An audio sender would have sent a packet for most of these frames.
      assert.ok(later.packetsSent - stopped.packetsSent < 20, 'nothing is sent in clear');
    });
  });

  it('drops frames that are not of the origin which was announced', async () => {
    await withPage(async (page) => {
      await page.evaluate(() => globalThis.loopback.send(true));
      await page.evaluate(() => globalThis.loopback.countsMore('foreignOrigin', 50));
      const counts = await page.evaluate(() => globalThis.loopback.counts());
      assert.equal(counts.opened, 0);
      assert.equal((await page.evaluate(() => globalThis.loopback.decoded())).videoFrames, 0);
    });
  });

  it('is started from a page of another origin, too', async () => {
    await withPage(async (page) => {
      await page.evaluate(() => globalThis.loopback.send(false));
      await page.evaluate(() => globalThis.loopback.decodesMore(5));
      faultless(await page.evaluate(() => globalThis.loopback.counts()));
    }, true);
  });

  it('ends with the session', async () => {
    await withPage(async (page) => {
      assert.equal(page.workers().length, 1);
      const closed = page.workers()[0]?.waitForEvent('close');
      await page.evaluate(() => globalThis.loopback.leave());
      await closed;
      assert.deepEqual(await page.evaluate(() => globalThis.loopback.events), ['ended left']);
      assert.equal(page.workers().length, 0);
    });
  });
});
