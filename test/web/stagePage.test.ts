// Stage, audience and hosts on the page in a real Chromium, with a stand-in for the SDK: what is shown to whom, and what each button asks
// of the meeting.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { adviceForCode } from '../../src/web/words/advice.ts';
import { waitingWords } from '../../src/web/words/stageWords.ts';
import { auditPage } from './page/audit.ts';
import { alert, enter, focusComesTo, openPeople, openRoom, phone, said, usePages } from './page/pages.ts';

const pages = usePages();
const backstage = { locked: false, lobby: false, live: false };

const asked = (page: Page) => page.evaluate(() => window.standIn.asked);
const lastAsked = async (page: Page) => (await asked(page)).at(-1);
const controls = (page: Page) => page.getByRole('group', { name: 'Controls' });

describe('waiting before the door', () => {
  for (const reason of ['lobby', 'backstage', 'busy'] as const) {
    it(`says that it is ${reason}, keeps the preview, and goes on by itself`, async () => {
      const page = await pages.open('/m/abc');
      await page.evaluate((waits) => {
        window.standIn.waits = waits;
      }, reason);
      await page.fill('#name', 'Ada');
      await page.getByTestId('join').click();
      await page.getByRole('status').filter({ hasText: waitingWords[reason].title }).waitFor();
      await page.locator('.preview video[data-shown=true]').waitFor();
      assert.deepEqual(await page.evaluate(auditPage), []);
      await page.evaluate(() => window.standIn.letIn());
      await page.locator('[data-epoch]').waitFor({ state: 'attached' });
    });
  }

  it('can be cancelled', async () => {
    const page = await pages.open('/m/abc');
    await page.evaluate(() => {
      window.standIn.waits = 'lobby';
    });
    await page.fill('#name', 'Ada');
    await page.getByTestId('join').click();
    await page.locator('[data-waiting=lobby]').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByTestId('join').waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    await page.evaluate(() => {
      window.standIn.waits = null;
    });
    await enter(page);
  });
});

