import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WantedLayer } from '../../src/media/wantedLayer.ts';

describe('up to which layer a video is wanted', () => {
  it('more is told at once, less after a second', () => {
    const wanted = new WantedLayer();
    wanted.set('bob', 0);
    assert.equal(wanted.step(0), 0);
    wanted.set('cleo', 2);
    assert.equal(wanted.step(10), 2);
    wanted.set('cleo', 1);
    assert.equal(wanted.step(20), undefined);
    assert.equal(wanted.dueAtMs, 1_020);
    assert.equal(wanted.step(1_019), undefined);
    assert.equal(wanted.step(1_020), 1);
    assert.equal(wanted.dueAtMs, null);
  });

  it('that nobody sees it is told after a second, also of a video that nobody ever saw', () => {
    const wanted = new WantedLayer();
    assert.equal(wanted.step(0), undefined);
    assert.equal(wanted.step(1_000), null);
    wanted.set('bob', 1);
    assert.equal(wanted.step(1_001), 1);
    wanted.set('bob', null);
    assert.equal(wanted.step(1_002), undefined);
    assert.equal(wanted.step(2_002), null);
  });

  it('who turns a page and back within a second is not told of', () => {
    const wanted = new WantedLayer();
    wanted.set('bob', 2);
    assert.equal(wanted.step(0), 2);
    wanted.set('bob', null);
    assert.equal(wanted.step(100), undefined);
    wanted.set('bob', 2);
    assert.equal(wanted.step(900), undefined);
    assert.equal(wanted.dueAtMs, null);
    assert.equal(wanted.step(5_000), undefined);
  });

  it('is the highest of all that flow, through any history', () => {
    const change = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.option(fc.integer({ min: 0, max: 2 })));
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const wanted = new WantedLayer();
        const viewers = new Map<number, number>();
        for (const [viewer, layer] of changes) {
          wanted.set(String(viewer), layer);
          if (layer === null) viewers.delete(viewer);
          else viewers.set(viewer, layer);
          assert.equal(wanted.highest, viewers.size === 0 ? null : Math.max(...viewers.values()));
        }
      }),
    );
  });
});
