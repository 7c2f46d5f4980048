// An all-hands: browsers of two engines among two hundred generated participants see and hear a stage on which a third one presents.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { exitCodes } from '../../src/exitCodes.ts';
import type { LoadResult } from '../../src/load/result.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { eventually } from './eventually.ts';
import { Firefox } from './firefox.ts';
import { joinInFirefox, mediaOf } from './firefoxSdk.ts';
import { decodesMore, faultsOf, hearsMore, idOf, joinWatched, noFaults } from './watchedPage.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;

let server: ServerProcess;
let chromium: Browser;
let firefox: Firefox;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-all-hands-'));
  [server, chromium, firefox] = await Promise.all([
    startServerProcess({}, { tapped: false }),
    launchChromium(),
    Firefox.launch(),
  ]);
});

after(async () => {
  await Promise.all([chromium.close(), firefox.close()]);
  assert.equal(await server.stop(), 0);
  await rm(folder, { recursive: true });
});

const participants = 200;

/** Of ten small frames a second: two cores carry three browsers and two hundred others. */
const camera = { width: 320, height: 180, frameRate: 10 };

/** Five publishers with 100 kbit/s of video, which few see, and joins at a rate that leaves two cores room for three browsers. */
const startLoad = (meeting: string, json: string) => {
  const options =
    `--url ${server.url} --meeting ${meeting} --participants ${participants} --publishers 5 --video 100k ` +
    `--video-viewers 5% --open-sample 5% --join-rate 10/s --duration 45s --kind broadcast --json ${json}`;
  const child = spawn(process.execPath, [main, 'load', ...options.split(' ')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // A load that hangs fails its test instead of holding up all.
    timeout: 150_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, LATCHKEY_API_SECRET: server.apiSecret },
  });
  const said: string[] = [];
  let over = false;
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true;
    return (code ?? signal) as number | string;
  });
  return { said: () => said.join(''), ended, over: () => over, kill: () => child.kill('SIGKILL') };
};

describe('an all-hands', { timeout: 240_000 }, () => {
  it('of two hundred is seen and heard in Chromium and in Firefox', async (t) => {
    const meeting = await api(server).createMeeting({ kind: 'broadcast' });
    const presenter = await joinWatched(chromium, server, {
      meeting,
      name: 'Presenter',
      role: 'host',
      camera,
    });
    const presenterId = await idOf(presenter);
    const chrome = await joinWatched(chromium, server, { meeting, name: 'Chromium', role: 'viewer' });
    const fox = await joinInFirefox(firefox, server, { meeting, name: 'Firefox', role: 'viewer' });
    // What the load sends is no picture that anybody could decode.
    const stage = [{ participantId: presenterId, source: 'camera' as const, height: 180 }];
    await chrome.evaluate((videos) => window.meeting.view(videos), stage);
    await fox.evaluate((videos) => window.meeting.view(videos), stage);

    const load = startLoad(meeting, join(folder, 'result.json'));
    t.after(() => load.kill());
    await eventually(
      'all are in',
      100_000,
      () => load.said().slice(-200),
      (said) => said.includes(`running: ${participants}/${participants} in`),
    );
    for (const page of [chrome, presenter])
      await eventually(
        'all are on the list',
        10_000,
        () => page.evaluate(() => window.meeting.participants.length),
        (here) => here === participants + 3,
      );
    const before = await mediaOf(fox);
    const most = (values: readonly number[]): number => Math.max(0, ...values);
    await Promise.all([
      decodesMore(chrome, presenterId),
      hearsMore(chrome, presenterId),
      eventually(
        'Firefox decodes and hears the presenter',
        30_000,
        () => mediaOf(fox),
        (now) =>
          most(now.framesDecoded) > most(before.framesDecoded) + 10 &&
          most(now.audioEnergy) > most(before.audioEnergy),
      ),
    ]);
    assert.equal(load.over(), false, 'all of that among two hundred');
    for (const page of [chrome, presenter]) assert.deepEqual(await faultsOf(page), noFaults);
    assert.deepEqual(await fox.evaluate(() => window.failures), []);
    assert.deepEqual(fox.errors, []);

    assert.equal(await load.ended, exitCodes.ok, load.said());
    const result = JSON.parse(await readFile(join(folder, 'result.json'), 'utf8')) as LoadResult;
    t.diagnostic(JSON.stringify(result));
    assert.deepEqual([result.joins.failed, result.ended], [{}, {}]);
    // None where there is a core for each process; a busy machine may not take all of them from a socket in time.
    const { received, unexplained } = result.packets;
    assert.ok(received > 1_000 && unexplained <= received / 1_000, `${unexplained} of ${received} lost`);
    const { badTag, foreignOrigin, malformed } = result.frames.failed;
    assert.deepEqual({ badTag, foreignOrigin, malformed }, { badTag: 0, foreignOrigin: 0, malformed: 0 });
    assert.ok(result.frames.opened > 0);
  });
});
