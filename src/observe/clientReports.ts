// What one client reports of itself (`report`, PROTOCOL.md), on its way into metrics: figures of a peer, who may say anything as often
// as it likes. At most one report in `reportMs` is looked at, in the long run; its hops are counted when they change, its first frame once.

import { limits } from '../protocol/timers.ts';
import type { ClientNoticeData } from '../protocol/signaling.ts';
import type { ReportedHop } from './suites.ts';

export type ClientReport = ClientNoticeData<'report'>;

/** What of reports is counted. */
export interface ReportCounts {
  hopReported(hop: ReportedHop): void;
  framesDropped(dropped: NonNullable<ClientReport['dropped']>): void;
  joinStage(stage: 'firstFrame', ms: number): void;
}

/** One for each connection: what was told over the one before it resumed, a client does not tell again. */
export class ClientReports {
  readonly #counts: ReportCounts;
  #earliestMs = Number.NEGATIVE_INFINITY;
  #hop = '';
  #hadFirstFrame = false;

  constructor(counts: ReportCounts) {
    this.#counts = counts;
  }

  /** False: it came too early, and nothing of it was looked at. */
  take({ hop, dropped, firstFrameMs }: ClientReport, nowMs: number): boolean {
    if (nowMs < this.#earliestMs) return false;
    // A network moves one report towards the one before: half a span is let pass, and taken off the next.
    this.#earliestMs = Math.max(this.#earliestMs + limits.reportMs, nowMs + limits.reportMs / 2);
    if (hop !== undefined) this.#hopReported(hop);
    if (dropped !== undefined) this.#counts.framesDropped(dropped);
    if (firstFrameMs !== undefined && !this.#hadFirstFrame) {
      this.#hadFirstFrame = true;
      this.#counts.joinStage('firstFrame', firstFrameMs);
    }
    return true;
  }

  #hopReported(hop: ReportedHop): void {
    const text = [hop.srtpCipher, hop.dtlsCipher, hop.tlsVersion].join(' ');
    if (text === this.#hop) return;
    this.#hop = text;
    this.#counts.hopReported(hop);
  }
}
