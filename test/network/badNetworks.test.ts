// Meetings over roads that lose, delay, reorder and stall, while people come and go: nobody is dropped, nobody falls silent, and
// whoever said that it holds a key does.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { until } from '../participant/until.ts';
import { openBadRoads } from './badRoads.ts';
import { BadMeeting } from './badMeeting.ts';
import { testSeed } from './testSeed.ts';
import { perfectTcp } from './tcpRelay.ts';

const churnMs = 12_000;

after(() => mediaPeersEnded());

/** The road's weather has a clock of its own. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Everybody who stays has come back so often. */
const resumed = (meeting: BadMeeting, times: number): Promise<void> =>
  until(`everybody came back ${times} times`, 25_000, () =>
    meeting.stayers.every(({ connection }) => connection.resumed >= times),
  );

type Roads = Awaited<ReturnType<typeof openBadRoads>>;

/** One meeting over these roads; `meanwhile` is done while people come and go. */
const meet = async (
  t: TestContext,
  conditions: Parameters<typeof openBadRoads>[1],
  meanwhile: (roads: Roads, meeting: BadMeeting) => Promise<void> = async () => undefined,
): Promise<BadMeeting> => {
  const roads = await openBadRoads(testSeed, conditions);
  let meeting: BadMeeting | null = null;
  t.after(async () => {
    meeting?.close();
    assert.equal(await roads.close(), 0);
  });
  const { server, tcp, udp } = roads;
  meeting = await BadMeeting.begin({
    server,
    serverOutput: async () => server.output(),
    url: tcp.url,
    bindAddress: '127.0.0.1',
    seed: testSeed,
  });
  await Promise.all([meeting.churn(churnMs), meanwhile(roads, meeting)]);
  await meeting.end((figures) => t.diagnostic(figures));
  t.diagnostic(`${udp.lost} of ${udp.lost + udp.forwarded} packets of media were lost on the road`);
  return meeting;
};

describe('a meeting over a bad network', () => {
  it('that loses 5 % of all packets', async (t) => {
    await meet(t, { udp: { loss: 0.05, delayMs: 0, jitterMs: 0 }, tcp: { ...perfectTcp, loss: 0.05 } });
  });

  it('that loses 20 % of all packets', async (t) => {
    await meet(t, { udp: { loss: 0.2, delayMs: 0, jitterMs: 0 }, tcp: { ...perfectTcp, loss: 0.2 } });
  });

  it('that delays by 50 ± 20 ms and reorders', async (t) => {
    await meet(t, {
      udp: { loss: 0, delayMs: 50, jitterMs: 20 },
      tcp: { ...perfectTcp, delayMs: 50, jitterMs: 20 },
    });
  });

  it('whose signalling stalls for 4 s, again and again', async (t) => {
    await meet(t, {}, async ({ tcp }) => {
      for (const _ of [1, 2]) {
        await pause(2_000);
        tcp.stall(4_000);
        await pause(4_000);
      }
    });
  });

  it('whose signalling stalls for longer than pings wait, and comes back', async (t) => {
    await meet(t, {}, async ({ tcp }, meeting) => {
      await pause(1_000);
      tcp.stall(11_000);
      await resumed(meeting, 1);
    });
  });

  it('whose signalling is reset every few seconds', async (t) => {
    const times = [1, 2, 3, 4];
    const meeting = await meet(t, {}, async ({ tcp }, meeting) => {
      for (const time of times) {
        await pause(2_500);
        tcp.reset();
        await resumed(meeting, time);
      }
    });
    for (const { name, connection } of meeting.stayers) {
      assert.deepEqual(connection, { lost: times.length, resumed: times.length }, name);
    }
  });
});