describe('the audience', () => {
  it('is not asked for devices by its invitation', async () => {
    const claims = Buffer.from(JSON.stringify({ name: 'Zoë', role: 'viewer' })).toString('base64url');
    const page = await pages.open(`/m/abc#token=e30.${claims}.sig`, {}, (page) =>
      page.addInitScript(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('nobody wanted it'));
      }),
    );
    await page.getByText('You come to watch: nobody sees or hears you').waitFor();
    assert.equal(await page.getByTestId('camera').count(), 0);
    assert.equal(await page.getByRole('alert').count(), 0);
    assert.deepEqual(await page.evaluate(auditPage), []);
    await page.evaluate(() => {
      window.standIn.as = { ...window.standIn.as, role: 'viewer', kind: 'broadcast' };
    });
    await page.getByTestId('join').click();
    await page.getByTestId('hand').waitFor();
  });

  it('has no tiles and no devices, raises a hand and takes it down', async () => {
    const page = await openRoom(pages, {}, { role: 'viewer', kind: 'broadcast' });
    await page.evaluate(() => {
      window.standIn.arrive('b', 'Bob');
      window.standIn.crowd(900, 'viewer');
    });
    await page.getByTestId('counts').filter({ hasText: '1 on stage · 901 watching' }).waitFor();
    assert.equal(await page.locator('.tile').count(), 1);
    assert.equal(await page.getByTestId('microphone').count(), 0);
    const hand = page.getByRole('button', { name: 'Raise hand' });
    assert.equal(await hand.getAttribute('aria-pressed'), 'false');
    await hand.click();
    assert.deepEqual(await lastAsked(page), { method: 'raiseHand', given: [true] });
    await page.evaluate(() => window.standIn.change('me', { hand: 1 }));
    const down = page.getByRole('button', { name: 'Take your hand down' });
    await down.waitFor();
    assert.equal(await down.getAttribute('aria-pressed'), 'true');
    await down.click();
    assert.deepEqual(await lastAsked(page), { method: 'raiseHand', given: [false] });
  });

  it('is told when it is on the stage, where nothing starts by itself, and gives all back when it leaves it', async () => {
    const page = await openRoom(pages, {}, { role: 'viewer', kind: 'broadcast' });
    await page.evaluate(() => window.standIn.become('presenter'));
    await alert(page, 'You are on the stage: turn on your microphone when you like');
    await page.locator('.tile[data-self]').waitFor();
    for (const kind of ['microphone', 'camera']) {
      assert.equal(await page.getByTestId(kind).getAttribute('data-on'), 'false');
    }
    await page.getByTestId('screen').waitFor();
    assert.equal(await page.evaluate(() => window.standIn.publications.length), 0);
    await page.getByRole('button', { name: 'Turn on your microphone' }).click();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.getByTestId('camera').click();
    await page.waitForFunction(() => window.standIn.publications.length === 2);
    const tracks = await page.evaluateHandle(() => window.standIn.publications.map(({ track }) => track));
    await page.getByTestId('step-down').click();
    assert.deepEqual(await lastAsked(page), { method: 'stepDown', given: [] });
    await page.evaluate(() => window.standIn.become('viewer'));
    await said(page, 'You are in the audience');
    await page.getByTestId('microphone').waitFor({ state: 'detached' });
    await page.locator('.tile[data-self]').waitFor({ state: 'detached' });
    await page.waitForFunction((all) => all.every(({ readyState }) => readyState === 'ended'), tracks);
    assert.equal(await page.getByRole('alert').count(), 0);

    await page.evaluate(() => window.standIn.become('presenter'));
    await page.getByTestId('microphone').click();
    await page.waitForFunction(() => window.standIn.publications.some(({ active }) => active));
  });

  it('of an interactive meeting may step onto no stage, and its presenters raise hands', async () => {
    const page = await openRoom(pages, {}, { role: 'presenter' });
    await page.getByRole('button', { name: 'Raise hand' }).waitFor();
    assert.equal(await page.getByTestId('step-down').count(), 0);
    await page.evaluate(() => window.standIn.become('host'));
    await page.getByTestId('hand').waitFor({ state: 'detached' });
  });
});

it('invites to a broadcast’s audience, or to its stage where that is chosen', async () => {
  const page = await openRoom(pages, {}, { kind: 'broadcast' });
  await page.getByTestId('invite').click();
  for (const [place, role] of [
    ['In the audience', 'viewer'],
    ['On the stage', 'presenter'],
  ] as const) {
    await page.getByLabel('Where').selectOption(place);
    const answered = page.waitForResponse('**/tokens');
    await page.getByRole('button', { name: 'Copy invitation' }).click();
    await answered;
    assert.deepEqual(pages.server.requests.at(-1)?.body, { name: 'Guest', role });
  }
});

