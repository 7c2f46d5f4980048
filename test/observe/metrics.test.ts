import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCounts, joinStages } from '../../src/observe/counts.ts';
import { createMetrics, metricsPrefix } from '../../src/observe/metrics.ts';
import type { Metrics } from '../../src/observe/metrics.ts';
import { Scrape } from '../../src/observe/scrape.ts';
import { meetingState, serverState } from './serverState.ts';

const documentation = readFileSync(new URL('../../src/observe/METRICS.md', import.meta.url), 'utf8');

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly meaning: string;
}

const documented = (): Row[] =>
  documentation
    .split('\n')
    .map((line) => /^\| `(latchkey_\w+)` \| (\w+) \| (.*?) *\| ([\w ]+) \| (.+) \|$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name = '', type = '', labels = '', , meaning = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
      meaning,
    }));

const exported = (metrics: Metrics): Row[] =>
  metrics.describe().map((metric) => ({
    name: metric.name,
    type: String(metric.type),
    labels: (Reflect.get(metric, 'labelNames') as string[]).filter((label) => label !== 'le'),
    meaning: metric.help,
  }));

const byName = (a: Row, b: Row): number => (a.name < b.name ? -1 : 1);

/** Everything happens once, so that nothing is left out of what is checked for having no value yet. */
const fill = (metrics: Metrics): void => {
  const counts = createCounts(metrics);
  counts.joinEnded('ok', 20);
  for (const stage of joinStages) counts.joinStage(stage, 5);
  counts.departed('left');
  counts.resumed('ok');
  counts.minted('join');
  counts.activated('join', 20);
  counts.acknowledged(8);
  counts.exposure(100);
  counts.recovered(900);
  counts.readmitted('renewal');
  counts.custodianLost();
  counts.ledgerFailed();
  counts.handshake('ok', 3);
  counts.mediaMoved();
  counts.packets({ received: 100, lostIn: 1, sent: 900, lostOut: 2 });
  counts.inspected(10, 1);
  counts.senderRefused('malformed');
  counts.hopReported({ srtpCipher: 'AEAD_AES_256_GCM', dtlsCipher: null, tlsVersion: 'FEFD' });
  counts.framesDropped({ badTag: 1 });
  counts.signalingError('malformed');
  counts.rosterNotices(1_000);
  counts.resynchronised();
  metrics.httpRequests.inc({ route: '/healthz', method: 'GET', status: 200 });
  metrics.httpSeconds.observe({ route: '/healthz' }, 0.001);
  new Scrape(metrics, { largeMeeting: 500, largeMeetings: 20 }).set(serverState({ busy: ['joins'] }));
};

test('METRICS.md lists what is exported: names, types, labels and meanings', () => {
  const inCode = exported(createMetrics({ version: '1.2.3' }));
  assert.ok(inCode.length > 40);
  assert.deepEqual(documented().toSorted(byName), inCode.toSorted(byName));
});

test('METRICS.md explains every label of our own metrics', () => {
  const explained = new Set(
    [...documentation.matchAll(/^\| `(\w+)` \| [^|]+ \|$/gm)].map(([, label]) => label),
  );
  const ours = exported(createMetrics({ version: '1.2.3', process: false }));
  const labels = new Set(
    ours.filter(({ name }) => name !== 'latchkey_build_info').flatMap(({ labels }) => labels),
  );
  assert.ok(labels.size > 5);
  for (const label of labels) assert.ok(explained.has(label), label);
});

test('every name has the prefix, and promtool finds nothing to say about the output', async () => {
  const metrics = createMetrics({ version: '1.2.3' });
  fill(metrics);
  const text = await metrics.expose();
  for (const [, name = ''] of text.matchAll(/^# TYPE (\S+)/gm))
    assert.ok(name.startsWith(metricsPrefix), name);
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(`${checked.stdout}${checked.stderr}`, '');
  assert.equal(checked.status, 0);
});

test('whatever is exported is counted by an event or set at a scrape: none stays without a value', async () => {
  const metrics = createMetrics({ version: '1.2.3', process: false });
  fill(metrics);
  const lines = (await metrics.expose()).split('\n');
  for (const { name } of metrics.describe()) {
    const values = lines.filter(
      (line) => /^\w+/.exec(line)?.[0].replace(/_(count|sum|bucket)$/, '') === name,
    );
    assert.ok(
      values.some((line) => !line.endsWith(' 0')),
      name,
    );
  }
});

test("a meeting's id that a caller chose cannot break out of its label", async () => {
  const metrics = createMetrics({ version: '1.2.3', process: false });
  const id = 'x"} 1\nlatchkey_forged 1\n#\\';
  new Scrape(metrics, { largeMeeting: 500, largeMeetings: 20 }).set(
    serverState({ meetings: [meetingState({ id })] }),
  );
  assert.doesNotMatch(await metrics.expose(), /^latchkey_forged/m);
});

test('promtool does object to a bad name: the check can fail', () => {
  const input = '# HELP latchkey_wrong_total x\n# TYPE latchkey_wrong_total gauge\nlatchkey_wrong_total 1\n';
  const checked = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.notEqual(checked.status, 0);
});

test('what is asked for only at a scrape is asked before each', async () => {
  const metrics = createMetrics({ version: '1.2.3', process: false });
  let asked = 0;
  metrics.onScrape(async () => metrics.workers.set(++asked));
  assert.match(await metrics.expose(), /^latchkey_media_workers 1$/m);
  assert.match(await metrics.expose(), /^latchkey_media_workers 2$/m);
});

test('two servers in one process do not share their counts', async () => {
  const one = createMetrics({ version: '1', process: false });
  const other = createMetrics({ version: '1', process: false });
  one.joins.inc({ result: 'ok' });
  assert.match(await one.expose(), /latchkey_joins_total\{result="ok"\} 1/);
  assert.doesNotMatch(await other.expose(), /latchkey_joins_total\{result="ok"\}/);
});
