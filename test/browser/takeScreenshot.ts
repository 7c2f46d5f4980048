// Takes the README's picture from the running page: three people in a meeting, the key panel open.
//
//   node test/browser/takeScreenshot.ts [FILE]      after `npm test` has installed what browsers need; FILE: src/web/screenshot.png

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { loadConfig } from '../../src/config/load.ts';
import { createLog } from '../../src/observe/log.ts';
import { startServer } from '../../src/server.ts';
import { launchChromium } from './chromium.ts';

const people = ['Ada', 'Grace', 'Alan'];
const viewport = { width: 1120, height: 700 };
/** So that the repository stays small. */
const maxBytes = 200_000;

const file = resolve(process.argv[2] ?? join(import.meta.dirname, '../../src/web/screenshot.png'));

const enter = async (context: BrowserContext, url: string, name: string): Promise<Page> => {
  const page = await context.newPage();
  await page.goto(url);
  await page.fill('#name', name);
  await page.getByRole('button', { name: /^(start|join)/i }).click();
  await page.waitForSelector('[data-epoch]', { state: 'attached' });
  return page;
};

/** Tiles of the others that show something. */
const pictures = (page: Page): Promise<number> =>
  page
    .locator('[data-participant]:not([data-self]) video')
    .evaluateAll((videos) => videos.filter((video) => (video as HTMLVideoElement).videoWidth > 0).length);

const data = await mkdtemp(join(tmpdir(), 'latchkey-screenshot-'));
const config = loadConfig({
  overrides: {
    http: { port: 0 },
    media: { portBase: 0 },
    data: { directory: data },
    log: { level: 'error' },
  },
});
const server = await startServer(config, createLog(config.log));
const browser = await launchChromium();
try {
  let url = server.url;
  let first: Page | null = null;
  for (const name of people) {
    const page = await enter(await browser.newContext({ viewport, colorScheme: 'light' }), url, name);
    url = page.url();
    first ??= page;
  }
  if (first === null) throw new Error('nobody is there');
  while ((await pictures(first)) < people.length - 1);
  await first.getByRole('button', { name: /epoch/i }).click();
  await first.waitForSelector('[data-hop]:not([data-hop=""])', { state: 'attached' });
  await first.screenshot({ path: file });
  const { size } = await stat(file);
  process.stdout.write(`${file}: ${size} bytes\n`);
  if (size > maxBytes) throw new Error(`a picture of at most ${maxBytes} bytes was wanted`);
} finally {
  await browser.close();
  await server.close();
  await rm(data, { recursive: true, force: true });
}
process.exit();
