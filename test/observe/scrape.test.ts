import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/observe/metrics.ts';
import { Scrape } from '../../src/observe/scrape.ts';
import { meetingState, serverState, workerLoad } from './serverState.ts';

const scene = () => {
  const metrics = createMetrics({ version: '1', process: false });
  const scrape = new Scrape(metrics, { largeMeeting: 500, largeMeetings: 20 });
  /** By series, as they stand in the text. */
  const read = async (): Promise<Map<string, number>> =>
    new Map(
      (await metrics.expose())
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  return { scrape, read };
};

test('meetings are counted by kind and size, and a class that nobody is in any more is at 0', async () => {
  const { scrape, read } = scene();
  const standUp = meetingState({ kind: 'interactive', participants: { host: 1, presenter: 5, viewer: 0 } });
  const empty = meetingState({ id: 'lobbyOnly', participants: { host: 0, presenter: 0, viewer: 0 } });
  scrape.set(serverState({ meetings: [meetingState(), standUp, { ...standUp, id: 'other' }, empty] }));
  const before = await read();
  assert.equal(before.get('latchkey_meetings{kind="broadcast",size="1000+"}'), 1);
  assert.equal(before.get('latchkey_meetings{kind="interactive",size="1-9"}'), 2);
  assert.equal(before.get('latchkey_meetings{kind="broadcast",size="1-9"}'), 0);
  scrape.set(serverState({ meetings: [] }));
  const after = await read();
  for (const [series, value] of after)
    if (series.startsWith('latchkey_meetings{')) assert.equal(value, 0, series);
  assert.equal([...after.keys()].filter((series) => series.startsWith('latchkey_meetings{')).length, 12);
});

test('what is in all meetings is summed up', async () => {
  const { scrape, read } = scene();
  scrape.set(serverState({ meetings: [meetingState(), meetingState({ id: 'second' })] }));
  const values = await read();
  assert.equal(values.get('latchkey_participants{role="viewer"}'), 1_990);
  assert.equal(values.get('latchkey_participants{role="host"}'), 2);
  assert.equal(values.get('latchkey_guests_waiting{reason="lobby"}'), 6);
  assert.equal(values.get('latchkey_epochs_held'), 4);
  assert.equal(values.get('latchkey_participants_lagging'), 10);
  assert.equal(values.get('latchkey_participants_paused'), 2);
  assert.equal(values.get('latchkey_large_meeting_audience{meeting="second"}'), 995);
});

test('CPU times only rise, also over a worker and a custodian that were replaced and began again', async () => {
  const { scrape, read } = scene();
  const usage = (cpuSeconds: number) => ({ cpuSeconds, residentBytes: 1, load: 0 });
  for (const cpuSeconds of [10, 12, 12, 3, 4]) {
    scrape.set(
      serverState({
        workers: [workerLoad(0, { usage: usage(cpuSeconds) })],
        custodian: { slots: null, usage: usage(cpuSeconds) },
      }),
    );
  }
  const values = await read();
  assert.equal(values.get('latchkey_worker_cpu_seconds_total{worker="0"}'), 16);
  assert.equal(values.get('latchkey_custodian_cpu_seconds_total'), 16);
  assert.equal(values.get('latchkey_custodian_up'), 0);
});

test('a worker that is gone shows nothing but what it took; one that cannot be read what it carries', async () => {
  const { scrape, read } = scene();
  scrape.set(serverState());
  assert.equal((await read()).get('latchkey_worker_consumers{worker="1"}'), 2_500);
  scrape.set(serverState({ workers: [workerLoad(0, { usage: null })] }));
  const values = await read();
  assert.equal(values.get('latchkey_media_workers'), 1);
  const ofWorkers = [...values.keys()].filter((series) => series.includes('worker="'));
  assert.deepEqual(
    ofWorkers.filter((series) => series.includes('"1"')),
    ['latchkey_worker_cpu_seconds_total{worker="1"}'],
  );
  assert.equal(values.get('latchkey_worker_consumers{worker="0"}'), 2_500);
  assert.equal(values.get('latchkey_worker_load{worker="0"}'), undefined);
});

test('the server is busy for each reason by itself, and for none by default', async () => {
  const { scrape, read } = scene();
  scrape.set(serverState({ busy: ['workers'] }));
  const busy = await read();
  assert.equal(busy.get('latchkey_busy{reason="workers"}'), 1);
  assert.equal(busy.get('latchkey_busy{reason="eventLoop"}'), 0);
  scrape.set(serverState());
  const idle = await read();
  assert.equal(idle.get('latchkey_busy{reason="workers"}'), 0);
  assert.equal(idle.get('latchkey_custodian_slots{state="free"}'), 900);
  assert.equal(idle.get('latchkey_signaling_sockets'), 1_003);
});
