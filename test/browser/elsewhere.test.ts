// The SDK on a page of another origin, under a policy that allows what it needs and nothing else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Meeting } from '../../src/client/browser/api.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';

let server: ServerProcess;
let browser: Browser;
let elsewhere: Server;
let url: string;

before(async () => {
  [server, browser] = await Promise.all([startServerProcess(), launchChromium()]);
  const socket = server.url.replace(/^http/, 'ws');
  elsewhere = createServer((_request, response) => {
    response.writeHead(200, {
      'content-type': 'text/html',
      'content-security-policy': `default-src 'none'; script-src 'unsafe-eval' ${server.url}; worker-src blob: ${server.url}; connect-src ${server.url} ${socket}`,
    });
    response.end('<!doctype html><title>Elsewhere</title>');
  });
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
});

after(async () => {
  await browser.close();
  elsewhere.close();
  assert.equal(await server.stop(), 0);
});

describe('the SDK on a page of another origin', () => {
  it('joins, sends sealed frames, and ends its worker when it leaves', async () => {
    const meeting = await api(server).createMeeting();
    const nora = await joinAsNode(server.url, await api(server).token(meeting, 'Nora'));
    const page = await browser.newPage();
    const started = page.waitForEvent('worker');
    await page.goto(url);
    const joined = page.evaluate(
      async ({ serverUrl, token }) => {
        const sdk = (await import(/* @vite-ignore */ `${serverUrl}/sdk/latchkey.js`)) as {
          joinMeeting: (options: { url: string; token: string }) => Promise<Meeting>;
        };
        const meeting = await sdk.joinMeeting({ url: serverUrl, token });
        window.meeting = meeting;
        const audio = new AudioContext().createMediaStreamDestination();
        const [track] = audio.stream.getAudioTracks();
        if (track === undefined) throw new Error('no track');
        await meeting.publish(track, { source: 'microphone' });
        return { fingerprint: meeting.fingerprint, epoch: meeting.epoch };
      },
      { serverUrl: server.url, token: await api(server).token(meeting, 'Ada') },
    );
    const worker = await started;
    const { fingerprint, epoch } = await joined;
    assert.equal((await nora.epochWhere((state) => state.epoch === epoch)).fingerprint, fingerprint);
    await page.waitForFunction(async () => (await window.meeting.stats()).frames.sealed > 0);
    const ended = new Promise((resolve) => worker.once('close', resolve));
    await page.evaluate(() => window.meeting.leave());
    await ended;
    await nora.session.leave();
  });
});
