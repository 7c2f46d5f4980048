// What the process that runs a load asks its generators, and what they answer: over the IPC channel between them, on which nobody else is.

import type { FrameCounts } from '../client/session/keyAgent.ts';
import type { Attendance } from './epochRecord.ts';
import type { StreamName } from './profiles.ts';

export interface Beginning {
  readonly url: string;
  /** Milliseconds by which every message of the server is handled late. */
  readonly lateMs: number;
  readonly seed: number;
}

export interface JoinOrder {
  readonly index: number;
  readonly token: string;
  /** Milliseconds since this participant's first token was asked for: part of how long its join took. */
  readonly waitedMs: number;
  readonly sends: readonly StreamName[];
  readonly opens: boolean;
  readonly seesVideo: boolean;
}

export type JoinOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly retryAfterMs: number | null };

export interface GeneratorCounts {
  readonly present: number;
  /** The newest in use; -1 before the first. */
  readonly epoch: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly opened: number;
  readonly unopened: number;
}

export const timedStages = ['transport', 'admission', 'activation', 'firstFrame', 'whole'] as const;
export type TimedStage = (typeof timedStages)[number];

export interface GeneratorReport {
  readonly counts: GeneratorCounts;
  /** Milliseconds. */
  readonly stages: Readonly<Record<TimedStage, Float64Array>>;
  readonly silent: number;
  /** Of all who open, as their key agents count them. */
  readonly frames: FrameCounts;
  readonly beforeFirstEpoch: number;
  readonly retried: number;
  readonly ended: Readonly<Record<string, number>>;
  readonly attendances: readonly Attendance[];
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly socketDrops: number | null;
}

/** Question → what is asked and what is answered. */
export interface Questions {
  begin: { ask: Beginning; answer: null };
  join: { ask: JoinOrder; answer: JoinOutcome };
  leave: { ask: number; answer: null };
  counts: { ask: null; answer: GeneratorCounts };
  report: { ask: null; answer: GeneratorReport };
  /** All leave; the process ends after the answer. */
  end: { ask: null; answer: null };
}

export interface Question {
  readonly id: number;
  readonly question: keyof Questions;
  readonly data: unknown;
}

export type Answered = {
  readonly id: number;
} & ({ readonly data: unknown } | { readonly error: string });
