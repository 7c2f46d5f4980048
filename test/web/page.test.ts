// The page in a real Chromium, with a stand-in for the SDK: what it says, how it is used by keyboard, on a phone, in light and dark. Browsers
// that really meet are in test/browser/meeting.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { errorCodes } from '../../src/protocol/errors.ts';
import { triggers } from '../../src/protocol/names.ts';
import { adviceForCode, neverShown } from '../../src/web/words/advice.ts';
import { deviceAdvice, deviceErrorNames } from '../../src/web/words/deviceAdvice.ts';
import { wordsForTrigger } from '../../src/web/words/keyWords.ts';
import { overWords } from '../../src/web/words/meetingWords.ts';
import { auditPage } from './page/audit.ts';
import { alert, enter, focusComesTo, focused, openRoom, phone, usePages } from './page/pages.ts';

const pages = usePages();
const { open } = pages;

describe('the way in', () => {
  it('asks for a name before anything else', async () => {
    const page = await open('/');
    await page.getByTestId('join').click();
    await alert(page, 'Enter a name');
    assert.equal(await focused(page), 'name');
    assert.deepEqual(pages.server.requests, []);
  });

  it('makes a meeting, joins it as host, and shows its address', async () => {
    const page = await openRoom(pages);
    assert.equal(new URL(page.url()).pathname, '/m/made');
    assert.deepEqual(
      pages.server.requests.map(({ path, body }) => ({ path, body })),
      [
        { path: '/v1/meetings', body: {} },
        { path: '/v1/meetings/made/tokens', body: { name: 'Ada', role: 'host' } },
      ],
    );
  });

  it('joins the meeting of its address as presenter', async () => {
    const page = await open('/m/abc');
    await enter(page);
    assert.deepEqual(
      pages.server.requests.map(({ path, body }) => ({ path, body })),
      [{ path: '/v1/meetings/abc/tokens', body: { name: 'Ada', role: 'presenter' } }],
    );
    assert.deepEqual(await page.evaluate(() => window.standIn.joined), [{ token: 'x.y.z', meeting: 'abc' }]);
  });

  it('takes an invitation out of the address bar at once, shows whom it names, and asks the API for nothing', async () => {
    const claims = Buffer.from(JSON.stringify({ name: 'Łucja' })).toString('base64url');
    const page = await open(`/m/abc#token=e30.${claims}.sig`);
    assert.equal(page.url(), `${pages.server.url}/m/abc`);
    assert.equal(await page.inputValue('#name'), 'Łucja');
    assert.equal(await page.locator('#name').getAttribute('readonly'), '');
    await page.getByTestId('join').click();
    await page.locator('[data-epoch]').waitFor({ state: 'attached' });
    assert.deepEqual(pages.server.requests, []);
    assert.deepEqual(await page.evaluate(() => window.standIn.joined), [
      { token: `e30.${claims}.sig`, meeting: 'abc' },
    ]);
  });

  it('takes an invitation that is opened in the tab of the same meeting', async () => {
    const page = await open('/m/abc');
    await page.evaluate(() => {
      location.hash = 'token=e30.e30.sig';
    });
    await page.waitForURL(`${pages.server.url}/m/abc`);
    await page.locator('#name[readonly]').waitFor();
  });

  it('asks for the API secret where the server does, sends it as Bearer, and keeps it nowhere', async () => {
    pages.server.secret = 'correct-horse-battery-staple-0123456789';
    const page = await open('/');
    await page.fill('#name', 'Ada');
    await page.getByTestId('join').click();
    await alert(page, adviceForCode('unauthorized').title);
    await page.getByLabel('API secret').fill('wrong');
    await page.getByTestId('join').click();
    await alert(page, adviceForCode('unauthorized').title);
    await page.getByLabel('API secret').fill(pages.server.secret);
    await page.getByTestId('join').click();
    await page.locator('[data-epoch]').waitFor({ state: 'attached' });
    const kept = await page.evaluate(() =>
      JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]),
    );
    assert.ok(!kept.includes(pages.server.secret));
    assert.equal(pages.server.requests.at(-1)?.authorization, `Bearer ${pages.server.secret}`);
    assert.ok(!(await page.content()).includes(pages.server.secret));
  });

  it('can be cancelled', async () => {
    const page = await open('/m/abc');
    await page.evaluate(() => {
      window.standIn.refuse = 'hang';
    });
    await page.fill('#name', 'Ada');
    await page.getByTestId('join').click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByTestId('join').waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    await enter(page);
  });

  it('says every refusal in its own words', async () => {
    const page = await open('/m/abc');
    await page.fill('#name', 'Ada');
    const codes = Object.keys(errorCodes).filter((code) => !(neverShown as readonly string[]).includes(code));
    for (const code of [...codes, 'made_up_tomorrow']) {
      await page.evaluate((refuse) => {
        window.standIn.refuse = refuse;
      }, code);
      await page.getByTestId('join').click();
      await alert(page, adviceForCode(code).title);
    }
  });

  it('says that the server cannot be reached', async () => {
    const page = await open('/m/abc');
    await page.route('**/v1/**', (route) => route.abort());
    await page.fill('#name', 'Ada');
    await page.getByTestId('join').click();
    await alert(page, 'The server cannot be reached');
  });

  it('is closed to a browser without encoded transforms, and to an address that is none', async () => {
    const old = await open('/', {}, (page) =>
      page.addInitScript(() => Reflect.deleteProperty(window, 'RTCRtpScriptTransform')),
    );
    await alert(old, 'This browser cannot encrypt');
    assert.equal(await old.locator('#name').count(), 0);
    const lost = await open('/m/not%20an%20id');
    await alert(lost, 'There is nothing at this address');
  });
});

