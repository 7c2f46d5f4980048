// How the SDK says no, in a real browser: what is missing is named, nothing is left behind, and no frame was ever at stake.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type * as Sdk from '../../src/client/browser/index.ts';
import { MeetingServer } from '../client/meetingServer.ts';
import type { MeetingServerOptions } from '../client/meetingServer.ts';
import { launchChromium } from './chromium.ts';
import { buildPage } from './pageBundle.ts';
import type { PageBundle } from './pageBundle.ts';

let browser: Browser;
let bundle: PageBundle;

before(async () => {
  bundle = await buildPage('src/client/browser/index.ts');
  browser = await launchChromium();
});

after(() => browser.close());

/** A page that may load the SDK, under this policy. */
const withPage = async (
  options: MeetingServerOptions & { readonly policy?: string },
  use: (page: Page, server: MeetingServer) => Promise<void>,
): Promise<void> => {
  const files = (path: string, response: ServerResponse): boolean => {
    const file = bundle.files.get(path);
    if (file === undefined) return false;
    response.setHeader('content-type', file.type);
    if (options.policy !== undefined) response.setHeader('content-security-policy', options.policy);
    response.end(file.body);
    return true;
  };
  const server = await MeetingServer.start({ ...options, files });
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    await use(page, server);
  } finally {
    await page.close();
    await server.close();
  }
};

/** The code with which joining fails, or the error's name. */
const join = (page: Page, server: MeetingServer, options: Record<string, unknown> = {}): Promise<string> =>
  page.evaluate(
    async (asked) => {
      const sdk = (await import(asked.module)) as typeof Sdk;
      try {
        await sdk.joinMeeting(asked.options);
        return 'joined';
      } catch (thrown) {
        return thrown instanceof sdk.LatchkeyError ? thrown.code : (thrown as Error).name;
      }
    },
    { module: '/page.js', options: { url: server.url, token: server.token('Ann'), ...options } },
  );

const noWorkers = async (page: Page): Promise<void> => {
  for (const worker of page.workers()) await worker.waitForEvent('close');
  assert.equal(page.workers().length, 0);
};

describe('the SDK', { timeout: 120_000 }, () => {
  it('exports joining and its errors, and nothing that holds a key', async () => {
    await withPage({}, async (page) => {
      const names = await page.evaluate(
        async (module) => Object.keys((await import(module)) as object),
        '/page.js',
      );
      assert.deepEqual(names.sort(), ['LatchkeyError', 'joinMeeting']);
    });
  });

  it('lets no browser in that cannot seal its frames: the server is not even asked', async () => {
    await withPage({}, async (page, server) => {
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'RTCRtpScriptTransform'));
      assert.equal(await join(page, server), 'media_unsupported');
      assert.deepEqual(
        server.requested.filter((path) => path.startsWith('/v1') || path.startsWith('/.well')),
        [],
      );
    });
  });

  it('says so where the page does not let its worker start', async () => {
    const policy = "default-src 'self' 'unsafe-inline'; worker-src 'none'";
    await withPage({ policy, automatic: true }, async (page, server) => {
      assert.equal(await join(page, server), 'media_unsupported');
    });
  });

  it('gives up, worker and all, when the server offers transports that it did not sign', async () => {
    const transport = {
      id: 't',
      iceParameters: { usernameFragment: 'u', password: 'p' },
      iceCandidates: [],
      dtlsParameters: { fingerprints: [{ algorithm: 'sha-256', value: 'AA' }] },
      signature: 'A'.repeat(86),
    };
    const capabilities = {
      codecs: [
        { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2, preferredPayloadType: 100 },
      ],
      headerExtensions: [],
    };
    const options: MeetingServerOptions = {
      automatic: true,
      tamper: (answer) => ({ ...answer, routerRtpCapabilities: capabilities }),
      intercept: (_member, method) =>
        method === 'openMedia' ? { send: transport, receive: transport } : undefined,
    };
    await withPage(options, async (page, server) => {
      assert.equal(await join(page, server), 'key_message_forged');
      await noWorkers(page);
    });
  });

  it('gives up, worker and all, when no key comes because the meeting ended', async () => {
    const options: MeetingServerOptions = {
      intercept: (member, method) => {
        if (method !== 'openMedia') return undefined;
        member.notice('ended', { reason: 'meetingEnded' });
        return '{"notice":"speakers","data":{"participantIds":[]}}';
      },
      tamper: (answer) => ({ ...answer, routerRtpCapabilities: { codecs: [], headerExtensions: [] } }),
    };
    await withPage(options, async (page, server) => {
      assert.equal(await join(page, server), 'meeting_ended');
      await noWorkers(page);
    });
  });

  it('refuses a pinned key that is none, and a server whose key is not the pinned one', async () => {
    await withPage({}, async (page, server) => {
      assert.equal(await join(page, server, { signingKey: 'short' }), 'TypeError');
      assert.equal(await join(page, server, { signingKey: 'A'.repeat(43) }), 'key_message_forged');
      await noWorkers(page);
    });
  });
});
