// Firefox, and what Latchkey needs of it: the driver of our tests, the cryptography, and frames that pass through the SFrame worker.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { FrameCounts } from '../../src/client/session/keyAgent.ts';
import { MeetingServer } from '../client/meetingServer.ts';
import { Firefox } from './firefox.ts';
import type { FirefoxPage } from './firefoxPage.ts';
import './loopbackApi.ts';
import { buildPage } from './pageBundle.ts';
import type { PageBundle } from './pageBundle.ts';

let firefox: Firefox;
let loopbackPage: PageBundle;
let sdkPage: PageBundle;

/** The policy under which the server's own pages run, as far as scripts are concerned. */
const policy = "default-src 'self'; script-src 'self'";

const serving =
  (bundle: PageBundle) =>
  (path: string, response: ServerResponse): boolean => {
    const file = bundle.files.get(path);
    if (file === undefined) return false;
    response.setHeader('content-type', file.type);
    if (bundle === sdkPage) response.setHeader('content-security-policy', policy);
    response.end(file.body);
    return true;
  };

before(async () => {
  loopbackPage = await buildPage('test/browser/page/loopback.ts');
  sdkPage = await buildPage('src/client/browser/index.ts');
  firefox = await Firefox.launch();
});

after(() => firefox.close());

const withPage = async (
  bundle: PageBundle,
  use: (page: FirefoxPage, server: MeetingServer) => Promise<void>,
): Promise<void> => {
  const server = await MeetingServer.start({ automatic: true, files: serving(bundle) });
  const page = await firefox.open(server.url);
  try {
    await use(page, server);
    assert.deepEqual(page.errors, []);
  } finally {
    await page.close();
    await server.close();
  }
};

const withLoopback = (use: (page: FirefoxPage, server: MeetingServer) => Promise<void>): Promise<void> =>
  withPage(loopbackPage, async (page, server) => {
    await page.until(() => 'loopback' in globalThis);
    await page.evaluate(([token, url]) => globalThis.loopback.join(token, url), [
      server.token('Ann'),
      server.url,
    ] as const);
    await use(page, server);
  });

/** Beside these, what a frame may come to is a fault here. */
const faultless = ({ sealed, opened, replayed, ...faults }: FrameCounts): void => {
  assert.ok(sealed > 10 && opened > 10 && replayed < opened, JSON.stringify({ sealed, opened, replayed }));
  for (const [fault, frames] of Object.entries(faults)) assert.equal(frames, 0, fault);
};

describe('a page in Firefox', { timeout: 60_000 }, () => {
  it('takes arguments, gives results, and says what was thrown', async () => {
    await withPage(sdkPage, async (page) => {
      assert.deepEqual(await page.evaluate(({ a, b }) => [a, b.length, null], { a: 1, b: ['x', 'y'] }), [
        1,
        2,
        null,
      ]);
      assert.equal(await page.evaluate(() => undefined), undefined);
      await assert.rejects(
        page.evaluate(() => {
          throw new TypeError('no such thing');
        }),
        /TypeError: no such thing/,
      );
      // What is no Error and no JSON does not hang either.
      await assert.rejects(
        page.evaluate(() => Promise.reject(new DOMException('over', 'AbortError'))),
        /over/,
      );
    });
  });

  it('has its errors collected, those of scripts and those of the console', async () => {
    const server = await MeetingServer.start({ files: serving(sdkPage) });
    const [page, other] = [await firefox.open(server.url), await firefox.open(server.url)];
    await page.evaluate(() => {
      console.error('something', 1);
      console.warn('harmless');
      setTimeout(() => {
        throw new RangeError('late');
      });
    });
    while (page.errors.length < 2) await page.evaluate(() => undefined);
    assert.deepEqual(page.errors, ['something 1', 'RangeError: late']);
    assert.deepEqual(other.errors, []);
    await Promise.all([page.close(), other.close()]);
    await server.close();
  });

  it('shares no storage with another, and runs what is to be run before its own scripts', async () => {
    const server = await MeetingServer.start({ files: serving(sdkPage) });
    const [page, other] = [await firefox.newPage(), await firefox.newPage()];
    await page.addInitScript(() => localStorage.setItem('early', 'yes'));
    for (const one of [page, other]) await one.goto(server.url);
    assert.equal(await page.evaluate(() => localStorage.getItem('early')), 'yes');
    assert.equal(await other.evaluate(() => localStorage.getItem('early')), null);
    await Promise.all([page.close(), other.close()]);
    await server.close();
  });

  it('over loopback is a secure one, with a camera and a microphone that nobody is asked for', async () => {
    await withPage(sdkPage, async (page) => {
      const tracks = await page.evaluate(async () => {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
        const found = stream.getTracks().map(({ kind, readyState }) => `${kind} ${readyState}`);
        for (const track of stream.getTracks()) track.stop();
        return found;
      });
      assert.equal(await page.evaluate(() => isSecureContext), true);
      assert.deepEqual(tracks.toSorted(), ['audio live', 'video live']);
    });
  });
});

