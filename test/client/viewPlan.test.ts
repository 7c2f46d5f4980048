import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodingsOf } from '../../src/client/browser/encodings.ts';
import { keepPausedMs, layerFor, ViewPlan } from '../../src/client/browser/viewPlan.ts';
import { activeEncodings } from '../../src/client/browser/wantedLayers.ts';

const camera = (participantId: string, height = 180) => ({
  participantId,
  source: 'camera' as const,
  height,
});

const kinds = (plan: ViewPlan, nowMs: number, ...participantIds: string[]): string[] =>
  participantIds.map((participantId) => plan.wanted(camera(participantId), nowMs).kind);

describe('the size of a video', () => {
  const sizes: [number, number][] = [
    [1, 0],
    [180, 0],
    [225, 0],
    [226, 1],
    [360, 1],
    [450, 1],
    [451, 2],
    [720, 2],
    [2_160, 2],
  ];
  for (const [height, layer] of sizes) {
    it(`that is drawn ${height} high is layer ${layer}`, () => {
      assert.equal(layerFor('camera', height), layer);
    });
  }

  it('of a screen is the one that there is', () => {
    assert.equal(layerFor('screen', 90), null);
    assert.equal(layerFor('screen', 2_000), null);
  });
});

describe('the videos that are received', () => {
  it('are all, in whatever size, until it is said which are looked at', () => {
    const plan = new ViewPlan();
    assert.deepEqual(plan.wanted(camera('ann'), 0), { kind: 'received', spatialLayer: null });
    assert.equal(plan.nextMs(0), null);
  });

  it('are those that are looked at, each in the size in which it is', () => {
    const plan = new ViewPlan();
    const screen = { participantId: 'ann', source: 'screen', height: 1_000 } as const;
    plan.view([camera('ann', 100), camera('ben', 700), screen], 0);
    assert.deepEqual(plan.wanted(camera('ann'), 0), { kind: 'received', spatialLayer: 0 });
    assert.deepEqual(plan.wanted(camera('ben'), 0), { kind: 'received', spatialLayer: 2 });
    assert.deepEqual(plan.wanted(screen, 0), { kind: 'received', spatialLayer: null });
    assert.equal(plan.wanted({ participantId: 'ben', source: 'screen' }, keepPausedMs).kind, 'none');
  });

  it('are in the larger size where one is looked at twice', () => {
    for (const heights of [
      [100, 700],
      [700, 100],
    ]) {
      const plan = new ViewPlan();
      plan.view(
        heights.map((height) => camera('ann', height)),
        0,
      );
      assert.deepEqual(plan.wanted(camera('ann'), 0), { kind: 'received', spatialLayer: 2 });
    }
  });

  it('pause at once when they are not looked at any more, and end after a while', () => {
    const plan = new ViewPlan();
    plan.view([camera('ann'), camera('ben')], 0);
    plan.view([camera('ann')], 50_000);
    assert.deepEqual(kinds(plan, 50_000, 'ann', 'ben', 'cas'), ['received', 'paused', 'none']);
    assert.equal(plan.nextMs(50_000), 50_000 + keepPausedMs);
    const lastMs = 50_000 + keepPausedMs - 1;
    assert.deepEqual(kinds(plan, lastMs, 'ann', 'ben'), ['received', 'paused']);
    assert.deepEqual(kinds(plan, lastMs + 1, 'ann', 'ben'), ['received', 'none']);
    assert.equal(plan.nextMs(lastMs + 1), null);
  });

  it('that were received before the first view are paused by it, and end after a while', () => {
    const plan = new ViewPlan();
    plan.view([], 7_000);
    assert.deepEqual(kinds(plan, 7_000, 'ann'), ['paused']);
    assert.equal(plan.nextMs(7_000), 7_000 + keepPausedMs);
    assert.deepEqual(kinds(plan, 7_000 + keepPausedMs, 'ann'), ['none']);
  });

  it('come back when somebody scrolls back, and are kept from then on anew', () => {
    const plan = new ViewPlan();
    plan.view([camera('ann')], 0);
    plan.view([], 20_000);
    plan.view([camera('ann')], 25_000);
    assert.deepEqual(kinds(plan, 90_000, 'ann'), ['received']);
    plan.view([], 100_000);
    assert.deepEqual(kinds(plan, 100_000 + keepPausedMs - 1, 'ann'), ['paused']);
  });
});

describe('the encodings that are sent', () => {
  it('are no more sizes than browsers make of a picture, the largest its own', () => {
    const scales = (size: { width?: number; height?: number }): (number | undefined)[] =>
      (encodingsOf('camera', size) ?? []).map(({ scaleResolutionDownBy }) => scaleResolutionDownBy);
    assert.deepEqual(scales({ width: 1_280, height: 720 }), [4, 2, 1]);
    assert.deepEqual(scales({ width: 720, height: 1_280 }), [4, 2, 1]);
    assert.deepEqual(scales({ width: 640, height: 480 }), [2, 1]);
    assert.deepEqual(scales({ width: 320, height: 180 }), [1]);
    assert.deepEqual(scales({}), [4, 2, 1]);
  });

  it('are those up to the highest that anybody looks at, and none where nobody does', () => {
    assert.deepEqual(activeEncodings(3, 0), [true, false, false]);
    assert.deepEqual(activeEncodings(3, 1), [true, true, false]);
    assert.deepEqual(activeEncodings(3, 7), [true, true, true]);
    assert.deepEqual(activeEncodings(3, null), [false, false, false]);
    assert.deepEqual(activeEncodings(1, 0), [true]);
    assert.deepEqual(activeEncodings(0, 0), []);
  });
});
