// Which videos are looked at, and how large: what the SDK is told to receive. Pure.

import type { ViewedVideo } from '../../client/browser/api.ts';
import type { Stage, Tile } from '../state/tiles.ts';
import type { Place } from './arrange.ts';

interface Places {
  readonly screens: readonly Place[];
  readonly people: readonly Place[];
}

/** @param ratio device pixels in a CSS pixel */
export const viewOf = (stage: Stage, places: Places, ratio: number): ViewedVideo[] => {
  const viewed = (tiles: readonly Tile[], stand: readonly Place[], source: ViewedVideo['source']) =>
    tiles.flatMap(({ participantId, video }, index): ViewedVideo[] => {
      const height = Math.round((stand[index]?.height ?? 0) * ratio);
      return video && height > 0 ? [{ participantId, source, height }] : [];
    });
  return [
    ...viewed(stage.screens, places.screens, 'screen'),
    ...viewed(stage.people, places.people, 'camera'),
  ];
};

export const isSameView = (a: readonly ViewedVideo[], b: readonly ViewedVideo[]): boolean =>
  a.length === b.length &&
  a.every(({ participantId, source, height }, index) => {
    const other = b[index];
    return other?.participantId === participantId && other.source === source && other.height === height;
  });