describe('the SDK in Firefox', { timeout: 120_000 }, () => {
  it('loads, under a policy that lets no text become a script, without a word on the console', async () => {
    await withPage(sdkPage, async (page) => {
      const kind = await page.evaluate(async () => {
        const script = `${location.origin}/page.js`;
        const sdk = (await import(/* @vite-ignore */ script)) as { joinMeeting: unknown };
        return typeof sdk.joinMeeting;
      });
      assert.equal(kind, 'function');
    });
  });

  it('finds the cryptography that it needs', async () => {
    await withPage(sdkPage, async (page) => {
      const sizes = await page.evaluate(async () => {
        const { subtle } = crypto;
        const text = new TextEncoder().encode('frame');
        const pair = await subtle.generateKey('X25519', false, ['deriveBits']);
        const shared = await subtle.deriveBits(
          { name: 'X25519', public: pair.publicKey },
          pair.privateKey,
          256,
        );
        const hkdf = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey', 'deriveBits']);
        const from = { name: 'HKDF', hash: 'SHA-512', salt: text, info: text };
        const bits = await subtle.deriveBits(from, hkdf, 512);
        const key = await subtle.deriveKey(from, hkdf, { name: 'AES-GCM', length: 256 }, false, [
          'encrypt',
          'decrypt',
        ]);
        const gcm = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: text, tagLength: 128 };
        const sealed = await subtle.encrypt(gcm, key, text);
        const opened = new TextDecoder().decode(await subtle.decrypt(gcm, key, sealed));
        const signing = await subtle.generateKey('Ed25519', false, ['sign', 'verify']);
        const signature = await subtle.sign('Ed25519', signing.privateKey, text);
        const verified = await subtle.verify('Ed25519', signing.publicKey, signature, text);
        return [
          shared.byteLength,
          bits.byteLength,
          sealed.byteLength,
          opened,
          signature.byteLength,
          verified,
        ];
      });
      assert.deepEqual(sizes, [32, 64, 21, 'frame', 64, true]);
    });
  });

  it('seals what it sends and opens what it receives in its worker, through a rekey', async () => {
    await withLoopback(async (page, server) => {
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
    await withLoopback(async (page) => {
      const look = async () => ({
        ...(await page.evaluate(() => globalThis.loopback.counts())),
        ...(await page.evaluate(() => globalThis.loopback.decoded())),
      });
      await page.evaluate(() => globalThis.loopback.send(false));
      await page.evaluate(() => globalThis.loopback.decodesMore(1));
      await page.evaluate(() => globalThis.loopback.stopSealing());
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
    await withLoopback(async (page) => {
      await page.evaluate(() => globalThis.loopback.send(true));
      await page.evaluate(() => globalThis.loopback.countsMore('foreignOrigin', 50));
      assert.equal((await page.evaluate(() => globalThis.loopback.counts())).opened, 0);
      assert.equal((await page.evaluate(() => globalThis.loopback.decoded())).videoFrames, 0);
    });
  });
});

/** Of one process group, those that still run; zombies have ended. */
const running = (group: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [state, , processGroup] = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        return Number(processGroup) === group && state !== 'Z' ? [Number(name)] : [];
      } catch {
        // Ended while it was looked at.
        return [];
      }
    });

describe('the Firefox of the tests', { timeout: 60_000 }, () => {
  it('leaves no process and no file, and is gone for whoever still asks', async () => {
    const another = await Firefox.launch();
    const page = await another.newPage();
    assert.ok(running(another.pid).length > 1, 'it has content processes');
    assert.ok(existsSync(another.folder));
    const asked = assert.rejects(
      page.evaluate(() => new Promise<void>(() => undefined)),
      /Firefox is gone|unknown error|no such/,
    );
    await another.close();
    await asked;
    assert.deepEqual(running(another.pid), []);
    assert.ok(!existsSync(another.folder));
    await assert.rejects(
      page.evaluate(() => 1),
      /Firefox is gone/,
    );
  });

  it('says so where there is none', async () => {
    const chosen = process.env['LATCHKEY_TEST_FIREFOX'];
    process.env['LATCHKEY_TEST_FIREFOX'] = '/nonexistent/firefox';
    try {
      await assert.rejects(Firefox.launch(), { code: 'ENOENT' });
    } finally {
      if (chosen === undefined) delete process.env['LATCHKEY_TEST_FIREFOX'];
      else process.env['LATCHKEY_TEST_FIREFOX'] = chosen;
    }
  });

  it('goes with whoever started it, also when that one is told to end', async () => {
    const driver = new URL('./firefox.ts', import.meta.url).href;
    const script = `const { Firefox } = await import(${JSON.stringify(driver)});
      const firefox = await Firefox.launch();
      console.log(JSON.stringify([firefox.pid, firefox.folder]));`;
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(starter, 'exit');
    const [line] = (await once(createInterface(starter.stdout), 'line')) as [string];
    const [pid, folder] = JSON.parse(line) as [number, string];
    assert.ok(running(pid).length > 0);
    starter.kill('SIGTERM');
    assert.deepEqual(await exited, [null, 'SIGTERM']);
    // Killed, which takes the kernel a moment.
    while (running(pid).length > 0) await wait(20);
    assert.ok(!existsSync(folder));
  });

  it('asks nothing of anybody beyond this machine, and would be seen to', async () => {
    assert.deepEqual(firefox.strayRequests, []);
    const another = await Firefox.launch();
    const page = await another.newPage();
    await page.goto('http://beyond.example/').catch(() => undefined);
    assert.deepEqual(another.strayRequests, ['GET http://beyond.example/']);
    await another.close();
  });
});
