// A media worker dies under a meeting: whoever it carried opens media on another one and goes on, in the same session, under the same lease and
// key. No socket is lost, and no epoch is made because of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { camera, speech } from '../../src/load/syntheticMedia.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { MediaParticipant } from './mediaParticipant.ts';
import { until } from './until.ts';

const participants = 4;
/** What the product promises is 3 s; a busy machine is given more. */
const mostMs = 8_000;

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({ LATCHKEY_MEDIA_WORKERS: '2' }, { tapped: false });
});

after(async () => {
  await mediaPeersEnded();
  assert.equal(await server.stop(), 0);
});

/** By label, of one metric. */
const series = async (name: string): Promise<ReadonlyMap<string, number>> => {
  const lines = (await api(server).metrics()).matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'));
  return new Map(Array.from(lines, ([, labels = '', value]) => [labels, Number(value)]));
};

const sum = (values: ReadonlyMap<string, number>): number =>
  [...values.values()].reduce((total, value) => total + value, 0);

/** The newest process of this worker. */
const pidOf = (worker: string): number => {
  const started = server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { event?: string; worker?: number; pid?: number })
    .filter(({ event, worker: index }) => event === 'worker.started' && String(index) === worker);
  return started.at(-1)?.pid ?? assert.fail(`worker ${worker} never started`);
};

/** Frames that each opened of each other, by kind. */
const openedPairs = (everybody: readonly MediaParticipant[]): Map<string, number> => {
  const pairs = new Map<string, number>();
  for (const listener of everybody) {
    for (const { producer, opened } of listener.received) {
      const pair = `${listener.name} of ${producer.participantId}, ${producer.kind}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + opened);
    }
  }
  return pairs;
};

const standing = ({ session }: MediaParticipant) => ({
  participantId: session.self.participantId,
  lease: session.lease,
  epoch: session.epoch?.epoch,
  fingerprint: session.epoch?.fingerprint,
});

describe('the death of a media worker', () => {
  it('moves whoever it carried to another one: all hear and see all again, and no key has changed', async (t) => {
    const meeting = await api(server).createMeeting();
    const everybody: MediaParticipant[] = [];
    for (let number = 0; number < participants; number++) {
      everybody.push(
        await MediaParticipant.join({
          name: `Participant ${number}`,
          url: server.url,
          token: await api(server).token(meeting, `Participant ${number}`),
          bindAddress: '127.0.0.1',
          sends: number === 0 ? [speech, camera] : [speech],
        }),
      );
    }
    // Each of the others' speech, and everybody but one sees the camera.
    const pairs = participants * (participants - 1) + participants - 1;
    const grown = (since: ReadonlyMap<string, number>): boolean => {
      const now = [...openedPairs(everybody)].filter(
        ([pair, opened]) => opened >= (since.get(pair) ?? 0) + 10,
      );
      return now.length === pairs;
    };
    await until('all hear and see all', 20_000, () => grown(new Map()));
    await until(
      'one epoch',
      10_000,
      () => new Set(everybody.map((one) => one.session.epoch?.epoch)).size === 1,
    );
    const before = everybody.map(standing);
    const minted = sum(await series('latchkey_epochs_minted_total'));
    let epochs = 0;
    for (const { session } of everybody) session.on('epoch', () => void epochs++);

    const carried = await series('latchkey_worker_transports');
    const [most] = [...carried].toSorted(([, a], [, b]) => b - a);
    assert.equal(most?.[1], 2 * participants, 'a small meeting is together');
    process.kill(pidOf(/"(\d+)"/.exec(most?.[0] ?? '')?.[1] ?? ''), 'SIGKILL');
    const killedMs = performance.now();
    const left = (): number => mostMs - (performance.now() - killedMs);

    await until('all are told', left(), () => everybody.every(({ mediaLost }) => mediaLost === 1));
    const since = openedPairs(everybody);
    await until('all hear and see all again', left(), () => grown(since));
    t.diagnostic(`all hear and see all again after ${Math.round(performance.now() - killedMs)} ms`);

    assert.deepEqual(everybody.map(standing), before);
    assert.equal(epochs, 0);
    assert.equal(sum(await series('latchkey_epochs_minted_total')), minted);
    assert.deepEqual([...(await series('latchkey_participants_moved_total')).values()], [participants]);
    for (const one of everybody) {
      assert.deepEqual(
        [one.ended, one.failures, one.connection],
        [null, [], { lost: 0, resumed: 0 }],
        one.name,
      );
      // The sealers went on: nothing was taken for a repetition.
      const { replayed, badTag, unsealed } = await one.counts();
      assert.deepEqual({ replayed, badTag, unsealed }, { replayed: 0, badTag: 0, unsealed: 0 }, one.name);
      assert.equal(one.session.roster.producers.length, participants + (one === everybody[0] ? -1 : 0));
    }
    assert.doesNotMatch(server.output(), /sender\.refused/);
    for (const one of everybody) await one.leave();
  });
});
