// What can happen to a meeting, as data that fast-check makes and shrinks.

import fc from 'fast-check';
import { joinPolicies } from '../../src/protocol/names.ts';
import type { DepartureCause, JoinPolicy } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import type { Traits } from './rekeyClient.ts';

export type Deed =
  | { readonly kind: 'join'; readonly people: readonly Traits[] }
  /** `who` counts around those present. */
  | { readonly kind: 'depart'; readonly who: number; readonly cause: DepartureCause }
  | { readonly kind: 'everybodyLeaves' }
  | { readonly kind: 'toggleSending'; readonly who: number }
  /** A host raises it to the stage, or lowers it to the audience: what it sends ends there. */
  | { readonly kind: 'toggleStage'; readonly who: number }
  /** Its socket stands still, both ways; later everything arrives. */
  | { readonly kind: 'stall'; readonly who: number; readonly forMs: number }
  /** Its page hangs: its socket and its media go on. */
  | { readonly kind: 'silence'; readonly who: number }
  /** Its socket is gone, with all that was on its way; the server notices later, and it tries to come back then, or never. */
  | {
      readonly kind: 'drop';
      readonly who: number;
      readonly noticedAfterMs: number;
      readonly backAfterMs: number | null;
    }
  /** The page is loaded again: its socket is gone, and the same person joins as somebody else. */
  | { readonly kind: 'reload'; readonly who: number }
  | { readonly kind: 'rekey'; readonly reason: 'operator' | 'compromise' }
  | { readonly kind: 'loseCustodian'; readonly backAfterMs: number };

export type Answer =
  | { readonly kind: 'answers'; readonly afterMs: number }
  | { readonly kind: 'refuses'; readonly afterMs: number }
  /** Ended once it is told to be stalled; another comes. */
  | { readonly kind: 'hangs' };

export interface History {
  readonly timers: Timers;
  readonly joinPolicy: JoinPolicy;
  readonly deeds: readonly { readonly afterMs: number; readonly deed: Deed }[];
  /** Of the custodian, one a mint; later ones are prompt. */
  readonly answers: readonly Answer[];
  /** Used in turn: how late a timer is, how long a frame flies from the server to a receiver. */
  readonly timersLateMs: readonly number[];
  readonly flightsMs: readonly number[];
  /** Picks the epochs at which coalitions and thieves are looked at. */
  readonly looks: number;
}

/** More than this a frame does not take, or it is lost: receivers' grace less the longest confirm grace and a late timer. */
export const longestFlightMs = 900;
export const latestTimerMs = 15;
/** The custodian's part of an admission. */
export const longestAdmissionMs = 20;