declare global {
  interface Window {
    refusal: { name: string; kinds: string[] };
  }
}

/** getUserMedia as a browser refuses it, until `window.refusal` says otherwise. */
const refuseDevices = (name: string, kinds: string[]) => (page: Page) =>
  page.addInitScript(
    (refusal) => {
      window.refusal = refusal;
      const { mediaDevices } = navigator;
      const ask = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = (constraints = {}) =>
        window.refusal.kinds.some((kind) => kind in constraints)
          ? Promise.reject(new DOMException('refused', window.refusal.name))
          : ask(constraints);
    },
    { name, kinds },
  );

describe('devices', () => {
  it('that cannot be used are explained, whatever the reason', async () => {
    const page = await open('/', {}, refuseDevices('NotReadableError', ['video']));
    await alert(page, 'Your camera is in use by another program');
    for (const name of deviceErrorNames.filter((each) => each !== 'TypeError')) {
      await page.evaluate((name) => {
        window.refusal.name = name;
      }, name);
      await page.getByTestId('camera').click();
      await alert(page, deviceAdvice({ name }, 'camera').title);
    }
    await page.evaluate(() => {
      window.refusal.kinds = [];
    });
    const other = await page
      .getByLabel('Camera', { exact: true })
      .locator('option')
      .last()
      .getAttribute('value');
    await page.getByLabel('Camera', { exact: true }).selectOption(other);
    await page.locator('.preview video[data-shown=true]').waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
  });

  it('may be missing: the microphone alone is enough, and so is listening', async () => {
    const heard = await open('/', {}, refuseDevices('NotReadableError', ['video']));
    await alert(heard, 'Your camera is in use by another program');
    await enter(heard);
    await heard.waitForFunction(() => window.standIn.publications.length === 1);
    assert.equal(await heard.evaluate(() => window.standIn.publications[0]?.source), 'microphone');

    const listening = await open('/', {}, refuseDevices('NotFoundError', ['video', 'audio']));
    await alert(listening, 'No camera was found');
    await alert(listening, 'No microphone was found');
    await enter(listening);
    await listening.locator('[data-self][data-muted]').waitFor();
  });

  it('show a mirrored picture and a moving level before joining', async () => {
    const page = await open('/');
    await page.locator('.preview video.mirrored[data-shown=true]').waitFor();
    await page.mouse.click(5, 5);
    await page.waitForFunction(() => {
      const level = document
        .querySelector<HTMLElement>('[data-testid=level]')
        ?.style.getPropertyValue('--level');
      return Number(level) > 0;
    });
  });

  it('are given back: the camera when it is off, both after the meeting', async () => {
    const page = await openRoom(pages);
    await page.waitForFunction(() => window.standIn.publications.length === 2);
    const tracks = await page.evaluateHandle(() => window.standIn.publications.map(({ track }) => track));
    await page.getByTestId('camera').click();
    await page.waitForFunction(() =>
      window.standIn.publications.some(({ source, muted }) => source === 'camera' && muted),
    );
    assert.deepEqual(
      await tracks.evaluate((all) => all.map(({ kind, readyState }) => `${kind} ${readyState}`).sort()),
      ['audio live', 'video ended'],
    );
    await page.getByTestId('camera').click();
    await page.waitForFunction(() =>
      window.standIn.publications.every(({ muted, track }) => !muted && track.readyState === 'live'),
    );
    assert.equal(await page.evaluate(() => window.standIn.publications.length), 2, 'the same stream goes on');
    await page.getByTestId('leave').click();
    await page.getByRole('heading', { name: overWords.left.title }).waitFor();
    assert.ok(await tracks.evaluate((all) => all.every(({ readyState }) => readyState === 'ended')));
  });

  it('are switched without leaving, and a muted microphone stays muted', async () => {
    const page = await openRoom(pages);
    await page.waitForFunction(() => window.standIn.publications.length === 2);
    await page.getByTestId('microphone').click();
    await page.getByTestId('devices').click();
    const select = page.getByLabel('Microphone', { exact: true });
    const other = await select.locator('option').nth(1).getAttribute('value');
    const before = await page.evaluate(
      () => window.standIn.publications.find(({ kind }) => kind === 'audio')?.track.id,
    );
    await select.selectOption(other);
    await page.waitForFunction((old) => {
      const now = window.standIn.publications.find(({ kind }) => kind === 'audio');
      return now !== undefined && now.track.id !== old && now.muted && !now.track.enabled;
    }, before);
  });
});

