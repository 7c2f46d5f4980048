// What clients say of themselves, and what a real participant's join leaves behind, on their way into the metrics of a running server.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { speech } from '../../src/load/syntheticMedia.ts';
import { MediaParticipant } from '../participant/mediaParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { Attendee } from './scene.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({ LATCHKEY_METRICS_LARGE_MEETING: '2' }, { tapped: false });
});

after(async () => {
  await mediaPeersEnded();
  assert.equal(await server.stop(), 0);
});

const metrics = (): Promise<string> => api(server).metrics();

/** 0 where there is none yet. */
const value = (text: string, series: string): number => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
};

/** Asked for again and again: nothing announces it. */
const metricsWhere = async (
  what: string,
  withinMs: number,
  isTrue: (text: string) => boolean,
): Promise<string> => {
  const beganMs = performance.now();
  for (;;) {
    const text = await metrics();
    if (isTrue(text)) return text;
    if (performance.now() - beganMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
};

const joinStages = ['token', 'admission', 'transport', 'activation', 'firstFrame'];
const stageCount = (text: string, stage: string): number =>
  value(text, `latchkey_join_stage_seconds_count{stage="${stage}"}`);

const hop = { srtpCipher: 'AEAD_AES_256_GCM', dtlsCipher: 'quantum', tlsVersion: 'FEFD' };

const watched = [
  'latchkey_client_frames_dropped_total{reason="badTag"}',
  'latchkey_client_frames_dropped_total{reason="missingKey"}',
  'latchkey_client_srtp_suites_total{suite="AEAD_AES_256_GCM"}',
  'latchkey_client_dtls_suites_total{suite="other"}',
  'latchkey_client_dtls_versions_total{version="1.2"}',
  'latchkey_join_stage_seconds_count{stage="firstFrame"}',
];

const grown = (before: string, after: string): number[] =>
  watched.map((series) => value(after, series) - value(before, series));

describe('what clients report', () => {
  it('is counted once, and what comes too soon after it is not', async () => {
    const guest = await Attendee.join(server, await api(server).createMeeting(), 'Guest', 'viewer');
    const before = await metrics();
    const report = { hop, dropped: { badTag: 3, missingKey: 5 }, firstFrameMs: 700 };
    for (let times = 0; times < 20; times++)
      guest.client.send(JSON.stringify({ notice: 'report', data: report }));
    // Answered after all of them, which are handled in their order.
    assert.equal(await guest.outcome('challenge'), 'ok');
    assert.deepEqual(grown(before, await metrics()), [3, 5, 1, 1, 1, 1]);
    assert.ok(guest.client.open, 'too much of it is not held against anybody');
    guest.client.close();
  });

  it('is refused where it is not as the protocol says, and nothing of it is counted', async () => {
    const guest = await Attendee.join(server, await api(server).createMeeting(), 'Guest', 'viewer');
    const before = await metrics();
    for (const data of [
      { dropped: { ofAnotherKind: 1 } },
      { dropped: { badTag: -1 } },
      { dropped: { badTag: 1.5 } },
      { dropped: { badTag: 1_000_001 } },
      { hop: { ...hop, srtpCipher: 'x'.repeat(65) } },
      { hop: { srtpCipher: 'AEAD_AES_256_GCM' } },
      { firstFrameMs: -1 },
      { firstFrameMs: 3_600_001 },
      { firstFrameMs: 1, dropped: { badTag: 1 }, hop, more: 1 },
    ])
      assert.equal(await guest.client.refused(JSON.stringify({ notice: 'report', data })), 'malformed');
    assert.deepEqual(grown(before, await metrics()), [0, 0, 0, 0, 0, 0]);
    const stranger = await Attendee.connect(server);
    assert.equal(
      await stranger.client.refused(JSON.stringify({ notice: 'report', data: { firstFrameMs: 1 } })),
      'not_joined',
    );
    for (const { client } of [guest, stranger]) client.close();
  });
});

describe('the metrics of a running server', () => {
  it('know every stage of a join with media, name large meetings while there are any, and promtool agrees', async () => {
    const before = await metrics();
    const meeting = await api(server).createMeeting({ kind: 'broadcast' });
    const join = async (name: string, role: 'presenter' | 'viewer') =>
      await MediaParticipant.join({
        name,
        url: server.url,
        token: await api(server).token(meeting, name, role),
        bindAddress: '127.0.0.1',
        sends: role === 'viewer' ? [] : [speech],
      });
    const ada = await join('Ada', 'presenter');
    assert.ok(!(await metrics()).includes(meeting), 'one is not large');
    const bob = await join('Bob', 'viewer');

    // Bob tells of his first frame with his first report.
    const during = await metricsWhere('each stage of both joins', 30_000, (text) =>
      joinStages.every(
        (stage) => stageCount(text, stage) - stageCount(before, stage) >= (stage === 'firstFrame' ? 1 : 2),
      ),
    );
    const series = (name: string): string => `latchkey_large_meeting_${name}{meeting="${meeting}"}`;
    assert.deepEqual(
      ['participants', 'audience', 'epoch', 'lagging', 'paused'].map((name) => value(during, series(name))),
      [2, 1, bob.session.epoch?.epoch, 0, 0],
    );
    assert.ok(value(during, series('epoch_age_seconds')) > 0);
    assert.equal(value(during, 'latchkey_participants{role="presenter"}'), 1);
    assert.equal(value(during, 'latchkey_meetings{kind="broadcast",size="1-9"}'), 1);
    assert.ok(value(during, 'latchkey_dtls_handshakes_total{result="ok"}') >= 2);
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: during, encoding: 'utf8' });
    assert.deepEqual([`${checked.stdout}${checked.stderr}`, checked.status], ['', 0]);

    for (const one of [bob, ada]) await one.leave();
    const afterwards = await metricsWhere('it has ended', 10_000, (text) => !text.includes(meeting));
    assert.equal(value(afterwards, 'latchkey_participants{role="presenter"}'), 0);
  });
});
