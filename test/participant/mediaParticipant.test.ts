// Real media between participants in Node, through the real server: what everybody seals everybody opens, through joins and departures.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { MediaParticipant } from './mediaParticipant.ts';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { camera, speech } from '../../src/load/syntheticMedia.ts';
import type { SyntheticMedia } from '../../src/load/syntheticMedia.ts';
import { until } from './until.ts';

let server: ServerProcess;

before(async () => {
  server = await startServerProcess();
});

after(async () => {
  await mediaPeersEnded();
  assert.equal(await server.stop(), 0);
});

const joining = (meeting: string) => async (name: string, sends: readonly SyntheticMedia[]) =>
  await MediaParticipant.join({
    name,
    url: server.url,
    token: await api(server).token(meeting, name, sends.length === 0 ? 'viewer' : 'presenter'),
    bindAddress: '127.0.0.1',
    sends,
  });

const openedFrom = (listener: MediaParticipant, origin: MediaParticipant, kind: 'audio' | 'video'): number =>
  listener.received
    .filter(({ producer }) => producer.kind === kind)
    .filter(({ producer }) => producer.participantId === origin.session.self.participantId)
    .reduce((sum, { opened }) => sum + opened, 0);

describe('participants with real media', () => {
  it('open what the others seal, audio and video, in every epoch of their time', async () => {
    const join = joining(await api(server).createMeeting());
    const ada = await join('Ada', [speech, camera]);
    const bob = await join('Bob', [speech]);
    const cleo = await join('Cleo', []);
    const hears = (listener: MediaParticipant, frames: number): Promise<void> =>
      until(`${listener.name} opened ${frames} frames of Ada`, 10_000, () =>
        (['audio', 'video'] as const).every((kind) => openedFrom(listener, ada, kind) >= frames),
      );
    await hears(bob, 20);
    await hears(cleo, 20);

    const dan = await join('Dan', [speech]);
    await until('Cleo hears Dan', 10_000, () => openedFrom(cleo, dan, 'audio') >= 20);
    await dan.leave();
    const epoch = bob.session.epoch?.epoch ?? 0;
    await until('an epoch without Dan', 10_000, () => (bob.session.epoch?.epoch ?? 0) > epoch);
    const before = openedFrom(cleo, bob, 'audio');
    await until('Cleo hears Bob in it', 10_000, () => openedFrom(cleo, bob, 'audio') >= before + 20);

    for (const participant of [ada, bob, cleo]) {
      // What was under way in the epoch before its first is not for it to open.
      const missing = participant.received.flatMap((stream) => stream.missing);
      assert.deepEqual(
        missing.filter(({ acknowledged }) => acknowledged),
        [],
        participant.name,
      );
      const { opened, sealed, missingKey, ...refused } = await participant.counts();
      assert.equal(sealed > 0, participant !== cleo, participant.name);
      assert.ok(opened > missingKey);
      assert.deepEqual(
        refused,
        { unsealed: 0, badTag: 0, replayed: 0, staleEpoch: 0, foreignOrigin: 0, malformed: 0 },
        participant.name,
      );
      assert.deepEqual(participant.failures, []);
      assert.equal(participant.ended, null);
    }
    const [speechOfAda] = ada.sent;
    assert.ok(
      speechOfAda !== undefined && speechOfAda.epochs.size >= 3,
      'she sealed in at least three epochs',
    );
    assert.ok(speechOfAda.longestGapMs < 1_000, `${speechOfAda.longestGapMs} ms between two frames`);
    const heard = bob.received.find(
      ({ producer }) =>
        producer.kind === 'audio' && producer.participantId === ada.session.self.participantId,
    );
    assert.ok(heard !== undefined && heard.epochs.size >= 3);
    for (const participant of [ada, bob, cleo]) await participant.leave();
  });

  it('one that is evicted hears nothing more, and says why it ended', async () => {
    const meeting = await api(server).createMeeting();
    const join = joining(meeting);
    const ada = await join('Ada', [speech]);
    const bob = await join('Bob', [speech]);
    await until('Bob hears Ada', 10_000, () => openedFrom(bob, ada, 'audio') >= 10);
    const evicted = await fetch(
      `${server.url}/v1/meetings/${meeting}/participants/${bob.session.self.participantId}`,
      { method: 'DELETE', headers: { authorization: `Bearer ${server.apiSecret}` } },
    );
    assert.ok(evicted.ok);
    await until('Bob’s end', 10_000, () => bob.ended !== null);
    assert.equal(bob.ended, 'evicted');
    await ada.leave();
  });

  it('leave nothing behind: a process of theirs ends by itself', async () => {
    const script = `
      import { MediaParticipant } from '${new URL('mediaParticipant.ts', import.meta.url).href}';
      import { mediaPeersEnded } from '${new URL('../../src/load/mediaPeer.ts', import.meta.url).href}';
      import { speech } from '${new URL('../../src/load/syntheticMedia.ts', import.meta.url).href}';
      const [url, token] = process.argv.slice(1);
      const participant = await MediaParticipant.join({ name: 'Eve', url, token, bindAddress: '127.0.0.1', sends: [speech] });
      await participant.leave();
      await mediaPeersEnded();
      console.log('left');`;
    const token = await api(server).token(await api(server).createMeeting(), 'Eve');
    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script, server.url, token], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.deepEqual([run.status, run.stdout.trim()], [0, 'left'], run.stderr);
  });
});