describe('the meeting', () => {
  it('shows who comes and goes, who speaks and who is muted', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => {
      window.standIn.arrive('b', 'Bob');
      window.standIn.changeKey(1, 'join');
    });
    await page.locator('[data-participant=b] video[data-shown=true]').waitFor();
    await page
      .getByTestId('live')
      .filter({ hasText: 'Bob joined · new key: epoch 1' })
      .waitFor({ state: 'attached' });
    await page.evaluate(() => window.standIn.emit('speakers', { participantIds: ['b'] }));
    await page.getByRole('listitem', { name: 'Bob, speaking' }).waitFor();
    await page.evaluate(() => {
      window.standIn.depart('b');
      window.standIn.changeKey(2, 'departure');
    });
    await page.locator('[data-participant=b]').waitFor({ state: 'detached' });
    await page
      .getByTestId('live')
      .filter({ hasText: 'Bob left · new key: epoch 2' })
      .waitFor({ state: 'attached' });
    assert.equal(await page.locator('audio').count(), 0);
  });

  it('plays others through elements that are not muted', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => window.standIn.arrive('b', 'Bob'));
    await page.waitForFunction(() => {
      const [voice] = document.querySelectorAll('audio');
      return voice !== undefined && !voice.paused && !voice.muted && voice.volume === 1;
    });
  });

  it('asks for a click where the browser holds sound back', async () => {
    const page = await open('/', {}, (page) =>
      page.addInitScript(() => {
        // As Chromium does without the flag that lets tests hear at once.
        const { prototype } = HTMLMediaElement;
        HTMLAudioElement.prototype.play = function (this: HTMLAudioElement) {
          return navigator.userActivation.isActive && document.querySelector('.hear') !== null
            ? prototype.play.call(this)
            : Promise.reject(new DOMException('', 'NotAllowedError'));
        };
      }),
    );
    await enter(page);
    await page.evaluate(() => window.standIn.arrive('b', 'Bob'));
    const hear = page.getByRole('button', { name: 'Click to hear the others' });
    await hear.click();
    await hear.waitFor({ state: 'detached' });
  });

  it('shows epoch, fingerprint, reason, hop and counters, and whoever could decrypt', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => window.standIn.changeKey(171, 'departure'));
    await page.getByTestId('badge').click();
    const panel = page.getByRole('complementary', { name: 'The key of this meeting' });
    await panel.waitFor();
    assert.equal(await page.locator('[data-epoch]').getAttribute('data-epoch'), '171');
    assert.equal(await page.locator('[data-fingerprint]').getAttribute('data-fingerprint'), 'ab'.repeat(16));
    assert.equal(await page.locator('[data-fingerprint] span').first().textContent(), 'abab');
    assert.match((await page.getByTestId('changed').textContent()) ?? '', /somebody left/);
    await page
      .locator('[data-hop=SRTP_AEAD_AES_256_GCM]')
      .filter({ hasText: 'AES-256-GCM, DTLS 1.2' })
      .waitFor();
    await panel.getByRole('row', { name: 'Sealed 1200' }).waitFor();
    await panel.getByRole('row', { name: 'Dropped: key not held 3' }).waitFor();
    assert.equal(await page.getByTestId('claim').textContent(), 'Whoever runs this server could decrypt.');
  });

  it('tells when sending is paused, what failed, and why it is over', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => window.standIn.emit('sendingPaused', { paused: true, epoch: 1 }));
    await alert(page, 'Nobody sees or hears you');
    await page.evaluate(() => window.standIn.emit('sendingPaused', { paused: false, epoch: 1 }));
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.evaluate(() => window.standIn.emit('failure', { code: 'key_message_forged', message: '' }));
    await alert(page, adviceForCode('key_message_forged').title);
    await page.evaluate(() => window.standIn.emit('ended', { reason: 'failed' }));
    await page.getByRole('heading', { name: overWords.failed.title }).waitFor();
    await alert(page, adviceForCode('key_message_forged').title);
  });

  it('says that it reconnects, for as long as it does, and that it has', async () => {
    const page = await openRoom(pages);
    await page.evaluate(() => window.standIn.emit('connection', { state: 'lost' }));
    await alert(page, 'Reconnecting…');
    await page.evaluate(() => window.standIn.emit('connection', { state: 'resumed' }));
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.getByTestId('live').filter({ hasText: 'Connected again' }).waitFor({ state: 'attached' });
    await page.evaluate(() => {
      window.standIn.emit('connection', { state: 'lost' });
      window.standIn.emit('ended', { reason: 'connectionLost' });
    });
    await page.getByRole('heading', { name: overWords.connectionLost.title }).waitFor();
  });

  it('names why the key changed, in the key panel', async () => {
    const page = await openRoom(pages);
    await page.getByTestId('badge').click();
    for (const [index, trigger] of triggers.entries()) {
      await page.evaluate(([epoch, why]) => window.standIn.changeKey(epoch, why), [
        index + 1,
        trigger,
      ] as const);
      await page
        .getByTestId('changed')
        .filter({ hasText: wordsForTrigger(trigger) })
        .waitFor();
    }
  });

  it('sends again what the server lost of the devices', async () => {
    const page = await openRoom(pages);
    const camera = (): Promise<number> =>
      page.evaluate(() => window.standIn.publications.filter(({ source }) => source === 'camera').length);
    await page.waitForFunction(() => window.standIn.publications.some(({ source }) => source === 'camera'));
    assert.equal(await camera(), 1);
    await page.evaluate(() => {
      const publication = window.standIn.publications.find(({ source }) => source === 'camera');
      if (publication === undefined) throw new Error('no camera');
      window.standIn.emit('publicationEnded', Object.assign(publication, { active: false }));
    });
    await page.waitForFunction(
      () => window.standIn.publications.filter(({ source }) => source === 'camera').length === 2,
    );
  });

  it('has words for every end, and a way back from all but the meeting’s own', async () => {
    const page = await open('/m/abc');
    await page.fill('#name', 'Ada');
    for (const [reason, { title }] of Object.entries(overWords)) {
      await page.getByTestId('join').click();
      await page.locator('[data-epoch]').waitFor({ state: 'attached' });
      await page.evaluate((reason) => {
        window.standIn.emit('ended', { reason: reason as 'left' });
      }, reason);
      await page.getByRole('heading', { name: title }).waitFor();
      const back = reason === 'meetingEnded' ? 'New meeting' : 'Join again';
      await page.getByRole('button', { name: back }).click();
    }
  });

  it('copies an invitation with its token in the fragment alone', async () => {
    const page = await openRoom(pages, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByTestId('invite').click();
    await page.getByLabel('Their name').fill(' Bob ');
    await page.getByRole('button', { name: 'Copy invitation' }).click();
    await page.getByText('Invitation copied.').waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(link, `${pages.server.url}/m/made#token=x.y.z`);
    assert.deepEqual(pages.server.requests.at(-1)?.body, { name: 'Bob', role: 'presenter' });
  });

  it('comes back to its lobby after leaving', async () => {
    const page = await openRoom(pages);
    await page.getByTestId('leave').click();
    await page.getByRole('button', { name: 'Join again' }).click();
    await page.getByRole('heading', { name: 'Join the meeting' }).waitFor();
    await enter(page);
  });
});