describe('hosts', () => {
  it('see raised hands, invite to the stage and back, and are told when it is full', async () => {
    const page = await openRoom(pages, {}, { kind: 'broadcast' });
    await page.evaluate(() => {
      window.standIn.crowd(30, 'viewer');
      window.standIn.change('c20', { hand: 2 });
      window.standIn.change('c10', { hand: 1 });
    });
    await said(page, 'Person 20');
    const panel = await openPeople(page);
    assert.deepEqual(
      await panel
        .locator('[aria-labelledby=group-raised] [data-person]')
        .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-person'))),
      ['c10', 'c20'],
    );
    await panel.getByRole('button', { name: 'What to do with Person 10' }).click();
    await panel.getByRole('button', { name: 'Invite to the stage' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'setRole', given: ['c10', 'presenter'] });
    await focusComesTo(page, 'What to do with Person 10');
    await page.evaluate(() => window.standIn.change('c10', { role: 'presenter', hand: null }));
    await page.locator('.tile[data-participant=c10]').waitFor();
    await panel.getByRole('button', { name: 'What to do with Person 10' }).click();
    await page.evaluate(() => {
      window.standIn.refuseAsked = 'stage_full';
    });
    await panel.getByRole('button', { name: 'Back to the audience' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'setRole', given: ['c10', 'viewer'] });
    await alert(page, adviceForCode('stage_full').title);
  });

  it('do with a person what its menu says, and remove only after a second click', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => {
      window.standIn.arrive('b', 'Bob');
      window.standIn.change('b', {
        sending: [
          { source: 'microphone', kind: 'audio', muted: false },
          { source: 'screen', kind: 'video', muted: false },
        ],
      });
    });
    const panel = await openPeople(page);
    const menu = panel.getByRole('button', { name: 'What to do with Bob' });
    for (const [label, method, given] of [
      ['Mute', 'mute', ['b']],
      ['Stop their screen', 'stopShare', ['b']],
      ['Make host', 'setRole', ['b', 'host']],
      ['Back to the audience', 'setRole', ['b', 'viewer']],
    ] as const) {
      await menu.click();
      await panel
        .getByRole('group', { name: 'Bob' })
        .getByRole('button', { name: label, exact: true })
        .click();
      assert.deepEqual(await lastAsked(page), { method, given });
    }
    const before = (await asked(page)).length;
    await menu.click();
    await panel.getByRole('button', { name: 'Remove' }).click();
    const dialog = panel.getByRole('alertdialog', { name: /^Remove Bob/ });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal((await asked(page)).length, before, 'nothing was done yet');
    await panel.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'remove', given: ['b'] });
    await page.evaluate(() => {
      window.standIn.refuseAsked = 'not_found';
    });
    await menu.click();
    await panel.getByRole('button', { name: 'Make host' }).click();
    assert.equal(await page.getByRole('alert').count(), 0, 'of who has just gone nothing is said');
  });

  it('mute all, lock, open the lobby, and end for all after a second click', async () => {
    const page = await openRoom(pages);
    const panel = await openPeople(page);
    await panel.getByRole('button', { name: 'Mute all' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'mute', given: [] });
    const lock = panel.getByRole('switch', { name: 'Lock the meeting' });
    await lock.click();
    assert.deepEqual(await lastAsked(page), { method: 'setDoor', given: [{ locked: true }] });
    await page.evaluate(() => window.standIn.emit('door', { locked: true, lobby: false, live: true }));
    await said(page, 'The meeting is locked');
    await page.getByTestId('counts').filter({ hasText: 'Locked' }).waitFor();
    assert.equal(await lock.getAttribute('aria-checked'), 'true');
    await lock.click();
    assert.deepEqual(await lastAsked(page), { method: 'setDoor', given: [{ locked: false }] });
    await panel.getByRole('switch', { name: 'Lobby' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'setDoor', given: [{ lobby: true }] });
    await panel.getByRole('button', { name: 'End for all' }).click();
    assert.equal((await lastAsked(page))?.method, 'setDoor');
    await panel.getByRole('alertdialog').getByRole('button', { name: 'End for all' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'end', given: [] });
  });

  it('are told who waits, and let them in or turn them away', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => {
      const guests = ['Bob', 'Cleo'].map((name, index) => ({
        waitingId: `w${index}`,
        name,
        role: 'presenter' as const,
        reason: 'lobby' as const,
      }));
      window.standIn.emit('guests', { count: 40, guests });
    });
    await said(page, '40 people wait to come in');
    await page.getByRole('button', { name: '40 people wait to come in' }).click();
    await page.getByRole('button', { name: 'Let Bob in' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'admit', given: [['w0']] });
    await page.getByRole('button', { name: 'Turn Cleo away' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'turnAway', given: [['w1']] });
    await page.getByRole('button', { name: 'Let all in' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'admit', given: [] });
    await controls(page).getByRole('button', { name: 'People: 1, 40 waiting' }).waitFor();
    await page.evaluate(() => window.standIn.emit('guests', { count: 0, guests: [] }));
    await page.getByRole('button', { name: 'Let all in' }).waitFor({ state: 'detached' });
  });

  it('go live from backstage, which everybody there is told of', async () => {
    const page = await openRoom(pages, {}, { kind: 'broadcast', door: backstage });
    await page.getByText('Backstage: the audience is not in yet').waitFor();
    await page.getByRole('main').getByRole('button', { name: 'Go live' }).click();
    assert.deepEqual(await lastAsked(page), { method: 'setDoor', given: [{ live: true }] });
    await page.evaluate(() => window.standIn.become('presenter'));
    await page.getByRole('button', { name: 'Go live' }).waitFor({ state: 'detached' });
    await page.getByText('Backstage: the audience is not in yet').waitFor();
    await page.evaluate(() => window.standIn.emit('door', { locked: false, lobby: false, live: true }));
    await said(page, 'The meeting is live');
    await page.locator('.backstage').waitFor({ state: 'detached' });
  });

  it('alone have controls over others', async () => {
    const page = await openRoom(pages, {}, { role: 'presenter' });
    await page.evaluate(() => window.standIn.arrive('b', 'Bob', true));
    const panel = await openPeople(page);
    await panel.locator('[data-person=b]').waitFor();
    assert.equal(await panel.getByRole('button', { name: /What to do/ }).count(), 0);
    assert.equal(await panel.getByRole('group', { name: 'For hosts' }).count(), 0);
  });
});

