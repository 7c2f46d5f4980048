// What a meeting's ledger tells of its rekeys, and, beside what the participants noted, how soon each was on an epoch that a departed one
// cannot derive. PROTOCOL.md, "Ledger". A part of the ledger is enough, and its signatures are not looked at: `latchkey ledger verify` does.

import { z } from 'zod';
import type { Attendance } from './epochRecord.ts';
import type { AdoptionFigures, Counted } from './result.ts';
import { Samples } from './samples.ts';
import type { Seeded } from './seeded.ts';

const at = z.number();
const lines = z.discriminatedUnion('type', [
  z.object({ type: z.literal('left'), at, participant: z.string() }),
  z.object({ type: z.literal('activated'), at, epoch: z.int(), tookMs: z.number() }),
  z.object({
    type: z.literal('exposed'),
    at,
    participant: z.string(),
    epoch: z.int().nullable(),
    exposureMs: z.number(),
  }),
]);
const typed = z.object({ type: z.string() });
const known = new Set(['left', 'activated', 'exposed']);

interface Departure {
  readonly leftAtMs: number;
  /** The first that the departed cannot derive. */
  readonly epoch: number;
  /** When that, or one after it, came into use; null: by the end of this ledger it had not. */
  readonly activeAtMs: number | null;
}

/** Times since 1970, in milliseconds: what lies outside is not looked at. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface LedgerFigures {
  readonly rekeys: Counted;
  readonly exposure: Counted;
  readonly departures: readonly Departure[];
  /** Departures of which the ledger does not say yet when they could open nothing more. */
  readonly untold: number;
}

/** How long after an activation somebody who is there is given to use the epoch, before not to is called missing it. */
const patienceMs = 5_000;

type Line = z.infer<typeof lines>;

const parse = (text: string): Line[] =>
  text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const json: unknown = JSON.parse(line);
    return known.has(typed.parse(json).type) ? [lines.parse(json)] : [];
  });

const counted = (samples: Samples): Counted => ({ count: samples.count, ...samples.quantiles() });

/** @throws SyntaxError, ZodError for what is no ledger. */
export const readLedger = (text: string, span: Span, random: Seeded): LedgerFigures => {
  const rekeys = new Samples(random);
  const exposure = new Samples(random);
  const leftAtMs = new Map<string, number>();
  const within = parse(text).filter((line) => line.at >= span.fromMs);
  const activations: { readonly epoch: number; readonly at: number }[] = [];
  const departures: Departure[] = [];
  const exposed: { readonly participant: string; readonly epoch: number | null }[] = [];
  for (const line of within) {
    if (line.type === 'left') {
      if (line.at <= span.untilMs) leftAtMs.set(line.participant, line.at);
    } else if (line.type === 'activated') {
      activations.push(line);
      if (line.at <= span.untilMs) rekeys.add(line.tookMs);
    } else if (leftAtMs.has(line.participant)) {
      exposure.add(line.exposureMs);
      exposed.push(line);
    }
  }
  for (const { participant, epoch } of exposed) {
    const left = leftAtMs.get(participant);
    if (left === undefined || epoch === null) continue;
    const activeAtMs = activations.find((activation) => activation.epoch >= epoch)?.at ?? null;
    departures.push({ leftAtMs: left, epoch, activeAtMs });
  }
  const untold = leftAtMs.size - exposed.length;
  return { rekeys: counted(rekeys), exposure: counted(exposure), departures, untold };
};

/** The place of the first that is not smaller. */
const firstFrom = (rising: Uint32Array, value: number): number => {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Of all who were there at a departure and stayed. */
export const adoption = (
  departures: readonly Departure[],
  attendances: readonly Attendance[],
  random: Seeded,
): AdoptionFigures => {
  const samples = new Samples(random);
  let missed = 0;
  for (const { leftAtMs, epoch, activeAtMs } of departures) {
    for (const { fromMs, untilMs, epochs, atMs } of attendances) {
      if (fromMs > leftAtMs || (untilMs !== null && untilMs <= leftAtMs)) continue;
      const usedAtMs = atMs[firstFrom(epochs, epoch)];
      if (usedAtMs !== undefined) samples.add(Math.max(0, usedAtMs - leftAtMs));
      else if (untilMs === null || (activeAtMs !== null && untilMs > activeAtMs + patienceMs)) missed++;
    }
  }
  return { ...counted(samples), missed };
};
