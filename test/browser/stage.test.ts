// A broadcast in real browsers: from the audience to the stage and back, what hosts do about others, and the door. None of it touches a key,
// but for who is removed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { Role } from '../../src/protocol/names.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { eventually } from './eventually.ts';
import {
  decodesMore,
  faultsOf,
  hearsMore,
  idOf,
  isTold,
  joinWatched,
  keyOf,
  knock,
  ledgerOf,
  noFaults,
  publicationsOf,
  publishDevices,
  receptionsOf,
  toldSoFar,
} from './watchedPage.ts';

const camera = { width: 320, height: 180 };

let server: ServerProcess;
let browser: Browser;
let meeting: string;
/** The host, who sends; one of the audience who comes to the stage; one who stays in the audience. */
let hal: Page;
let vera: Page;
let wim: Page;
let halId: string;
let veraId: string;

before(async () => {
  [server, browser] = await Promise.all([startServerProcess({}, { tapped: false }), launchChromium()]);
  meeting = await api(server).createMeeting({ kind: 'broadcast' });
  hal = await joinWatched(browser, server, { meeting, name: 'Hal', role: 'host', camera });
  vera = await joinWatched(browser, server, { meeting, name: 'Vera', role: 'viewer' });
  wim = await joinWatched(browser, server, { meeting, name: 'Wim', role: 'viewer' });
  [halId, veraId] = await Promise.all([idOf(hal), idOf(vera)]);
  for (const page of [vera, wim]) await decodesMore(page, halId);
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
});

const setRole = (participantId: string, role: Role): Promise<void> =>
  hal.evaluate((to) => window.meeting.host.setRole(to.participantId, to.role), { participantId, role });

/** Does it, and holds it to what it may not do: change a key or a lease, let anybody come or go. */
const withoutKeys = async (act: () => Promise<void>): Promise<void> => {
  const look = async (): Promise<unknown> => ({
    ledger: await ledgerOf(server, meeting),
    keys: await Promise.all([hal, vera, wim].map(keyOf)),
    ids: await Promise.all([hal, vera, wim].map(idOf)),
  });
  const before = await look();
  await act();
  assert.deepEqual(await look(), before);
};

const gone = (page: Page, participantId: string): Promise<unknown> =>
  eventually(
    'its tracks are gone',
    20_000,
    () => receptionsOf(page),
    (now) => now.every((one) => one.participantId !== participantId),
  );

describe('a stage', { timeout: 120_000 }, () => {
  it('is reached from the audience without joining again: same participant, same lease, same key', async () => {
    await withoutKeys(async () => {
      await vera.evaluate(() => window.meeting.raiseHand(true));
      await isTold(hal, `participantChanged ${veraId} viewer 1`);
      await setRole(veraId, 'presenter');
      await isTold(vera, 'role presenter');
      await isTold(wim, `participantChanged ${veraId} presenter null`);
      await publishDevices(vera, camera);
      for (const page of [hal, wim]) {
        await decodesMore(page, veraId);
        await hearsMore(page, veraId);
      }
      // Who sends now goes on receiving.
      await decodesMore(vera, halId);
    });
  });

  it('may be muted by a host, and unmutes itself', async () => {
    await withoutKeys(async () => {
      const [heard, told] = [await toldSoFar(wim), await toldSoFar(vera)];
      await hal.evaluate((id) => window.meeting.host.mute(id), veraId);
      await isTold(vera, 'mutedByHost microphone', told);
      await isTold(wim, `muted ${veraId} microphone true`, heard);
      assert.deepEqual((await publicationsOf(vera)).map(({ source, muted }) => `${source} ${muted}`).sort(), [
        'camera false',
        'microphone true',
      ]);
      await vera.evaluate(async () => {
        const publication = window.meeting.publications.find(({ source }) => source === 'microphone');
        if (publication === undefined) throw new Error('no microphone');
        await window.meeting.setMuted(publication, false);
      });
      await isTold(wim, `muted ${veraId} microphone false`, heard);
      await hearsMore(wim, veraId);
      // Everybody but hosts.
      const before = await toldSoFar(wim);
      await hal.evaluate(() => window.meeting.host.mute());
      await isTold(wim, `muted ${veraId} microphone true`, before);
      const mine = await publicationsOf(hal);
      assert.ok(mine.every(({ muted }) => !muted));
    });
  });

  it('may have its screen taken away, and keeps its camera', async () => {
    await withoutKeys(async () => {
      await vera.evaluate(async () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [320, 180];
        const paint = canvas.getContext('2d');
        let frame = 0;
        setInterval(() => {
          if (paint === null) return;
          paint.fillStyle = `hsl(${frame++ % 360} 50% 50%)`;
          paint.fillRect(0, 0, canvas.width, canvas.height);
        }, 100);
        const [track] = canvas.captureStream(10).getVideoTracks();
        if (track === undefined) throw new Error('a canvas without a track');
        await window.meeting.publish(track, { source: 'screen' });
      });
      await decodesMore(wim, veraId, 'screen');
      await hal.evaluate((id) => window.meeting.host.stopShare(id), veraId);
      await isTold(vera, 'publicationEnded screen');
      await isTold(wim, `trackEnded ${veraId} screen`);
      await decodesMore(wim, veraId);
      assert.deepEqual((await publicationsOf(vera)).map(({ source }) => source).sort(), [
        'camera',
        'microphone',
      ]);
    });
  });

  it('is left again: what was sent ends, and it may be reached once more', async () => {
    await withoutKeys(async () => {
      await setRole(veraId, 'viewer');
      await isTold(vera, 'role viewer');
      for (const source of ['camera', 'microphone']) await isTold(vera, `publicationEnded ${source}`);
      assert.deepEqual(await publicationsOf(vera), []);
      for (const page of [hal, wim]) await gone(page, veraId);
      const refused = await vera.evaluate(async () => {
        const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getTracks();
        if (track === undefined) throw new Error('no track');
        return window.meeting.publish(track).then(
          () => 'published',
          ({ code }: { code: string }) => code,
        );
      });
      assert.equal(refused, 'forbidden');
      await decodesMore(vera, halId);

      await setRole(veraId, 'presenter');
      await isTold(vera, 'role presenter', await rolesTold(vera, 2));
      await publishDevices(vera, camera);
      for (const page of [hal, wim]) {
        await decodesMore(page, veraId);
        await hearsMore(page, veraId);
      }
      await vera.evaluate(() => window.meeting.stepDown());
      await gone(wim, veraId);
      await eventually(
        'nothing is published',
        10_000,
        () => publicationsOf(vera),
        ({ length }) => length === 0,
      );
    });
    for (const page of [hal, vera, wim]) assert.deepEqual(await faultsOf(page), noFaults);
  });
});

