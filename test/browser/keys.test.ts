// What a key opens and who holds it, in a real meeting: two browsers that talk, a participant in Node that holds keys as a
// participant may, a consumer on the server's side, and the memory of the server's processes.

import assert from 'node:assert/strict';
import { hkdfSync, createHmac, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import { frameSuite } from '../../src/sframe/cipherSuites.ts';
import { baseKeyInfo, deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { composeKeyId } from '../../src/sframe/keyId.ts';
import { sframeKeyLabel } from '../../src/sframe/keySchedule.ts';
import { scanMemory } from '../memory/scan.ts';
import type { Needle } from '../memory/scan.ts';
import { joinAsNode } from '../participant/nodeParticipant.ts';
import type { NodeParticipant } from '../participant/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { joinBySdk } from './sdkPage.ts';
import { TappedFrames } from './tappedFrames.ts';
import type { SealedFrame } from './tappedFrames.ts';

let server: ServerProcess;
let browser: Browser;
let tapped: TappedFrames;
let meeting: string;
let ada: Page;
let bob: Page;
let nora: NodeParticipant;

/** Tries one key as that of the frame's epoch. */
const opens = (frame: SealedFrame, secret: Uint8Array, incarnation: Uint8Array): Uint8Array | string => {
  const origin = { lease: lease(frame.lease), stream: streamId(frame.stream) };
  const opener = new FrameOpenerSync(nodeCrypto, { origin, codec: frame.codec, incarnation });
  opener.install(deriveEpochKeySync(nodeCrypto, { secret, incarnation, epoch: epochId(frame.residue) }));
  const result = opener.open(frame.sealed);
  return result.ok ? result.frame : result.reason;
};

const both = (matches: (frame: SealedFrame) => boolean) => (codec: 'opus' | 'vp8') => (frame: SealedFrame) =>
  frame.codec === codec && matches(frame);

/** Some audio and some video, from now on. */
const framesWhere = async (matches: (frame: SealedFrame) => boolean): Promise<SealedFrame[]> => {
  const kinds = both(matches);
  return (await Promise.all([tapped.next(10, kinds('opus')), tapped.next(5, kinds('vp8'))])).flat();
};

const keyOf = (participant: NodeParticipant, epoch: number): Uint8Array => {
  const key = participant.held.epochs.get(epoch);
  assert.ok(key !== undefined, `no key of epoch ${epoch}`);
  return key;
};

before(async () => {
  [server, browser] = await Promise.all([startServerProcess(), launchChromium()]);
  tapped = new TappedFrames(server.process);
  meeting = await api(server).createMeeting();
  ada = await joinBySdk(browser, server, meeting, 'Ada');
  bob = await joinBySdk(browser, server, meeting, 'Bob');
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
  assert.deepEqual(tapped.problems, [], 'every frame was sealed');
});

describe('keys of a meeting', () => {
  it('a participant opens what is sent now, and no other key does', async () => {
    const sentBefore = await framesWhere(() => true);
    nora = await joinAsNode(server.url, await api(server).token(meeting, 'Nora'));
    const { epoch } = await nora.epochWhere(() => true);
    const now = await framesWhere(({ residue }) => residue === epoch);
    const { incarnation } = nora.session;
    const foreign = await joinAsNode(
      server.url,
      await api(server).token(await api(server).createMeeting(), 'Else'),
    );
    const { epoch: elsewhere } = await foreign.epochWhere(() => true);
    const wrong = [keyOf(foreign, elsewhere), new Uint8Array(32), new Uint8Array(randomBytes(32))];
    for (const frame of now) {
      const opened = opens(frame, keyOf(nora, epoch), incarnation);
      assert.ok(typeof opened !== 'string', String(opened));
      assertSealed(frame, opened);
      for (const secret of wrong) assert.equal(opens(frame, secret, incarnation), 'badTag');
      assert.equal(opens(frame, keyOf(nora, epoch), foreign.session.incarnation), 'badTag');
    }
    for (const frame of sentBefore) {
      assert.ok(frame.residue < epoch);
      assert.equal(opens(frame, keyOf(nora, epoch), incarnation), 'badTag', 'nothing from before it joined');
    }
    await foreign.session.leave();
  });

  it('the keys of the epochs before and after open nothing', async () => {
    const first = nora.session.epoch?.epoch ?? assert.fail('no epoch');
    const ofFirst = await framesWhere(({ residue }) => residue === first);
    const guest = await joinAsNode(server.url, await api(server).token(meeting, 'Guest'));
    const { epoch: second } = await nora.epochWhere(({ epoch }) => epoch > first);
    const ofSecond = await framesWhere(({ residue }) => residue === second);
    const { incarnation } = nora.session;
    for (const frame of ofFirst) assert.equal(opens(frame, keyOf(nora, second), incarnation), 'badTag');
    for (const frame of ofSecond) {
      assert.equal(opens(frame, keyOf(nora, first), incarnation), 'badTag');
      assert.ok(typeof opens(frame, keyOf(nora, second), incarnation) !== 'string');
    }
    await guest.session.leave();
    await nora.epochWhere(({ epoch }) => epoch > second);
  });

  it('neither control process nor media workers hold any key in any form; the custodian holds none of a sealed epoch', async () => {
    const current = nora.session.epoch?.epoch ?? assert.fail('no epoch');
    await framesWhere(({ residue }) => residue === current);
    const canary = new Uint8Array(randomBytes(32));
    await tapped.plant(canary);
    const { custodian, workers } = processesOf(server);
    const needles = allNeedles(nora);
    const control = await scanMemory(server.pid, [...needles, { name: 'canary', bytes: canary }]);
    assert.deepEqual(control.found, ['canary (raw)']);
    for (const pid of workers) assert.deepEqual((await scanMemory(pid, needles)).found, []);
    // Its own positive control: the keys that the participant holds now are there, in the slab, and nothing else of hers is.
    const held = nora.held.tree
      .slice(-2)
      .map((_, index) => `tree key ${nora.held.tree.length - 2 + index} (raw)`);
    assert.deepEqual((await scanMemory(custodian, needles)).found, held.toSorted());
    assert.equal(nora.session.ended, false);
  });

  it('whoever left opens nothing that is sent after the next activation', async () => {
    const { incarnation } = nora.session;
    const last = nora.session.epoch?.epoch ?? assert.fail('no epoch');
    await nora.session.leave();
    const later = await framesWhere(({ residue }) => residue > last);
    assert.equal(new Set(later.map((frame) => frame.lease)).size, 2, 'both browsers go on');
    for (const frame of later) {
      const { epochs, session, tree } = nora.held;
      for (const secret of [...epochs.values(), ...session.values(), ...tree]) {
        assert.equal(opens(frame, secret, incarnation), 'badTag');
      }
    }
  });

  it('the browsers opened each other all the while, and met no frame of a wrong key or origin', async () => {
    for (const page of [ada, bob]) {
      const { frames } = await page.evaluate(() => window.meeting.stats());
      assert.ok(frames.opened > 100, `${frames.opened} opened`);
      // Not `replayed`: Chromium hands over a packet again that bandwidth probing repeated. Not `missingKey`: a newcomer may see
      // a frame or two that were sealed before its first epoch.
      assert.deepEqual([frames.badTag, frames.foreignOrigin, frames.malformed], [0, 0, 0]);
    }
  });

  it('the SDK gives no key away', async () => {
    const [names, properties] = await ada.evaluate(async () => {
      const sdk = (await import(/* @vite-ignore */ `${location.origin}/sdk/latchkey.js`)) as object;
      const seen: string[] = [];
      for (
        let at: object | null = window.meeting;
        at !== null && at !== Object.prototype;
        at = Object.getPrototypeOf(at) as object
      ) {
        seen.push(...Reflect.ownKeys(at).map(String));
      }
      return [Object.keys(sdk), seen];
    });
    assert.ok(names.includes('joinMeeting'));
    for (const name of [...names, ...properties])
      assert.doesNotMatch(name, /agent|secret|crypto|sealer|opener|baseKey|sessionKey|worker/i);
  });
});

/** The clear prefix is the frame's own, and nothing of what follows shines through. */
const assertSealed = (frame: SealedFrame, opened: Uint8Array): void => {
  const { prefixBytes } = frame;
  assert.deepEqual(frame.sealed.subarray(0, prefixBytes), opened.subarray(0, prefixBytes));
  const hidden = Buffer.from(opened.subarray(prefixBytes));
  const visible = Buffer.from(frame.sealed.subarray(prefixBytes));
  for (let at = 0; at + 8 <= hidden.length; at += 8) {
    const part = hidden.subarray(at, at + 8);
    // A run of one byte may stand anywhere by chance of its shape, not of its contents.
    if (new Set(part).size > 4) assert.ok(!visible.includes(part), 'plaintext stands in the sealed frame');
  }
};

/** Everything that the participant held, and what follows from it for every frame that was seen. */
const allNeedles = (participant: NodeParticipant): Needle[] => {
  const { incarnation } = participant.session;
  const needles: Needle[] = participant.held.tree.map((bytes, index) => ({
    name: `tree key ${index}`,
    bytes,
  }));
  for (const [epoch, bytes] of participant.held.session)
    needles.push({ name: `session key ${epoch}`, bytes });
  for (const [epoch, secret] of participant.held.epochs) {
    const baseKey = new Uint8Array(hkdfSync('sha512', secret, incarnation, baseKeyInfo(epochId(epoch)), 32));
    needles.push(
      { name: `epoch secret ${epoch}`, bytes: secret },
      { name: `base key ${epoch}`, bytes: baseKey },
    );
    const origins = new Map(tapped.all.map(({ lease, stream }) => [`${lease}/${stream}`, { lease, stream }]));
    for (const { lease: sender, stream } of origins.values()) {
      const kid = composeKeyId({ lease: lease(sender), stream: streamId(stream) }, epochId(epoch));
      // RFC 9605 §4.4.2, from node:crypto's own HKDF.
      const prk = createHmac('sha512', '').update(baseKey).digest();
      const input = Buffer.concat([sframeKeyLabel(frameSuite, kid), Buffer.of(1)]);
      const frameKey = createHmac('sha512', prk).update(input).digest().subarray(0, 32);
      needles.push({ name: `frame key ${epoch}/${sender}/${stream}`, bytes: new Uint8Array(frameKey) });
    }
  }
  return needles;
};

/** The server's children by what they run. */
const processesOf = ({ pid }: ServerProcess): { custodian: number; workers: number[] } => {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
  const commandOf = (child: number): string => readFileSync(`/proc/${child}/cmdline`, 'utf8');
  const workers = children.filter((child) => commandOf(child).includes('mediasoup-worker'));
  const custodian = children.find((child) => commandOf(child).includes('custodian'));
  assert.ok(custodian !== undefined && workers.length > 0);
  return { custodian, workers };
};