it('says that a host muted it, and unmutes with one click', async () => {
  const page = await openRoom(pages, {}, { role: 'presenter' });
  await page.waitForFunction(() => window.standIn.publications.length === 2);
  await page.evaluate(() => window.standIn.muteByHost('microphone'));
  await alert(page, 'A host muted your microphone');
  assert.equal(await page.getByTestId('microphone').getAttribute('data-on'), 'false');
  await page.getByRole('button', { name: 'Unmute', exact: true }).click();
  await page.waitForFunction(() =>
    window.standIn.publications.every(({ muted, track }) => !muted && track.enabled),
  );
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

describe('to look at, with a stage and an audience', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [screen, options] of [
      ['a desk', { viewport: { width: 1_280, height: 800 } }],
      ['a phone', phone],
    ] as const) {
      it(`is legible, named and in its window on ${screen} in ${colorScheme}`, async () => {
        const look = { ...options, colorScheme, reducedMotion: 'reduce' } as const;
        const page = await openRoom(pages, look, { kind: 'broadcast', door: backstage });
        await page.evaluate(() => {
          window.standIn.crowd(30, 'presenter');
          window.standIn.change('c3', { hand: 1 });
          window.standIn.change('c4', { role: 'viewer', hand: 2 });
          window.standIn.change('c5', { role: 'viewer' });
          const guest = { waitingId: 'w', name: 'Bartholomäus Wolfeschlegelsteinhausenbergerdorff' };
          window.standIn.emit('guests', {
            count: 214,
            guests: [
              { ...guest, role: 'presenter', reason: 'lobby' },
              { ...guest, waitingId: 'v', role: 'viewer', reason: 'backstage' },
            ],
          });
          window.standIn.emit('door', { locked: true, lobby: true, live: false });
        });
        await page.getByTestId('page').waitFor();
        assert.deepEqual(await page.evaluate(auditPage), [], 'room of a host');
        const panel = await openPeople(page);
        await panel.getByRole('button', { name: 'What to do with Person 3' }).click();
        await panel.getByRole('button', { name: 'Remove' }).click();
        assert.deepEqual(await page.evaluate(auditPage), [], 'panel of a host');
        await page.keyboard.press('Escape');
        await page.evaluate(() => {
          window.standIn.become('viewer');
          window.standIn.emit('door', { locked: false, lobby: false, live: true });
        });
        await page.getByTestId('hand').waitFor();
        assert.deepEqual(await page.evaluate(auditPage), [], 'room of a viewer');
        await page.evaluate(() => window.standIn.become('presenter'));
        await alert(page, 'You are on the stage');
        assert.deepEqual(await page.evaluate(auditPage), [], 'room of who came to the stage');
      });
    }
  }
});