/** Where in what it was told its `count`-th role stood. */
const rolesTold = (page: Page, count: number): Promise<number> =>
  page.evaluate((count) => {
    const roles = window.told.flatMap((line, index) => (line.startsWith('role ') ? [index] : []));
    return roles[count - 1] ?? window.told.length;
  }, count);

describe('the door', { timeout: 120_000 }, () => {
  it('may be locked, and opened again', async () => {
    const told = await toldSoFar(wim);
    await hal.evaluate(() => window.meeting.host.setDoor({ locked: true }));
    await isTold(wim, 'door true false true', told);
    const { page, joined } = await knock(browser, server, { meeting, name: 'Zoe', role: 'viewer' });
    await assert.rejects(joined);
    await isTold(page, 'refused meeting_locked');
    await page.context().close();
    await hal.evaluate(() => window.meeting.host.setDoor({ locked: false }));
    await isTold(wim, 'door false false true', told);
  });

  it('may have a lobby, from which a host lets people in or turns them away', async () => {
    await hal.evaluate(() => window.meeting.host.setDoor({ lobby: true }));
    const zoe = await knock(browser, server, { meeting, name: 'Zoe', role: 'viewer' });
    const yan = await knock(browser, server, { meeting, name: 'Yan', role: 'viewer' });
    for (const { page } of [zoe, yan]) await isTold(page, 'waiting lobby');
    await isTold(hal, 'guests 2');
    const guests = await hal.evaluate(() => window.meeting.guests.guests);
    const [admitted, other] = ['Zoe', 'Yan'].map((wanted) => guests.find(({ name }) => name === wanted));
    assert.ok(admitted !== undefined && other !== undefined);
    await hal.evaluate((id) => window.meeting.host.admit([id]), admitted.waitingId);
    await hal.evaluate((id) => window.meeting.host.turnAway([id]), other.waitingId);
    await zoe.joined;
    await assert.rejects(yan.joined);
    await isTold(yan.page, 'refused turned_away');
    await decodesMore(zoe.page, halId);
    assert.equal((await hal.evaluate(() => window.meeting.guests)).count, 0);
    await Promise.all([zoe, yan].map(({ page }) => page.context().close()));
    await hal.evaluate(() => window.meeting.host.setDoor({ lobby: false }));
  });

  it('keeps the audience outside until the meeting goes live', async () => {
    const other = await api(server).createMeeting({ kind: 'broadcast', settings: { backstage: true } });
    const host = await joinWatched(browser, server, { meeting: other, name: 'Gil', role: 'host', camera });
    const early = await knock(browser, server, { meeting: other, name: 'Zoe', role: 'viewer' });
    await isTold(early.page, 'waiting backstage');
    await isTold(host, 'guests 1');
    await host.evaluate(() => window.meeting.host.setDoor({ live: true }));
    await early.joined;
    await decodesMore(early.page, await idOf(host));
    await Promise.all([host, early.page].map((page) => page.context().close()));
  });
});

describe('a host', { timeout: 60_000 }, () => {
  it('removes somebody, whom the next key leaves out', async () => {
    const { epoch } = await keyOf(wim);
    await hal.evaluate((id) => window.meeting.host.remove(id), veraId);
    await isTold(vera, 'ended evicted');
    await isTold(wim, `participantLeft ${veraId} evicted`);
    for (const page of [hal, wim])
      await eventually(
        'another epoch',
        20_000,
        () => keyOf(page),
        (now) => now.epoch > epoch,
      );
    await decodesMore(wim, halId);
    for (const page of [hal, wim]) assert.deepEqual(await faultsOf(page), noFaults);
  });

  it('is the only one who may do any of this', async () => {
    const refused = await wim.evaluate((id) => {
      const { host } = window.meeting;
      const code = (asked: Promise<void>): Promise<string> =>
        asked.then(
          () => 'done',
          (thrown: { code: string }) => thrown.code,
        );
      return Promise.all(
        [
          host.setRole(id, 'viewer'),
          host.mute(id),
          host.stopShare(id),
          host.remove(id),
          host.setDoor({ locked: true }),
          host.admit(),
          host.end(),
        ].map(code),
      );
    }, halId);
    assert.deepEqual(new Set(refused), new Set(['forbidden']));
    await decodesMore(wim, halId);
  });

  it('ends the meeting for everybody', async () => {
    await hal.evaluate(() => window.meeting.host.end());
    for (const page of [hal, wim]) await isTold(page, 'ended meetingEnded');
    const [ended] = await ledgerOf(server, meeting, ['ended']);
    assert.ok(ended !== undefined);
  });
});
