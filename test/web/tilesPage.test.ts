// Pages of tiles in a real Chromium, with a stand-in for the SDK: what is drawn of many people, what is asked for, and that a thousand leave
// the page small and quiet.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { openPeople, openRoom, said, usePages } from './page/pages.ts';

const pages = usePages();

describe('pages of tiles', () => {
  const views = (page: Page) => page.evaluate(() => window.standIn.views.at(-1) ?? []);
  const viewIs = (page: Page, ids: readonly string[]) =>
    page.waitForFunction(
      (wanted) => (window.standIn.views.at(-1) ?? []).map((each) => each.participantId).join() === wanted,
      ids.join(),
    );
  const cameras = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, index) => `c${from + index}`);
  const withCameras = async (page: Page, count: number): Promise<void> =>
    page.evaluate((count) => {
      window.standIn.crowd(count, 'presenter');
      for (let index = 0; index < count; index++) {
        window.standIn.change(`c${index}`, {
          sending: [{ source: 'camera', kind: 'video', muted: false }],
        });
      }
    }, count);

  it('are turned by buttons and keys, and only what is on one is asked for', async () => {
    const page = await openRoom(pages, {
      viewport: { width: 1_280, height: 800 },
      deviceScaleFactor: 2,
      reducedMotion: 'reduce',
    });
    assert.deepEqual(await views(page), [], 'told at once, so that not everything is received');
    await withCameras(page, 20);
    await viewIs(page, cameras(0, 8));
    const heights = (await views(page)).map(({ height }) => height);
    const drawn = await page.locator('[data-participant=c0]').evaluate((tile) => tile.clientHeight);
    assert.ok(
      heights.every((height) => Math.abs(height - drawn * 2) <= 2),
      `${heights.join()} device pixels for ${drawn}`,
    );
    await page.getByRole('button', { name: 'Next page' }).click();
    await viewIs(page, cameras(8, 17));
    assert.equal(await page.getByTestId('page').textContent(), 'Page 2 of 3');
    await page.keyboard.press('PageDown');
    await viewIs(page, cameras(17, 20));
    await page.keyboard.press('PageDown');
    await page.keyboard.press('PageUp');
    await viewIs(page, cameras(8, 17));
    await page.getByRole('button', { name: 'Page before' }).click();
    await viewIs(page, cameras(0, 8));
    await page.locator('.tile').nth(8).waitFor();
    assert.equal(await page.locator('.tile').count(), 9);
  });

  it('show a screen above all, whatever page is looked at', async () => {
    const page = await openRoom(pages);
    await withCameras(page, 12);
    await page.evaluate(() =>
      window.standIn.change('c11', { sending: [{ source: 'screen', kind: 'video', muted: false }] }),
    );
    await page.locator('[data-screen-of=c11]').waitFor();
    await page.waitForFunction(() =>
      window.standIn.views.at(-1)?.some((each) => each.participantId === 'c11' && each.source === 'screen'),
    );
  });

  it('that nobody sees, since the page is hidden, are not received', async () => {
    const page = await openRoom(pages);
    await withCameras(page, 3);
    await viewIs(page, cameras(0, 3));
    const turn = (visibility: 'hidden' | 'visible') =>
      page.evaluate((state) => {
        Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, visibility);
    await turn('hidden');
    await viewIs(page, []);
    await turn('visible');
    await viewIs(page, cameras(0, 3));
  });
});

it('stays small with a thousand people who come at once, and does not talk all the time', async () => {
  const page = await openRoom(pages);
  const sentences = await page.evaluateHandle(() => {
    const heard: string[] = [];
    const live = document.querySelector('[data-testid=live]');
    if (live === null) throw new Error('no live region');
    new MutationObserver(() => {
      if (live.textContent) heard.push(live.textContent);
    }).observe(live, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    return heard;
  });
  await page.evaluate(() => window.standIn.crowd(999, 'presenter'));
  await page.getByTestId('counts').filter({ hasText: '1000 here' }).waitFor();
  assert.equal(await page.locator('.tile').count(), 9);
  const panel = await openPeople(page);
  const rows = panel.locator('[data-person]');
  await rows.nth(50).waitFor(); // this person, a host, and the first fifty of the others
  assert.equal(await rows.count(), 51);
  await panel.getByRole('button', { name: 'Show 50 more of 949' }).click();
  await rows.nth(100).waitFor();
  await panel.getByLabel('Find somebody').fill('son 998');
  await panel.getByText('Person 998').waitFor();
  assert.equal(await rows.count(), 1);
  await panel.getByLabel('Find somebody').fill('nobody');
  await panel.getByText('Nobody here has such a name.').waitFor();
  await said(page, 'Person 0 and 998 others joined');
  assert.deepEqual(await sentences.evaluate((all) => all), ['Person 0 and 998 others joined']);
});
