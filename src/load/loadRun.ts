// One run of load: a meeting, generators of participants, and the phases
//
//   joining ──all are in, or have failed──▶ running ──its time has passed──▶ settling ──the last departure is told──▶ done
//
// after which everything is counted and everybody leaves. Told to stop, it goes on to the counting at once.

import { availableParallelism } from 'node:os';
import { LatchkeyError } from '../protocol/errors.ts';
import { Churn } from './churn.ts';
import { collect } from './collect.ts';
import { LoadFailure } from './failure.ts';
import { GeneratorProcess } from './generatorProcess.ts';
import { Joiner } from './joiner.ts';
import { readLedger } from './ledgerFigures.ts';
import type { LedgerFigures, Span } from './ledgerFigures.ts';
import type { LoadOptions } from './options.ts';
import { pause } from './pause.ts';
import { flows, Population } from './population.ts';
import type { Profile } from './population.ts';
import type { LoadResult } from './result.ts';
import { Samples } from './samples.ts';
import { Seeded } from './seeded.ts';
import type { ServerApi } from './serverApi.ts';
import { readUsage } from './serverUsage.ts';

export type Phase = 'joining' | 'running' | 'settling' | 'leaving';

export interface Progress {
  readonly phase: Phase;
  readonly present: number;
  readonly wanted: number;
  readonly failed: number;
  /** -1 before the first. */
  readonly epoch: number;
  readonly packetsPerSecond: number;
  readonly lost: number;
}

export interface LoadRunParts {
  readonly options: LoadOptions;
  readonly api: ServerApi;
  readonly url: string;
  readonly meeting: string;
  /** Stop, and count what there is. */
  readonly signal: AbortSignal;
  /** Something of ours died. */
  readonly onDied: (why: LoadFailure) => void;
  readonly onProgress: (progress: Progress) => void;
}

const participantsPerProcess = 250;
/** Twice the deadline for acknowledgements: whatever is to be in time with it is not. */
const lateMs = 4_000;
const progressEveryMs = 1_000;
/** A generator that does not answer for so long hangs. */
const hangsMs = 60_000;
/** From the end of the run until the last of the slow is in: each of its answers takes `lateMs`. */
const longestLateMs = 6 * lateMs;
/** From the end of the run until the last departure is told in the ledger, at most. */
const longestSettleMs = 10_000;
const settlePollMs = 500;
/** From then on until everybody has heard. */
const settleMs = 1_000;

const failedIn = ({ prompt, slow }: Joiner): number =>
  [...prompt.failed.values(), ...slow.failed.values()].reduce((sum, count) => sum + count, 0);

export class LoadRun {
  readonly #parts: LoadRunParts;
  readonly #population: Population;
  readonly #generators: readonly GeneratorProcess[];
  readonly #joiner: Joiner;
  readonly #tokens: Samples;
  readonly #random: Seeded;
  #phase: Phase = 'joining';
  #packets = { count: 0, atMs: performance.now() };
  #ended = false;