const weighted = <T>(...choices: (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const often = <T>(value: T, weight: number, otherwise: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  weighted([weight, fc.constant(value)], [1, otherwise]);

const delayMs = weighted([5, fc.integer({ min: 0, max: 40 })], [1, fc.integer({ min: 0, max: 1_200 })]);

const traits: fc.Arbitrary<Traits> = fc.record({
  stage: fc.boolean(),
  upMs: delayMs,
  downMs: delayMs,
  installMs: often(1, 4, fc.nat({ max: 300 })),
  confirms: weighted<Traits['confirms']>(
    [5, fc.constant('always')],
    [5, fc.constant('whileSending')],
    [1, fc.constant('never')],
  ),
  readmitsMs: weighted<number | null>(
    [8, fc.integer({ min: 1, max: 60 })],
    [3, fc.integer({ min: 1, max: 5_000 })],
    [1, fc.constant(null)],
  ),
  lies: often(false, 40, fc.constant(true)),
  stutters: often(false, 9, fc.constant(true)),
});

const who = fc.nat({ max: 60 });
const people = fc.array(traits, { minLength: 1, maxLength: 5 });
const kind = <K extends Deed['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name);

const deed: fc.Arbitrary<Deed> = weighted<Deed>(
  [8, fc.record({ kind: kind('join'), people })],
  [
    6,
    fc.record({
      kind: kind('depart'),
      who,
      cause: fc.constantFrom<DepartureCause>('left', 'lost', 'evicted', 'evicted'),
    }),
  ],
  [1, fc.record({ kind: kind('everybodyLeaves') })],
  [9, fc.record({ kind: kind('toggleSending'), who })],
  [2, fc.record({ kind: kind('toggleStage'), who })],
  [3, fc.record({ kind: kind('stall'), who, forMs: fc.integer({ min: 1, max: 8_000 }) })],
  [1, fc.record({ kind: kind('silence'), who })],
  [
    4,
    fc.record({
      kind: kind('drop'),
      who,
      noticedAfterMs: weighted([3, fc.integer({ min: 0, max: 50 })], [1, fc.integer({ min: 0, max: 6_000 })]),
      backAfterMs: weighted<number | null>(
        [6, fc.integer({ min: 50, max: 4_000 })],
        [2, fc.integer({ min: 50, max: 14_000 })],
        [1, fc.constant(null)],
      ),
    }),
  ],
  [1, fc.record({ kind: kind('reload'), who })],
  [1, fc.record({ kind: kind('rekey'), reason: fc.constant('operator' as const) })],
  [2, fc.record({ kind: kind('rekey'), reason: fc.constant('compromise' as const) })],
  [1, fc.record({ kind: kind('loseCustodian'), backAfterMs: fc.integer({ min: 20, max: 3_000 }) })],
);

const pauseMs = weighted(
  [3, fc.integer({ min: 0, max: 30 })],
  [3, fc.integer({ min: 0, max: 600 })],
  [1, fc.integer({ min: 0, max: 5_000 })],
);

const answer: fc.Arbitrary<Answer> = weighted<Answer>(
  [24, fc.record({ kind: fc.constant('answers' as const), afterMs: fc.nat({ max: 30 }) })],
  [5, fc.record({ kind: fc.constant('answers' as const), afterMs: fc.nat({ max: 950 }) })],
  [2, fc.record({ kind: fc.constant('refuses' as const), afterMs: fc.nat({ max: 900 }) })],
  [1, fc.record({ kind: fc.constant('hangs' as const) })],
);

const calm = defaultTimers;
/** Everything that takes minutes, in seconds. */
const hasty = {
  ...defaultTimers,
  intervalMs: 4_000,
  epochLifeMs: 30_000,
  renewalIntervalMs: 9_000,
  renewalSpreadMs: 2_000,
  lagLimitMs: 4_000,
  resumeWindowMs: 4_000,
  freshForMs: 1_500,
};

/** The defaults, and others at the edges of sense. */
const timers: fc.Arbitrary<Timers> = fc.constantFrom<Timers>(
  calm,
  calm,
  hasty,
  { ...hasty, intervalMs: 300_000, freshForMs: 600 },
  { ...hasty, epochLifeMs: 6_000, renewalIntervalMs: 300_000, readmitDeadlineMs: 700 },
  { ...calm, joinWindowMs: 0, departureWindowStageMs: 0, departureWindowViewerMs: 0, mintSpacingMs: 0 },
  { ...calm, departureWindowEvictedMs: 120, confirmGraceEvictedMs: 0, ackDeadlineEvictedMs: 0 },
  { ...calm, ackDeadlineMs: 300, confirmGraceMs: 300, mintSpacingMs: 900 },
);

const deeds = fc.array(fc.record({ afterMs: pauseMs, deed }), { minLength: 1, maxLength: 40, size: 'max' });

const surroundings = {
  timersLateMs: fc.array(fc.nat({ max: latestTimerMs }), { minLength: 1, maxLength: 5 }),
  flightsMs: fc.array(fc.nat({ max: longestFlightMs }), { minLength: 1, maxLength: 5 }),
  looks: fc.nat({ max: 1_000 }),
};

const ordinary: fc.Arbitrary<History> = fc.record({
  timers,
  joinPolicy: weighted<JoinPolicy>([2, fc.constant('every')], [1, fc.constantFrom(...joinPolicies)]),
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
  readmitsMs: 5,
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
  .map(({ crowd, gapsMs, sending, ...rest }): History => {
    const people = [{ ...prompt, stage: true }, ...crowd];
    return {
      timers: { ...defaultTimers, ackDeadlineEvictedMs: 50, confirmGraceEvictedMs: 2_000 },
      joinPolicy: 'every',
      deeds: [
        { afterMs: 0, deed: { kind: 'join', people } },
        { afterMs: 50, deed: { kind: 'toggleSending', who: 0 } },
        ...sending.map((who) => ({ afterMs: 0, deed: { kind: 'toggleSending', who: who + 1 } as const })),
        { afterMs: 4_000, deed: { kind: 'silence', who: 0 } },
        ...gapsMs.map((afterMs) => ({
          afterMs,
          deed: { kind: 'depart', who: 8, cause: 'evicted' } as const,
        })),
      ],
      answers: [],
      ...rest,
    };
  });

/** So many listeners that two per cent of them are somebody; those who send, or begin or cease to, are slow. */
const assembly: fc.Arbitrary<History> = fc
  .record({
    listeners: fc.integer({ min: 55, max: 70 }),
    installMs: fc.integer({ min: 120, max: 300 }),
    gapMs: fc.integer({ min: 40, max: 90 }),
    ...surroundings,
  })
  .map(({ listeners, installMs, gapMs, ...rest }): History => {
    const slow = { ...prompt, stage: true, installMs };
    const people = [slow, ...Array.from({ length: listeners }, () => ({ ...prompt, stage: false }))];
    return {
      timers: defaultTimers,
      joinPolicy: 'every',
      deeds: [
        { afterMs: 0, deed: { kind: 'join', people } },
        { afterMs: 900, deed: { kind: 'toggleSending', who: 0 } },
        { afterMs: 600, deed: { kind: 'join', people: [slow] } },
        { afterMs: gapMs, deed: { kind: 'toggleSending', who: people.length } },
        { afterMs: 1_500, deed: { kind: 'depart', who: people.length, cause: 'left' } },
        {
          afterMs: defaultTimers.departureWindowStageMs + latestTimerMs + gapMs,
          deed: { kind: 'toggleSending', who: 0 },
        },
      ],
      answers: [],
      ...rest,
    };
  });

/** One compromise is suspected after the other, while the custodian refuses; and somebody who answered the first falls silent. */
const suspicion: fc.Arbitrary<History> = fc
  .record({
    present: fc.integer({ min: 2, max: 6 }),
    who,
    silentAfterMs: fc.integer({ min: 60, max: 100 }),
    gapsMs: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 }),
    refusalsMs: fc.array(fc.integer({ min: 150, max: 900 }), { minLength: 1, maxLength: 3 }),
    ...surroundings,
  })
  .map(({ present, who, silentAfterMs, gapsMs, refusalsMs, ...rest }): History => {
    const people = Array.from({ length: present }, () => ({ ...prompt, stage: false }));
    const compromise = { kind: 'rekey', reason: 'compromise' } as const;
    return {
      timers: defaultTimers,
      joinPolicy: 'every',
      deeds: [
        { afterMs: 0, deed: { kind: 'join', people } },
        { afterMs: 2_000, deed: compromise },
        { afterMs: silentAfterMs, deed: { kind: 'silence', who } },
        ...gapsMs.map((afterMs) => ({ afterMs, deed: compromise })),
      ],
      answers: [
        { kind: 'answers', afterMs: 5 },
        ...refusalsMs.map((afterMs) => ({ kind: 'refuses', afterMs }) as const),
      ],
      ...rest,
    };
  });

export const history: fc.Arbitrary<History> = weighted(
  [120, ordinary],
  [2, storm],
  [2, assembly],
  [4, suspicion],
);
