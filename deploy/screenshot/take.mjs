// `node deploy/screenshot/take.mjs`: takes the README's picture from the running page. A server of its own on free ports, a browser for
// each person, real media, real keys; only the cameras are drawn (portrait.mjs).

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runMain } from '../setup/command.mjs';
import { projectRoot } from '../setup/places.mjs';
import { environmentFor, prepare } from '../setup/prepare.mjs';
import { SetupError, createReport } from '../setup/report.mjs';
import { ensureTestPackages } from '../setup/testPackages.mjs';
import { writePortrait } from './portrait.mjs';

/** @typedef {import('playwright-core').Browser} Browser */
/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('./portrait.mjs').Look} Look */

const picture = join(projectRoot, 'src', 'web', 'screenshot.png');
const mostBytes = 200_000;
const stepMs = 20_000;

/** @type {readonly { name: string, look: Look }[]} The last one joined, and takes the picture. */
const people = [
  {
    name: 'Grace',
    look: {
      wall: [121, 141, 148],
      skin: [226, 180, 150],
      hair: [92, 62, 44],
      shirt: [52, 76, 110],
      longHair: true,
    },
  },
  {
    name: 'Alan',
    look: {
      wall: [158, 146, 122],
      skin: [196, 146, 112],
      hair: [42, 36, 33],
      shirt: [92, 107, 82],
      longHair: false,
    },
  },
  {
    name: 'Katherine',
    look: {
      wall: [138, 128, 146],
      skin: [131, 88, 64],
      hair: [30, 24, 24],
      shirt: [164, 90, 78],
      longHair: true,
    },
  },
  {
    name: 'Ada',
    look: {
      wall: [112, 136, 124],
      skin: [238, 200, 172],
      hair: [60, 42, 34],
      shirt: [70, 58, 92],
      longHair: true,
    },
  },
];

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

/**
 * @param {import('../setup/prepare.mjs').Prepared} prepared
 * @param {string} data
 */
async function startServer(prepared, data) {
  const child = spawn(prepared.node, [join(projectRoot, 'src', 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...environmentFor(projectRoot, prepared),
      LATCHKEY_HTTP_PORT: '0',
      LATCHKEY_MEDIA_PORT_BASE: '0',
      LATCHKEY_DATA_DIRECTORY: data,
      LATCHKEY_LOG_LEVEL: 'warn',
    },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
  };
  for await (const line of createInterface(child.stdout)) {
    const url = /https?:\/\/[^\s/]+/.exec(line)?.[0];
    if (url !== undefined) return { url, stop };
  }
  throw new SetupError('The server ended before it was ready.', ['Its output above says why.']);
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {Look} look
 * @returns {Promise<Browser>}
 */
async function launch(folder, name, look) {
  const { chromium } = await import('playwright-core');
  const film = join(folder, `${name}.y4m`);
  writePortrait(film, look);
  return await chromium.launch({
    executablePath: process.env['LATCHKEY_CHROMIUM'] ?? '/usr/bin/chromium',
    args: [...flags, `--use-file-for-fake-video-capture=${film}`],
  });
}

/**
 * @param {Browser} browser
 * @param {string} url
 * @param {string} name
 */
async function enter(browser, url, name) {
  const context = await browser.newContext({ viewport: { width: 1160, height: 725 }, colorScheme: 'light' });
  context.setDefaultTimeout(stepMs);
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('.preview video[data-shown=true]').waitFor();
  await page.fill('#name', name);
  await page.getByTestId('join').click();
  await page.locator('[data-epoch]').waitFor({ state: 'attached' });
  return page;
}

/** @param {Page} page */
async function photograph(page) {
  const shown = '[data-participant] video[data-shown=true]';
  await page
    .locator(shown)
    .nth(people.length - 1)
    .waitFor();
  await page.getByTestId('badge').click();
  await page.locator('[data-hop*=GCM]').waitFor();
  // What just happened is told for a few seconds; whoever reads the README was not there.
  await page.locator('.said').waitFor({ state: 'detached' });
  await page.locator('[data-muted]').waitFor();
  await page.evaluate('document.activeElement?.blur()');
  return await page.screenshot();
}

runMain(async () => {
  const report = createReport();
  const prepared = await prepare(projectRoot, report);
  await ensureTestPackages(report);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-screenshot-'));
  /** @type {(() => Promise<unknown>)[]} */
  const endings = [];
  try {
    const server = await startServer(prepared, join(folder, 'data'));
    endings.push(server.stop);
    let address = server.url;
    /** @type {Page[]} */
    const pages = [];
    for (const { name, look } of people) {
      const browser = await launch(folder, name, look);
      endings.unshift(() => browser.close());
      const page = await enter(browser, address, name);
      address = page.url();
      pages.push(page);
    }
    await pages[1]?.getByTestId('microphone').click();
    const last = pages.at(-1);
    if (last === undefined) throw new SetupError('Nobody is in the picture.', []);
    const png = await photograph(last);
    if (png.length > mostBytes) {
      throw new SetupError(`The picture has ${png.length} bytes, more than ${mostBytes}.`, [
        'Make the window of take.mjs smaller.',
      ]);
    }
    writeFileSync(picture, png);
    report.say(`${picture}: ${png.length} bytes`);
  } finally {
    for (const end of endings) await end();
    rmSync(folder, { recursive: true, force: true });
  }
});