describe('by keyboard', () => {
  it('everything is reached in order: the lock, the devices, the panels, leaving', async () => {
    const page = await openRoom(pages);
    await page.locator('main:focus').waitFor();
    await page.keyboard.press('Shift+Tab');
    assert.match(await focused(page), /open the key panel/);
    const order: string[] = [];
    for (let presses = 0; presses < 12 && !order.at(-1)?.startsWith('Leave'); presses++) {
      await page.keyboard.press('Tab');
      order.push(await focused(page));
      assert.notEqual(
        await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle),
        'none',
        `focus is seen on ${order.at(-1)}`,
      );
    }
    assert.deepEqual(order, [
      'Mute microphone',
      'Turn camera off',
      'Show your screen',
      'Invite somebody',
      'People: 1',
      'Devices',
      'Leave the meeting',
    ]);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await focusComesTo(page, 'panel-devices-title');
    await page.keyboard.press('Escape');
    await focusComesTo(page, 'Devices');
  });

  it('M and Ctrl+D mute, V turns the camera off, but not where somebody types', async () => {
    const page = await openRoom(pages);
    const on = (kind: string) => page.getByTestId(kind).getAttribute('data-on');
    await page.keyboard.press('m');
    await page.locator('[data-testid=microphone][data-on=false]').waitFor();
    await page.keyboard.press('Control+d');
    await page.locator('[data-testid=microphone][data-on=true]').waitFor();
    await page.keyboard.press('v');
    await page.locator('[data-testid=camera][data-on=false]').waitFor();
    await page.getByTestId('invite').click();
    await page.getByLabel('Their name').pressSequentially('mv');
    assert.equal(await page.getByLabel('Their name').inputValue(), 'mv');
    assert.deepEqual([await on('microphone'), await on('camera')], ['true', 'false']);
  });

  it('a meeting is started with nothing but keys', async () => {
    const page = await open('/');
    await page.locator('.preview video[data-shown=true]').waitFor();
    while ((await focused(page)) !== 'name') await page.keyboard.press('Tab');
    await page.keyboard.type('Ada');
    await page.keyboard.press('Enter');
    await page.locator('[data-epoch]').waitFor({ state: 'attached' });
  });
});

