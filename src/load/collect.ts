// One result out of what the generators counted, what the ledger tells, and what the server says of itself.

import type { Attendance } from './epochRecord.ts';
import type { GeneratorReport, TimedStage } from './generatorMessages.ts';
import type { Joiner, JoinTally } from './joiner.ts';
import { adoption } from './ledgerFigures.ts';
import type { LedgerFigures } from './ledgerFigures.ts';
import type { JoinFigures, LoadResult, Tally } from './result.ts';
import { Samples } from './samples.ts';
import type { Quantiles } from './samples.ts';
import type { Seeded } from './seeded.ts';
import type { ServerUsage } from './serverUsage.ts';

export interface Findings {
  readonly reports: readonly { readonly slow: boolean; readonly report: GeneratorReport }[];
  readonly joiner: Joiner;
  readonly tokens: Samples;
  readonly ledger: LedgerFigures;
  readonly usage: { readonly before: ServerUsage; readonly after: ServerUsage };
  readonly slowParticipants: number;
  readonly seconds: number;
  readonly seed: number;
  readonly random: Seeded;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** To a thousandth. */
const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

const tallyOf = (tallies: readonly Tally[]): Tally => {
  const total = new Map<string, number>();
  for (const tally of tallies)
    for (const [name, count] of Object.entries(tally)) total.set(name, (total.get(name) ?? 0) + count);
  return Object.fromEntries(total);
};

class Reports {
  readonly #reports: readonly GeneratorReport[];
  readonly #random: Seeded;

  constructor(reports: readonly GeneratorReport[], random: Seeded) {
    this.#reports = reports;
    this.#random = random;
  }

  sum(of: (report: GeneratorReport) => number): number {
    return sum(this.#reports.map(of));
  }

  stage(stage: TimedStage): Quantiles {
    const samples = new Samples(this.#random);
    for (const { stages } of this.#reports) samples.addAll(stages[stage]);
    return samples.quantiles();
  }

  joins({ ok, failed }: JoinTally): JoinFigures {
    return { ok, failed: Object.fromEntries(failed), ...this.stage('whole') };
  }

  get ended(): Tally {
    return tallyOf(this.#reports.map(({ ended }) => ended));
  }

  get attendances(): Attendance[] {
    return this.#reports.flatMap(({ attendances }) => attendances);
  }

  /** Null where one of them cannot tell. */
  get socketDrops(): number | null {
    const drops = this.#reports.map(({ socketDrops }) => socketDrops);
    return drops.every((one) => one !== null) ? sum(drops) : null;
  }
}

const failedFrames = (all: Reports): LoadResult['frames']['failed'] => {
  const beforeFirstEpoch = all.sum((report) => report.beforeFirstEpoch);
  return {
    beforeFirstEpoch,
    // The agents count both as one.
    missingKey: Math.max(0, all.sum(({ frames }) => frames.missingKey) - beforeFirstEpoch),
    badTag: all.sum(({ frames }) => frames.badTag),
    replayed: all.sum(({ frames }) => frames.replayed),
    staleEpoch: all.sum(({ frames }) => frames.staleEpoch),
    foreignOrigin: all.sum(({ frames }) => frames.foreignOrigin),
    malformed: all.sum(({ frames }) => frames.malformed),
  };
};

const packetsOf = (all: Reports): LoadResult['packets'] => {
  const lost = all.sum(({ counts }) => counts.lost);
  return {
    sent: all.sum(({ counts }) => counts.sent),
    received: all.sum(({ counts }) => counts.received),
    lost,
    unexplained: Math.max(0, lost - (all.socketDrops ?? 0)),
  };
};

const serverOf = ({ before, after }: Findings['usage']): LoadResult['server'] => {
  const used =
    before.cpuSeconds === null || after.cpuSeconds === null ? null : after.cpuSeconds - before.cpuSeconds;
  return { cpuSeconds: used === null ? null : rounded(used), rssBytes: after.rssBytes };
};

export const collect = (findings: Findings): LoadResult => {
  const { reports, joiner, tokens, ledger, usage, slowParticipants, seconds, seed, random } = findings;
  const of = (wanted: (slow: boolean) => boolean): Reports =>
    new Reports(
      reports.filter(({ slow }) => wanted(slow)).map(({ report }) => report),
      random,
    );
  const all = of(() => true);
  const prompt = of((slow) => !slow);
  const late = of((slow) => slow);
  return {
    joins: {
      ...prompt.joins(joiner.prompt),
      retried: joiner.retried + all.sum(({ retried }) => retried),
      silent: prompt.sum(({ silent }) => silent),
      stages: {
        token: tokens.quantiles(),
        transport: prompt.stage('transport'),
        admission: prompt.stage('admission'),
        activation: prompt.stage('activation'),
        firstFrame: prompt.stage('firstFrame'),
      },
    },
    rekeys: ledger.rekeys,
    exposure: ledger.exposure,
    epochs: adoption(ledger.departures, prompt.attendances, random),
    packets: packetsOf(all),
    frames: {
      sealed: all.sum(({ frames }) => frames.sealed),
      unsealed: all.sum(({ frames }) => frames.unsealed),
      opened: all.sum(({ frames }) => frames.opened),
      failed: failedFrames(all),
    },
    ended: prompt.ended,
    slow: {
      participants: slowParticipants,
      joins: late.joins(joiner.slow),
      epochs: adoption(ledger.departures, late.attendances, random),
      ended: late.ended,
    },
    server: serverOf(usage),
    generator: {
      processes: reports.length,
      cpuSeconds: rounded(all.sum(({ cpuSeconds }) => cpuSeconds)),
      rssBytes: all.sum(({ rssBytes }) => rssBytes),
      socketDrops: all.socketDrops,
    },
    seconds: rounded(seconds),
    seed,
  };
};
