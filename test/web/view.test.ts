import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSameView, viewOf } from '../../src/web/layout/view.ts';
import type { Stage, Tile } from '../../src/web/state/tiles.ts';

const tile = (participantId: string, change: Partial<Tile> = {}): Tile => ({
  participantId,
  name: participantId,
  self: false,
  trackId: null,
  video: true,
  silent: false,
  speaking: false,
  hand: false,
  ...change,
});
const place = (height: number) => ({ x: 0, y: 0, width: height * 2, height });
const stage = (screens: Tile[], people: Tile[]): Stage => ({ screens, people, page: 0, pages: 1 });

describe('what is looked at', () => {
  it('is every screen and camera on the page, in device pixels', () => {
    const seen = viewOf(
      stage([tile('a')], [tile('a'), tile('b')]),
      { screens: [place(500)], people: [place(90.3), place(90.3)] },
      2,
    );
    assert.deepEqual(seen, [
      { participantId: 'a', source: 'screen', height: 1_000 },
      { participantId: 'a', source: 'camera', height: 181 },
      { participantId: 'b', source: 'camera', height: 181 },
    ]);
  });

  it('is asked for before its track is there, but not of who has no camera, nor of oneself', () => {
    const seen = viewOf(
      stage([], [tile('a'), tile('b', { video: false }), tile('me', { self: true, video: false })]),
      { screens: [], people: [place(90), place(90), place(90)] },
      1,
    );
    assert.deepEqual(
      seen.map(({ participantId }) => participantId),
      ['a'],
    );
  });

  it('is nothing where there is no room', () => {
    assert.deepEqual(viewOf(stage([], [tile('a')]), { screens: [], people: [place(0)] }, 1), []);
    assert.deepEqual(viewOf(stage([], [tile('a')]), { screens: [], people: [] }, 1), []);
  });

  it('is the same only where nothing of it differs', () => {
    const video = { participantId: 'a', source: 'camera', height: 90 } as const;
    assert.ok(isSameView([video], [{ ...video }]));
    assert.ok(isSameView([], []));
    for (const other of [
      [],
      [video, video],
      [{ ...video, height: 91 }],
      [{ ...video, source: 'screen' as const }],
      [{ ...video, participantId: 'b' }],
    ]) {
      assert.ok(!isSameView([video], other));
    }
  });
});