describe('to look at', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [screen, options] of [
      ['a desk', { viewport: { width: 1_280, height: 800 } }],
      ['a phone', phone],
    ] as const) {
      it(`is legible, named and in its window on ${screen} in ${colorScheme}`, async () => {
        pages.server.secret = 'x'.repeat(32);
        const page = await open('/', { ...options, colorScheme, reducedMotion: 'reduce' });
        await page.locator('.preview video[data-shown=true]').waitFor();
        assert.deepEqual(await page.evaluate(auditPage), [], 'lobby');
        for (const kind of ['microphone', 'camera']) await page.getByTestId(kind).click();
        await page.locator('[data-testid=camera][data-on=false]').waitFor();
        assert.deepEqual(await page.evaluate(auditPage), [], 'lobby without devices');
        for (const kind of ['microphone', 'camera']) await page.getByTestId(kind).click();
        await page.getByTestId('join').click();
        await page.fill('#name', 'Ada');
        await page.getByTestId('join').click();
        await page.getByLabel('API secret').fill(pages.server.secret);
        assert.deepEqual(await page.evaluate(auditPage), [], 'lobby with trouble');
        await page.getByTestId('join').click();
        await page.locator('[data-epoch]').waitFor({ state: 'attached' });
        await page.evaluate(() => {
          window.standIn.arrive('b', 'Bartholomäus Wolfeschlegelsteinhausenbergerdorff');
          window.standIn.arrive('c', 'Cleo');
          window.standIn.emit('failure', { code: 'too_many_streams', message: '' });
          window.standIn.changeKey(1, 'join');
        });
        await page.keyboard.press('m');
        await page.locator('[data-participant=c] video[data-shown=true]').waitFor();
        assert.deepEqual(await page.evaluate(auditPage), [], 'meeting');
        await page.getByRole('button', { name: 'Dismiss' }).click();
        for (const panel of ['badge', 'invite', 'people', 'devices']) {
          await page.getByTestId(panel).click();
          assert.deepEqual(await page.evaluate(auditPage), [], panel);
        }
        await page.getByTestId('leave').click();
        await page.getByRole('button', { name: 'Join again' }).waitFor();
        assert.deepEqual(await page.evaluate(auditPage), [], 'over');
      });
    }
  }

  it('keeps every tile in the window of a phone, and the controls too', async () => {
    const page = await openRoom(pages, phone);
    await page.evaluate(() => window.standIn.crowd(40, 'presenter'));
    await page.getByTestId('page').filter({ hasText: 'Page 1 of 5' }).waitFor();
    for (const element of await page.locator('.tile, .controls button, .pager button').all()) {
      const box = await element.boundingBox();
      assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 360, JSON.stringify(box));
      assert.ok(box.y >= 0 && box.y + box.height <= 740, JSON.stringify(box));
    }
  });

  it('would be found wanting if it were', async () => {
    const page = await open('/');
    await page.evaluate(() => {
      const text = document.createElement('p');
      text.textContent = 'faint';
      text.style.color = 'rgb(200 200 200)';
      const button = document.createElement('button');
      button.style.cssText = 'width: 10px; height: 10px; padding: 0';
      const wide = document.createElement('div');
      wide.id = 'name';
      wide.style.cssText = 'width: 5000px; height: 1px';
      document.body.append(text, button, wide);
    });
    const found = await page.evaluate(auditPage);
    for (const problem of [
      /^contrast 1\.\d+: .*faint/,
      /^no name/,
      /^target 10×10/,
      /^id twice: name/,
      /px in a window/,
    ]) {
      assert.ok(
        found.some((each) => problem.test(each)),
        `${problem} in ${found.join('\n')}`,
      );
    }
  });

  it('differs in light and dark', async () => {
    const grounds = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open('/', { colorScheme });
      grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    }
    assert.notEqual(grounds[0], grounds[1]);
  });
});
