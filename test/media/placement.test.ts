import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { easyConsumers, isFull, place, placeAnyway, togetherUpTo } from '../../src/media/placement.ts';
import type { PlaceableWorker } from '../../src/media/placement.ts';

const limits = { workerShare: 0.9, consumersPerWorker: 2_000 };

const worker = (index: number, own: Partial<PlaceableWorker> = {}): PlaceableWorker => ({
  index,
  transports: 0,
  consumers: 0,
  cpuShare: 0,
  residents: null,
  ...own,
});

/** Fills a meeting one by one, each with two transports and so many consumers. */
const fill = (participants: number, workers: number, consumersEach: number): number[] => {
  const residents = Array.from({ length: workers }, () => 0);
  for (let i = 0; i < participants; i++) {
    const placed = place(
      residents.map((count, index) =>
        worker(index, {
          transports: 2 * count,
          consumers: consumersEach * count,
          residents: count === 0 ? null : count,
        }),
      ),
      { ...limits, consumersPerWorker: 1_000_000 },
    );
    assert.ok(placed !== 'full');
    residents[placed] = (residents[placed] ?? 0) + 1;
  }
  return residents;
};

describe('placement', () => {
  it('a small meeting stays on one worker, whatever the others do', () => {
    assert.deepEqual(fill(togetherUpTo, 4, 5), [togetherUpTo, 0, 0, 0]);
    const quiet = worker(0);
    const own = worker(1, { consumers: 300, transports: 80, residents: 20 });
    assert.equal(place([quiet, own], limits), 1);
  });

  it('a new meeting goes where there is most room, by consumers, transports or processor', () => {
    assert.equal(place([worker(0, { consumers: 10 }), worker(1)], limits), 1);
    assert.equal(place([worker(0, { transports: 10 }), worker(1, { consumers: 5 })], limits), 1);
    assert.equal(place([worker(0, { cpuShare: 0.5 }), worker(1, { consumers: 50 })], limits), 1);
  });

  it('a meeting that grows takes worker after worker, then fills them evenly', () => {
    const residents = fill(500, 3, 5);
    assert.equal(
      residents.reduce((sum, count) => sum + count),
      500,
    );
    assert.ok(Math.max(...residents) - Math.min(...residents) <= 1, residents.join(' '));
  });

  it('a meeting of few with many streams leaves a worker once it carries what it carries with ease', () => {
    const busy = worker(0, { consumers: easyConsumers, residents: 10 });
    assert.equal(place([busy, worker(1)], limits), 1);
  });

  it('is full when every worker is, or there is none; who must be placed all the same goes to the least strained', () => {
    const full = [worker(0, { cpuShare: 0.95 }), worker(1, { consumers: 2_000 })];
    assert.equal(place(full, limits), 'full');
    assert.equal(place([], limits), 'full');
    assert.equal(placeAnyway(full, limits), 0);
    assert.equal(placeAnyway([], limits), null);
  });

  it('never chooses a full worker while another is not, and always chooses one of those that there are', () => {
    const any = fc.record({
      transports: fc.nat(3_000),
      consumers: fc.nat(3_000),
      cpuShare: fc.double({ min: 0, max: 1, noNaN: true }),
      residents: fc.option(fc.nat(500)),
    });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 16 }), (loads) => {
        const workers = loads.map((load, index) => ({ index, ...load }));
        const placed = place(workers, limits);
        const chosen = workers.find(({ index }) => index === placed);
        assert.equal(chosen === undefined, placed === 'full');
        assert.equal(
          placed === 'full',
          workers.every((one) => isFull(one, limits)),
        );
        assert.ok(chosen === undefined || !isFull(chosen, limits));
      }),
    );
  });
});
