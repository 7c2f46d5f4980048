// Which videos are received, and in which size: those that are looked at. One that is no longer looked at is paused at once, and closed after a
// while: whoever scrolls back sees it again without a new stream.

import type { Source } from '../../protocol/names.ts';
import type { Wanted } from './subscription.ts';

export interface Viewed {
  readonly participantId: string;
  readonly source: Source;
  /** Device pixels of the picture. */
  readonly height: number;
}

/** Milliseconds. Longer: more streams are kept of what nobody sees; shorter: scrolling back takes a new one. */
export const keepPausedMs = 10_000;

/** Heights of a camera's three sizes, of a picture of 1280 × 720. */
const cameraHeights = [180, 360, 720];
/** A picture may be drawn larger than it is by so much before the next size is worth its bits. */
const stretch = 1.25;

/** Null: the source has one size. */
export const layerFor = (source: Source, height: number): number | null => {
  if (source !== 'camera') return null;
  const enough = cameraHeights.findIndex((one) => height <= one * stretch);
  return enough === -1 ? cameraHeights.length - 1 : enough;
};

type Video = Pick<Viewed, 'participantId' | 'source'>;

const keyOf = ({ participantId, source }: Video): string => `${source} ${participantId}`;

export class ViewPlan {
  /** By video; null until anybody says what is looked at: until then all is received. */
  #viewed: ReadonlyMap<string, Viewed> | null = null;
  #firstMs = 0;
  /** When a video was looked at last. */
  readonly #leftMs = new Map<string, number>();

  view(videos: readonly Viewed[], nowMs: number): void {
    const viewed = new Map<string, Viewed>();
    for (const video of videos) {
      const key = keyOf(video);
      // In two places at once: the larger decides.
      if (video.height >= (viewed.get(key)?.height ?? 0)) viewed.set(key, video);
    }
    if (this.#viewed === null) this.#firstMs = nowMs;
    for (const key of this.#viewed?.keys() ?? []) if (!viewed.has(key)) this.#leftMs.set(key, nowMs);
    for (const key of viewed.keys()) this.#leftMs.delete(key);
    for (const [key, leftMs] of this.#leftMs) if (nowMs - leftMs >= keepPausedMs) this.#leftMs.delete(key);
    this.#viewed = viewed;
  }

  wanted(video: Video, nowMs: number): Wanted {
    if (this.#viewed === null) return { kind: 'received', spatialLayer: null };
    const viewed = this.#viewed.get(keyOf(video));
    if (viewed !== undefined) {
      return { kind: 'received', spatialLayer: layerFor(video.source, viewed.height) };
    }
    return nowMs < this.#keptUntilMs(keyOf(video)) ? { kind: 'paused' } : { kind: 'none' };
  }

  /** When something that is paused is to be closed next; null: nothing is. */
  nextMs(nowMs: number): number | null {
    if (this.#viewed === null) return null;
    const deadlines = [this.#firstMs, ...this.#leftMs.values()]
      .map((leftMs) => leftMs + keepPausedMs)
      .filter((deadlineMs) => deadlineMs > nowMs);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  /** What was received before the first view counts as looked at until then. */
  #keptUntilMs(key: string): number {
    return (this.#leftMs.get(key) ?? this.#firstMs) + keepPausedMs;
  }
}
