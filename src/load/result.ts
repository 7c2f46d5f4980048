// What a run of load found, as it is printed and written. Times in milliseconds; null: not measured.

import type { Quantiles } from './samples.ts';

export interface Counted extends Quantiles {
  readonly count: number;
}

/** By reason or code. */
export type Tally = Readonly<Record<string, number>>;

export interface JoinFigures extends Quantiles {
  /** Had a key and media. */
  readonly ok: number;
  /** By code. */
  readonly failed: Tally;
}

export interface AdoptionFigures extends Counted {
  /** Departures of which somebody who stayed never used the epoch that they call for. */
  readonly missed: number;
}

/** Each from the end of the one before. */
export interface JoinStages {
  /** From asking for a token to having it. */
  readonly token: Quantiles;
  /** The WebSocket is open, the server's key is known. */
  readonly transport: Quantiles;
  /** The join is answered and verified. */
  readonly admission: Quantiles;
  /** The first epoch is in use. */
  readonly activation: Quantiles;
  /** The first packet of somebody else has come. */
  readonly firstFrame: Quantiles;
}

/** Why a frame was not opened. The first is no failure: it was sealed before the receiver's first epoch. */
export const frameFailures = [
  'beforeFirstEpoch',
  'missingKey',
  'badTag',
  'replayed',
  'staleEpoch',
  'foreignOrigin',
  'malformed',
] as const;
export type FrameFailure = (typeof frameFailures)[number];

export interface LoadResult {
  /** Without those that are slow. From asking for a token to the first packet of somebody else, pauses after `busy` included. */
  readonly joins: JoinFigures & {
    /** Attempts that were made again after `busy`. */
    readonly retried: number;
    /** Joined, and never heard anything while others were sending. */
    readonly silent: number;
    readonly stages: JoinStages;
  };
  /** From mint to activation, by the ledger. */
  readonly rekeys: Counted;
  /** By the ledger. */
  readonly exposure: Counted;
  /**
   * For each departure and each who stayed and is not slow: from the ledger's `left` to the moment in which it used an epoch that the
   * departed cannot derive.
   */
  readonly epochs: AdoptionFigures;
  readonly packets: {
    readonly sent: number;
    readonly received: number;
    /** Gaps in the sequence numbers of what was received. */
    readonly lost: number;
    /** Of those, more than the generators' own sockets dropped. */
    readonly unexplained: number;
  };
  readonly frames: {
    readonly sealed: number;
    /** Could not be sealed: no key that might be used. */
    readonly unsealed: number;
    readonly opened: number;
    readonly failed: Readonly<Record<FrameFailure, number>>;
  };
  /** Stays that ended though nobody asked them to, by reason. */
  readonly ended: Tally;
  /** Those that handle every message late. */
  readonly slow: {
    readonly participants: number;
    readonly joins: JoinFigures;
    readonly epochs: AdoptionFigures;
    readonly ended: Tally;
  };
  /** All processes of which the server tells. */
  readonly server: { readonly cpuSeconds: number | null; readonly rssBytes: number | null };
  readonly generator: {
    readonly processes: number;
    readonly cpuSeconds: number;
    readonly rssBytes: number;
    readonly socketDrops: number | null;
  };
  /** Seconds, from when everybody was there. */
  readonly seconds: number;
  readonly seed: number;
}
