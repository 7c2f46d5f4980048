// The system's Chromium with fake devices: a moving picture and a beep, no permission questions, no traffic of its own.

import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

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

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['LATCHKEY_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: flags,
  });
