// Seal and open of one frame after the other, beside AES-256-GCM alone. Runs in Node and, bundled, in Chromium's worker.

import { alternate, timeOf } from './alternate.ts';
import type { Turns } from './alternate.ts';
import type { Pair } from './statistics.ts';

export interface SframeJob extends Turns {
  readonly bytes: number;
  /** Frames a round: enough for the clock, which in a browser has steps of 5 µs. */
  readonly frames: number;
}

declare global {
  /** In Chromium's worker. */
  var sframeBench: (job: SframeJob) => Promise<readonly Pair[]>;
}

/** Seals the frame, opens what came out, and answers what came out of that. */
export type SealAndOpen = (frame: Uint8Array) => Uint8Array | null | Promise<Uint8Array | null>;

/** Random, but for the bit that makes it a delta frame of VP8. */
const frameOf = (bytes: number): Uint8Array => {
  const frame = crypto.getRandomValues(new Uint8Array(bytes));
  frame[0] = (frame[0] ?? 0) | 1;
  return frame;
};

/** Microseconds a frame. */
export const sframeRounds = (
  { bytes, frames, ...turns }: SframeJob,
  ours: SealAndOpen,
  floor: SealAndOpen,
): Promise<readonly Pair[]> => {
  const frame = frameOf(bytes);
  const measured = (sealAndOpen: SealAndOpen) => async (): Promise<number> => {
    const ms = await timeOf(async () => {
      for (let i = 0; i < frames; i++) {
        const opened = sealAndOpen(frame);
        // A promise only where there is one: awaiting what is there costs a turn of its own.
        const plain = opened instanceof Promise ? await opened : opened;
        if (plain?.length !== bytes) throw new Error('the frame did not come back');
      }
    });
    return (ms / frames) * 1_000;
  };
  return alternate(turns, measured(ours), measured(floor));
};
