// The headers that a real browser sends, and the policy that it enforces: the rule for the page over loopback rests on both.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { WebSocketServer } from 'ws';
import { startTestServer } from '../http/testServer.ts';
import type { TestServer } from '../http/testServer.ts';
import { launchChromium } from './chromium.ts';

let server: TestServer;
let elsewhere: TestServer;
let sockets: WebSocketServer;
let browser: Browser;

before(async () => {
  const pages = { 'web/index.html': '<!doctype html><title>Latchkey</title>' };
  [server, elsewhere, browser] = await Promise.all([
    startTestServer({}, pages),
    startTestServer({}, pages),
    launchChromium(),
  ]);
  sockets = new WebSocketServer({ server: server.server });
});
after(async () => {
  await browser.close();
  sockets.close();
  await Promise.all([server.close(), elsewhere.close()]);
});

const open = async (url: string): Promise<Page> => {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
};

/** The statuses of making a meeting, seeing it, making a token for it, and listing all; `refused`: the browser did not let it. */
const tryAll = (page: Page, base: string): Promise<(number | 'refused')[]> =>
  page.evaluate(async (base) => {
    const json = { 'content-type': 'application/json' };
    const attempt = (path: string, init?: RequestInit): Promise<Response | null> =>
      fetch(`${base}${path}`, init).catch(() => null);
    const made = await attempt('/v1/meetings', { method: 'POST', headers: json, body: '{}' });
    const id = made?.ok === true ? ((await made.json()) as { id: string }).id : 'none';
    const person = JSON.stringify({ name: 'Ada', role: 'host' });
    const answers = [
      made,
      await attempt(`/v1/meetings/${id}`),
      await attempt(`/v1/meetings/${id}/tokens`, { method: 'POST', headers: json, body: person }),
      await attempt('/v1/meetings'),
    ];
    return answers.map((answer) => answer?.status ?? 'refused');
  }, base);

test('the page makes a meeting and a token by every name of loopback that it is opened by', async () => {
  for (const name of ['127.0.0.1', 'localhost']) {
    const page = await open(`http://${name}:${server.port}/`);
    assert.deepEqual(await tryAll(page, ''), [201, 200, 201, 401], name);
    await page.close();
  }
});

test('under a name that only leads here, as after DNS rebinding, it makes nothing', async () => {
  // Browsers resolve every name below localhost to loopback themselves.
  const page = await open(`http://evil.localhost:${server.port}/`);
  const made = server.meetings.list().length;
  assert.deepEqual(await tryAll(page, ''), [401, 401, 401, 401]);
  assert.equal(server.meetings.list().length, made);
  await page.close();
});

test('a page of another port of this machine makes nothing here, by script or by form', async () => {
  const made = server.meetings.list().length;
  const page = await browser.newPage({ bypassCSP: true });
  await page.goto(elsewhere.url);
  assert.deepEqual(await tryAll(page, server.url), ['refused', 'refused', 'refused', 'refused']);
  const answer = page.waitForResponse(`${server.url}/v1/meetings`);
  await page.evaluate((action) => {
    const form = document.createElement('form');
    Object.assign(form, { action, method: 'post', enctype: 'text/plain' });
    document.body.append(form);
    form.submit();
  }, `${server.url}/v1/meetings`);
  assert.equal((await answer).status(), 401);
  assert.equal(server.meetings.list().length, made);
  await page.close();
});

test("the page's policy lets it open WebSockets to its own server and to no other", async () => {
  const page = await open(server.url);
  const connect = (port: number): Promise<string> =>
    page.evaluate(
      (port) =>
        new Promise<string>((resolve) => {
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
            resolve(effectiveDirective),
          );
          const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/connect`);
          socket.addEventListener('open', () => resolve('open'));
        }),
      port,
    );
  assert.equal(await connect(server.port), 'open');
  assert.equal(await connect(elsewhere.port), 'connect-src');
  await page.close();
});
