// What can happen to a meeting, as data that fast-check makes and shrinks.

import fc from 'fast-check';
import type { DepartureCause } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import type { Traits } from './rekeyClient.ts';

export type Deed =
  | { readonly kind: 'join'; readonly people: readonly Traits[] }
  /** `who` counts around those present. */
  | { readonly kind: 'depart'; readonly who: number; readonly cause: DepartureCause }
  | { readonly kind: 'everybodyLeaves' }
  | { readonly kind: 'toggleSending'; readonly who: number }
  /** Its socket stands still, both ways; later everything arrives. */
  | { readonly kind: 'stall'; readonly who: number; readonly forMs: number }
  /** Its socket is dead, its media goes on. */
  | { readonly kind: 'silence'; readonly who: number };

export type Answer =
  | { readonly kind: 'answers'; readonly afterMs: number }
  | { readonly kind: 'refuses'; readonly afterMs: number }
  /** Replaced only once it is told to be stalled, and that again. */
  | { readonly kind: 'hangs' };

export interface History {
  readonly timers: Timers;
  readonly deeds: readonly { readonly afterMs: number; readonly deed: Deed }[];
  /** Of the custodian, one a mint; later ones are prompt. */
  readonly answers: readonly Answer[];
  /** Used in turn: how late a timer is, how long a frame flies from the server to a receiver. */
  readonly timersLateMs: readonly number[];
  readonly flightsMs: readonly number[];
}

/** More than this a frame does not take, or it is lost: receivers' grace less the longest confirm grace and a late timer. */
export const longestFlightMs = 900;
export const latestTimerMs = 15;

const delayMs = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 1_200 }) },
);

const traits: fc.Arbitrary<Traits> = fc.record({
  stage: fc.boolean(),
  upMs: delayMs,
  downMs: delayMs,
  installMs: fc.oneof(
    { weight: 4, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.nat({ max: 300 }) },
  ),
  confirms: fc.oneof(
    { weight: 5, arbitrary: fc.constant('always' as const) },
    { weight: 5, arbitrary: fc.constant('whileSending' as const) },
    { weight: 1, arbitrary: fc.constant('never' as const) },
  ),
  lies: fc.oneof({ weight: 40, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  stutters: fc.oneof(
    { weight: 9, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

const who = fc.nat({ max: 60 });
const people = fc.array(traits, { minLength: 1, maxLength: 5 });

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('join' as const), people }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('depart' as const),
      who,
      cause: fc.constantFrom<DepartureCause>('left', 'lost', 'evicted', 'evicted'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'everybodyLeaves' as const }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('toggleSending' as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('stall' as const),
      who,
      forMs: fc.integer({ min: 1, max: 8_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('silence' as const), who }) },
);

const pauseMs = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 600 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
);

const answer: fc.Arbitrary<Answer> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('answers' as const), afterMs: fc.nat({ max: 30 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('answers' as const), afterMs: fc.nat({ max: 1_300 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('refuses' as const), afterMs: fc.nat({ max: 900 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'hangs' as const }) },
);

/** The defaults, and others at the edges of sense. */
const timers: fc.Arbitrary<Timers> = fc.constantFrom<Timers>(
  defaultTimers,
  defaultTimers,
  {
    ...defaultTimers,
    joinWindowMs: 0,
    departureWindowStageMs: 0,
    departureWindowViewerMs: 0,
    mintSpacingMs: 0,
  },
  { ...defaultTimers, departureWindowEvictedMs: 120, confirmGraceEvictedMs: 0, ackDeadlineEvictedMs: 0 },
  { ...defaultTimers, ackDeadlineMs: 300, confirmGraceMs: 300, mintSpacingMs: 900 },
);

const deeds = fc.array(fc.record({ afterMs: pauseMs, deed }), { minLength: 1, maxLength: 45, size: 'max' });

const surroundings = {
  timersLateMs: fc.array(fc.nat({ max: latestTimerMs }), { minLength: 1, maxLength: 5 }),
  flightsMs: fc.array(fc.nat({ max: longestFlightMs }), { minLength: 1, maxLength: 5 }),
};

const ordinary: fc.Arbitrary<History> = fc.record({
  timers,
  deeds,
  answers: fc.array(answer, { maxLength: 30 }),
  ...surroundings,
});

const prompt = {
  upMs: 3,
  downMs: 3,
  installMs: 1,
  lies: false,
  stutters: false,
  confirms: 'always',
} as const;
const crowd = fc.array(
  fc.boolean().map((stage) => ({ ...prompt, stage })),
  { minLength: 25, maxLength: 30 },
);

/** Everybody is prompt but one sender, which falls silent; and evictions follow each other: more epochs than anybody holds. */
const storm: fc.Arbitrary<History> = fc
  .record({
    crowd,
    gapsMs: fc.array(fc.integer({ min: 5, max: 100 }), { minLength: 20, maxLength: 24 }),
    sending: fc.array(fc.nat({ max: 6 }), { maxLength: 5 }),
    ...surroundings,
  })
  .map(({ crowd, gapsMs, sending, timersLateMs, flightsMs }): History => {
    const people = [{ ...prompt, stage: true }, ...crowd];
    return {
      timers: { ...defaultTimers, ackDeadlineEvictedMs: 50, confirmGraceEvictedMs: 2_000 },
      deeds: [
        { afterMs: 0, deed: { kind: 'join', people } },
        { afterMs: 0, deed: { kind: 'toggleSending', who: 0 } },
        ...sending.map((who) => ({ afterMs: 0, deed: { kind: 'toggleSending', who: who + 1 } as const })),
        { afterMs: 4_000, deed: { kind: 'silence', who: 0 } },
        ...gapsMs.map((afterMs) => ({
          afterMs,
          deed: { kind: 'depart', who: 8, cause: 'evicted' } as const,
        })),
      ],
      answers: [],
      timersLateMs,
      flightsMs,
    };
  });

export const history: fc.Arbitrary<History> = fc.oneof(
  { weight: 40, arbitrary: ordinary },
  { weight: 1, arbitrary: storm },
);
