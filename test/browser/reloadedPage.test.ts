// What a page that is reloaded leaves behind: no goodbye over the socket, but DTLS associations that were closed in order. It has left at
// once, whatever the resume window; and whoever comes from there next is another participant.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { joinBySdk } from './sdkPage.ts';

let server: ServerProcess;
let browser: Browser;

before(async () => {
  [server, browser] = await Promise.all([
    startServerProcess({ LATCHKEY_TIMERS_RESUME_WINDOW_MS: '3600000' }),
    launchChromium(),
  ]);
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
});

describe('a tab that is reloaded', () => {
  it('has left, and a key is made without it: who joins from there is another participant with another lease', async () => {
    const meeting = await api(server).createMeeting();
    const ada = await joinAsNode(server.url, await api(server).token(meeting, 'Ada'));
    const page = await joinBySdk(browser, server, meeting, 'Bob');
    const leases = (): number[] => ada.session.roster.producers.map(({ lease }) => lease);
    const [before] = leases();
    assert.ok(before !== undefined);
    const left = new Promise<string>((resolve) =>
      ada.session.on('participantLeft', ({ cause }) => resolve(cause)),
    );
    await page.reload();
    assert.equal(await left, 'left');
    await ada.epochWhere(({ trigger }) => trigger === 'departure');
    await joinBySdk(browser, server, meeting, 'Bob');
    const [after] = leases();
    assert.ok(after !== undefined && after > before, `${after} after ${before}`);
    await ada.session.leave();
  });
});
