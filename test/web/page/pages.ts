// Opens the built page in a Chromium of its own for the tests of one file; after each test nothing may have been thrown in it, and nothing
// stopped by its content security policy.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { launchChromium } from '../../browser/chromium.ts';
import { startPageServer } from './pageServer.ts';
import type { PageServer } from './pageServer.ts';
import type { StandIn } from './standIn.ts';

export const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

export interface Pages {
  readonly server: PageServer;
  readonly open: (
    path: string,
    options?: BrowserContextOptions,
    before?: (page: Page) => Promise<unknown>,
  ) => Promise<Page>;
}

/** Call once, where the file begins: it registers the hooks. */
export const usePages = (): Pages => {
  let server: PageServer;
  let browser: Browser;
  let problems: string[] = [];
  before(async () => {
    [server, browser] = await Promise.all([startPageServer(), launchChromium()]);
  });
  after(async () => {
    await browser.close();
    await server.close();
  });
  beforeEach(() => {
    problems = [];
    server.requests.length = 0;
    server.secret = null;
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    assert.deepEqual(problems, [], 'nothing thrown, nothing stopped by the content security policy');
  });
  return {
    get server() {
      return server;
    },
    async open(path, options = {}, before = () => Promise.resolve()) {
      const page = await (await browser.newContext(options)).newPage();
      page.on('pageerror', ({ message }) => problems.push(message));
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) problems.push(message.text());
      });
      await before(page);
      await page.goto(server.url + path);
      await page.waitForFunction(() => 'standIn' in window || document.querySelector('.card') !== null);
      return page;
    },
  };
};

export const alert = (page: Page, text: string): Promise<void> =>
  page.getByRole('alert').filter({ hasText: text }).first().waitFor();

export const enter = async (page: Page): Promise<void> => {
  await page.fill('#name', 'Ada');
  await page.getByTestId('join').click();
  await page.locator('[data-epoch]').waitFor({ state: 'attached' });
};

/** Into a meeting, as whom and of what kind a test likes; a host of an interactive one that is live unless told otherwise. */
export const openRoom = async (
  { open }: Pages,
  options: BrowserContextOptions = {},
  as: Partial<StandIn['as']> = {},
): Promise<Page> => {
  const page = await open('/', options);
  await page.evaluate((change) => {
    window.standIn.as = { ...window.standIn.as, ...change };
  }, as);
  await enter(page);
  return page;
};

export const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement } = document;
    return activeElement?.getAttribute('aria-label') ?? activeElement?.id ?? '';
  });

/** The page moves it once it has drawn; the test's time-out bounds the wait. */
export const focusComesTo = async (page: Page, name: string): Promise<void> => {
  while ((await focused(page)) !== name);
};

/** What was said to everybody's ear. */
export const said = (page: Page, text: string): Promise<void> =>
  page.getByTestId('live').filter({ hasText: text }).waitFor({ state: 'attached' });

export const openPeople = async (page: Page): Promise<Locator> => {
  await page.getByTestId('people').click();
  const panel = page.locator('#panel-people');
  await panel.waitFor();
  return panel;
};