  constructor(parts: LoadRunParts) {
    const { options, api, meeting, signal } = parts;
    this.#parts = parts;
    this.#population = new Population(options);
    this.#random = new Seeded(options.seed, flows.samples);
    this.#tokens = new Samples(this.#random);
    this.#generators = this.#start();
    this.#joiner = new Joiner({
      api,
      meeting,
      population: this.#population,
      generatorOf: (profile) => this.#generatorOf(profile),
      random: new Seeded(options.seed, flows.pauses),
      tokens: this.#tokens,
      signal,
    });
  }

  /** @throws LatchkeyError, LoadFailure where the server is gone. */
  async run(): Promise<LoadResult> {
    const { options, api } = this.#parts;
    const fromMs = Date.now();
    const before = readUsage(await api.metrics());
    const progress = setInterval(() => this.#report(), progressEveryMs);
    try {
      await this.#join();
      this.#phase = 'running';
      const beganMs = performance.now();
      await this.#keep();
      const seconds = (performance.now() - beganMs) / 1_000;
      const untilMs = Date.now();
      this.#phase = 'settling';
      await this.#joiner.lateIn(longestLateMs);
      const ledger = await this.#settle({ fromMs, untilMs });
      const after = readUsage(await api.metrics());
      const reports = await Promise.all(
        this.#generators.map(async (one) => ({ slow: one.slow, report: await one.ask('report', null) })),
      );
      this.#phase = 'leaving';
      return collect({
        reports,
        joiner: this.#joiner,
        tokens: this.#tokens,
        ledger,
        usage: { before, after },
        slowParticipants: this.#slowParticipants(),
        seconds,
        seed: options.seed,
        random: this.#random,
      });
    } finally {
      clearInterval(progress);
    }
  }

  /** All leave, and the generators end. Idempotent. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await Promise.all(this.#generators.map((generator) => generator.end()));
  }

  #start(): GeneratorProcess[] {
    const { options, url, onDied } = this.#parts;
    const { participants, processes, seed, slow } = options;
    // One core is left to whatever else runs here, and two processes on one core cost more than one.
    const cores = Math.max(1, availableParallelism() - 1);
    const useful = Math.min(cores, Math.ceil(participants / participantsPerProcess));
    const prompt = Math.max(1, processes ?? useful);
    const late = slow > 0 ? [lateMs] : [];
    // It is a whole process that is late.
    return [...Array.from({ length: prompt }, () => 0), ...late].map(
      (lateMs) => new GeneratorProcess({ url, lateMs, seed }, onDied),
    );
  }

  #generatorOf({ index, slow }: Profile): GeneratorProcess {
    const fitting = this.#generators.filter((generator) => generator.slow === slow);
    const generator = fitting[index % fitting.length];
    if (generator === undefined) throw new TypeError('no generator for such a participant');
    return generator;
  }

  /** Who sends comes first, so that there is something to hear for the others. */
  async #join(): Promise<void> {
    const { participants, publishers, joinRate } = this.#parts.options;
    const indices = Array.from({ length: participants }, (_, index) => index);
    await this.#joiner.joinAll(indices.slice(0, publishers), joinRate);
    await this.#joiner.joinAll(indices.slice(publishers), joinRate);
  }

  /** For as long as was asked, with people who come and go. */
  async #keep(): Promise<void> {
    const { options, signal } = this.#parts;
    const { participants, publishers, churn, durationMs, seed } = options;
    const over = AbortSignal.any([signal, AbortSignal.timeout(durationMs)]);
    const ran = pause(durationMs, over);
    if (churn === 0) {
      await ran;
      return;
    }
    const audience = [...this.#joiner.joined].filter((index) => index >= publishers);
    const coming = new Churn(audience, participants, {
      perSecond: churn,
      random: new Seeded(seed, flows.departures),
      leave: (index) => this.#generatorOf(this.#population.profile(index)).ask('leave', index),
      join: (index) => this.#joiner.join(index),
    });
    await coming.run(over);
  }

  async #settle(span: Span): Promise<LedgerFigures> {
    const { signal, options } = this.#parts;
    const beganMs = performance.now();
    for (;;) {
      const figures = readLedger(await this.#ledger(), span, this.#random);
      const waitedMs = performance.now() - beganMs;
      if (figures.untold === 0 || waitedMs > longestSettleMs || signal.aborted) {
        if (options.churn > 0) await pause(settleMs, signal);
        return figures;
      }
      await pause(settlePollMs, signal);
    }
  }

  /** Empty where nobody was ever in. */
  async #ledger(): Promise<string> {
    const { api, meeting } = this.#parts;
    try {
      return await api.ledger(meeting);
    } catch (thrown) {
      if (thrown instanceof LatchkeyError && thrown.code === 'meeting_not_found') return '';
      throw thrown;
    }
  }

  #slowParticipants(): number {
    const { participants } = this.#parts.options;
    return Array.from({ length: participants }, (_, index) => this.#population.profile(index)).filter(
      ({ slow }) => slow,
    ).length;
  }

  #report(): void {
    void this.#tell().catch((thrown: unknown) => {
      if (thrown instanceof LoadFailure) this.#parts.onDied(thrown);
    });
  }

  async #tell(): Promise<void> {
    const { options, onDied, onProgress } = this.#parts;
    const hangs = setTimeout(
      () => onDied(new LoadFailure('broken', `a generator has not answered for ${hangsMs / 1_000} s`)),
      hangsMs,
    );
    try {
      const counts = await Promise.all(this.#generators.map((generator) => generator.ask('counts', null)));
      const total = (of: (one: (typeof counts)[number]) => number): number =>
        counts.reduce((sum, one) => sum + of(one), 0);
      const received = total((one) => one.received);
      const nowMs = performance.now();
      const seconds = (nowMs - this.#packets.atMs) / 1_000;
      const packetsPerSecond = Math.round((received - this.#packets.count) / Math.max(seconds, 0.001));
      this.#packets = { count: received, atMs: nowMs };
      if (this.#ended) return;
      onProgress({
        phase: this.#phase,
        present: total((one) => one.present),
        wanted: options.participants,
        failed: failedIn(this.#joiner),
        epoch: Math.max(...counts.map((one) => one.epoch)),
        packetsPerSecond,
        lost: total((one) => one.lost),
      });
    } finally {
      clearTimeout(hangs);
    }
  }
}
