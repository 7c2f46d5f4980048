// What this participant tells the operator's metrics of itself: how its hop is encrypted, what it dropped and why, how long its first frame
// took. Only what is new, and no more often than the server looks at. What could not be told while the connection was lost is told
// with what comes after.

import { LatchkeyError } from '../../protocol/errors.ts';
import { droppedReasons } from '../../protocol/names.ts';
import type { DroppedReason } from '../../protocol/names.ts';
import type { ClientNoticeData } from '../../protocol/signaling.ts';
import { limits } from '../../protocol/timers.ts';
import type { Age, Clock } from './clock.ts';
import type { FrameCounts } from './keyAgent.ts';

type Report = ClientNoticeData<'report'>;
export type Hop = NonNullable<Report['hop']>;

/** A fifth above what the server looks at: two that the network brought closer together are both looked at. */
const reportEveryMs = 1.2 * limits.reportMs;
/** As the schema has them. */
const mostDropped = 1_000_000;
const longestFirstFrameMs = 3_600_000;

export interface ReporterEnds {
  readonly clock: Clock;
  /** Since this participant's first message, without what it waited before the door. */
  readonly since: Age;
  readonly counts: () => Promise<FrameCounts>;
  /** False where nobody heard it. */
  readonly tell: (report: Report) => boolean;
}

export class Reporter {
  readonly #ends: ReporterEnds;
  /** As far as they were told. */
  readonly #told = new Map<DroppedReason, number>();
  #hop: Hop | null = null;
  #hopTold: Hop | null = null;
  #firstFrameMs: number | null = null;
  #firstFrameTold = false;
  #cancel: () => void;
  #closed = false;

  constructor(ends: ReporterEnds) {
    this.#ends = ends;
    this.#cancel = ends.clock.after(reportEveryMs, () => void this.#run());
  }

  /** As the transport's statistics name them. */
  hop(hop: Hop): void {
    this.#hop = hop;
  }

  /** A frame of somebody else was opened; only the first matters. */
  opened(): void {
    this.#firstFrameMs ??= this.#ends.since.ms;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #run(): Promise<void> {
    try {
      this.#report(await this.#ends.counts());
    } catch (thrown) {
      // The keys are gone, and their counts with them.
      if (!(thrown instanceof LatchkeyError)) throw thrown;
    }
    if (!this.#closed) this.#cancel = this.#ends.clock.after(reportEveryMs, () => void this.#run());
  }

  #report(counts: FrameCounts): void {
    if (this.#closed) return;
    const dropped = this.#dropped(counts);
    const hop = this.#hop === null || sameHop(this.#hop, this.#hopTold) ? null : this.#hop;
    const firstFrameMs = this.#firstFrameTold ? null : this.#firstFrameMs;
    const report = {
      ...(hop === null ? {} : { hop }),
      ...(dropped.length === 0 ? {} : { dropped: Object.fromEntries(dropped) }),
      ...(firstFrameMs === null || firstFrameMs > longestFirstFrameMs ? {} : { firstFrameMs }),
    };
    if (Object.keys(report).length === 0 || !this.#ends.tell(report)) return;
    for (const [reason, more] of dropped) this.#told.set(reason, (this.#told.get(reason) ?? 0) + more);
    this.#hopTold = this.#hop;
    this.#firstFrameTold = firstFrameMs !== null;
  }

  #dropped(counts: FrameCounts): [DroppedReason, number][] {
    return droppedReasons.flatMap((reason) => {
      const more = Math.min(mostDropped, counts[reason] - (this.#told.get(reason) ?? 0));
      return more > 0 ? [[reason, more] as [DroppedReason, number]] : [];
    });
  }
}

const sameHop = (a: Hop, b: Hop | null): boolean =>
  b !== null &&
  a.srtpCipher === b.srtpCipher &&
  a.dtlsCipher === b.dtlsCipher &&
  a.tlsVersion === b.tlsVersion;
