import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientReports } from '../../src/observe/clientReports.ts';
import { createCounts } from '../../src/observe/counts.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { limits } from '../../src/protocol/timers.ts';

const hop = { srtpCipher: 'AEAD_AES_256_GCM', dtlsCipher: null, tlsVersion: 'FEFD' };

const scene = () => {
  const metrics = createMetrics({ version: '1', process: false });
  const reports = new ClientReports(createCounts(metrics));
  const value = async (series: string): Promise<number> =>
    Number(
      (await metrics.expose())
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1] ?? 0,
    );
  return { reports, value };
};

test('dropped frames add up by why, and a hop is counted once for as long as it stays', async () => {
  const { reports, value } = scene();
  for (let report = 0; report < 3; report++) {
    assert.ok(reports.take({ hop, dropped: { badTag: 2, replayed: 1 } }, report * limits.reportMs));
  }
  assert.equal(await value('latchkey_client_frames_dropped_total{reason="badTag"}'), 6);
  assert.equal(await value('latchkey_client_frames_dropped_total{reason="replayed"}'), 3);
  assert.equal(await value('latchkey_client_srtp_suites_total{suite="AEAD_AES_256_GCM"}'), 1);
  assert.equal(await value('latchkey_client_dtls_suites_total{suite="unreported"}'), 1);
  assert.ok(reports.take({ hop: { ...hop, tlsVersion: 'FEFC' } }, 3 * limits.reportMs));
  assert.equal(await value('latchkey_client_srtp_suites_total{suite="AEAD_AES_256_GCM"}'), 2);
  assert.equal(await value('latchkey_client_dtls_versions_total{version="1.3"}'), 1);
});

test('the first frame is one stage of a join, once', async () => {
  const { reports, value } = scene();
  reports.take({ firstFrameMs: 750 }, 0);
  reports.take({ firstFrameMs: 1 }, limits.reportMs);
  assert.equal(await value('latchkey_join_stage_seconds_count{stage="firstFrame"}'), 1);
  assert.equal(await value('latchkey_join_stage_seconds_sum{stage="firstFrame"}'), 0.75);
});

test('who reports too often is not listened to, and no more is counted for it', async () => {
  const { reports, value } = scene();
  let taken = 0;
  for (let nowMs = 0; nowMs < 10 * limits.reportMs; nowMs += 50) {
    if (reports.take({ dropped: { missingKey: 1_000_000 } }, nowMs)) taken++;
  }
  assert.ok(taken >= 10 && taken <= 11, String(taken));
  assert.equal(await value('latchkey_client_frames_dropped_total{reason="missingKey"}'), taken * 1_000_000);
});

test('a report that the network moved towards the one before is taken all the same', () => {
  const { reports } = scene();
  for (let report = 0; report < 20; report++) {
    const jitterMs = report % 2 === 0 ? 0 : -0.4 * limits.reportMs;
    assert.ok(reports.take({}, report * limits.reportMs + jitterMs), String(report));
  }
});
