// How times, gaps and epochs are put together to figures.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EpochRecord } from '../../src/load/epochRecord.ts';
import { adoption, readLedger } from '../../src/load/ledgerFigures.ts';
import { Samples } from '../../src/load/samples.ts';
import { Seeded } from '../../src/load/seeded.ts';
import { SequenceGaps } from '../../src/load/sequenceGaps.ts';
import { readUsage } from '../../src/load/serverUsage.ts';

const samples = (values: Iterable<number>): Samples => {
  const made = new Samples(new Seeded(1));
  made.addAll(values);
  return made;
};

describe('samples', () => {
  it('give the median and the 99th percentile, between the two nearest', () => {
    assert.deepEqual(samples([]).quantiles(), { p50Ms: null, p99Ms: null });
    assert.deepEqual(samples([7]).quantiles(), { p50Ms: 7, p99Ms: 7 });
    assert.deepEqual(samples([4, 1, 3, 2]).quantiles(), { p50Ms: 2.5, p99Ms: 4 });
    assert.deepEqual(samples(Array.from({ length: 101 }, (_, at) => at)).quantiles(), {
      p50Ms: 50,
      p99Ms: 99,
    });
  });

  it('of which there are too many to keep are chosen evenly', () => {
    const many = samples(Array.from({ length: 300_000 }, (_, at) => at));
    assert.equal(many.count, 300_000);
    assert.ok(many.values.length < 100_000);
    const { p50Ms, p99Ms } = many.quantiles();
    assert.ok(Math.abs((p50Ms ?? 0) - 150_000) < 3_000, `${p50Ms}`);
    assert.ok(Math.abs((p99Ms ?? 0) - 297_000) < 600, `${p99Ms}`);
  });
});

describe('gaps in sequence numbers', () => {
  const lost = (...sequences: number[]): number => {
    const gaps = new SequenceGaps();
    for (const sequence of sequences) gaps.note(sequence);
    return gaps.lost;
  };

  it('are packets that did not come', () => {
    assert.equal(lost(), 0);
    assert.equal(lost(5), 0);
    assert.equal(lost(5, 6, 7), 0);
    assert.equal(lost(5, 7, 9), 2);
  });

  it('are none where packets come late, twice, or before the first', () => {
    assert.equal(lost(5, 7, 6, 8), 0);
    assert.equal(lost(5, 6, 6, 7), 0);
    assert.equal(lost(5, 4, 6), 0);
  });

  it('are counted where the sixteen bits wrap, more than once', () => {
    assert.equal(lost(0xfffe, 0xffff, 0, 1), 0);
    assert.equal(lost(0xfffe, 1), 2);
    const gaps = new SequenceGaps();
    for (let at = 0; at < 200_000; at++) if (at % 1_000 !== 999) gaps.note(at & 0xffff);
    // The last one missing is not known to be.
    assert.equal(gaps.lost, 199);
  });
});

const line = (fields: object): string => `${JSON.stringify(fields)}\n`;
const ledger =
  line({ type: 'opened', at: 500 }) +
  line({ type: 'activated', at: 1_000, epoch: 0, tookMs: 100 }) +
  line({ type: 'left', at: 2_000, participant: 'p1' }) +
  line({ type: 'activated', at: 2_400, epoch: 1, tookMs: 200 }) +
  line({ type: 'exposed', at: 2_500, participant: 'p1', epoch: 1, exposureMs: 500 }) +
  line({ type: 'left', at: 3_000, participant: 'p2' }) +
  line({ type: 'exposed', at: 3_001, participant: 'p2', epoch: null, exposureMs: 1 });

describe('a ledger', () => {
  const span = { fromMs: 0, untilMs: 10_000 };

  it('tells of rekeys, exposures and what a departure calls for', () => {
    const figures = readLedger(ledger, span, new Seeded(1));
    assert.deepEqual(figures.rekeys, { count: 2, p50Ms: 150, p99Ms: 199 });
    assert.equal(figures.exposure.count, 2);
    assert.deepEqual(figures.departures, [{ leftAtMs: 2_000, epoch: 1, activeAtMs: 2_400 }]);
    assert.equal(figures.untold, 0);
  });

  it('is read from the beginning of the load to its end; later departures are nobody’s', () => {
    const figures = readLedger(ledger, { fromMs: 900, untilMs: 2_450 }, new Seeded(1));
    assert.deepEqual([figures.rekeys.count, figures.exposure.count], [2, 1]);
    const cut = ledger.slice(0, ledger.indexOf('{"type":"exposed"'));
    assert.equal(readLedger(cut, span, new Seeded(1)).untold, 1);
  });

  it('and those who stayed tell how soon everybody was on an epoch without the departed', () => {
    const stay = (untilMs: number | null, ...uses: readonly (readonly [number, number])[]) => {
      const record = new EpochRecord();
      for (const [epoch, atMs] of uses) record.note(epoch, atMs);
      if (untilMs !== null) record.end(untilMs);
      return record.attendance('p', false) ?? assert.fail('a stay without an epoch');
    };
    const { departures } = readLedger(ledger, span, new Seeded(1));
    const found = adoption(
      departures,
      [
        stay(null, [0, 1_010], [1, 2_410]),
        // By a later one.
        stay(null, [0, 1_010], [4, 2_610]),
        // It never did.
        stay(null, [0, 1_010]),
        stay(9_000, [0, 1_010]),
        // Came after it, left before it, left while the rekey was under way.
        stay(null, [1, 2_410]),
        stay(1_900, [0, 1_010]),
        stay(2_420, [0, 1_010]),
      ],
      new Seeded(1),
    );
    assert.deepEqual(found, { count: 2, p50Ms: 510, p99Ms: 608, missed: 2 });
  });

  it('that is none is not read', () => {
    assert.throws(() => readLedger('no ledger\n', span, new Seeded(1)));
    assert.throws(() => readLedger(line({ type: 'left' }), span, new Seeded(1)));
    assert.deepEqual(readLedger('', span, new Seeded(1)).rekeys, { count: 0, p50Ms: null, p99Ms: null });
  });
});

describe('an epoch record', () => {
  it('forgets the oldest, and says since when it is whole', () => {
    const record = new EpochRecord();
    assert.equal(record.attendance('p', false), null);
    for (let epoch = 0; epoch < 10_000; epoch++) record.note(epoch, 1_000 * epoch);
    const { epochs, fromMs } = record.attendance('p', false) ?? assert.fail('no attendance');
    assert.ok(epochs.length <= 4_096);
    assert.equal(epochs.at(-1), 9_999);
    assert.equal(fromMs, 1_000 * (epochs[0] ?? -1));
  });
});

describe('a server’s usage', () => {
  it('is that of all processes of which it tells', () => {
    const metrics = [
      '# TYPE latchkey_process_cpu_seconds_total counter',
      'latchkey_process_cpu_user_seconds_total 5',
      'latchkey_process_cpu_seconds_total 10.5',
      'latchkey_worker_cpu_seconds_total{worker="0"} 2',
      'latchkey_worker_cpu_seconds_total{worker="1"} 3',
      'latchkey_process_resident_memory_bytes 1000',
      'latchkey_custodian_resident_memory_bytes 500',
    ].join('\n');
    assert.deepEqual(readUsage(metrics), { cpuSeconds: 15.5, rssBytes: 1_500 });
    assert.deepEqual(readUsage('latchkey_meetings 1'), { cpuSeconds: null, rssBytes: null });
  });
});
