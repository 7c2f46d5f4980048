// Brings participants into the meeting, at a rate or so many at a time, as often as the server says `busy`, and counts what became of them.

import { LatchkeyError } from '../protocol/errors.ts';
import type { GeneratorProcess } from './generatorProcess.ts';
import type { JoinOutcome } from './generatorMessages.ts';
import { LoadFailure } from './failure.ts';
import { pause } from './pause.ts';
import type { Population, Profile } from './population.ts';
import type { Samples } from './samples.ts';
import type { Seeded } from './seeded.ts';
import { Busy } from './serverApi.ts';
import type { ServerApi } from './serverApi.ts';

/** Under way at a time, where no rate is given. More would wait for the processor here, and be timed for it. */
const joinsAtOnce = 50;
/** Where `busy` names no time. */
const busyPauseMs = 1_000;
const longestBusyPauseMs = 30_000;
/** From the first attempt on; who is not in by then has failed. */
const longestJoinMs = 120_000;

export interface JoinerParts {
  readonly api: ServerApi;
  readonly meeting: string;
  readonly population: Population;
  readonly generatorOf: (profile: Profile) => GeneratorProcess;
  readonly random: Seeded;
  /** From asking for a token to having it. */
  readonly tokens: Samples;
  /** Joins that have begun go on; no other one begins. */
  readonly signal: AbortSignal;
}

export interface JoinTally {
  ok: number;
  readonly failed: Map<string, number>;
}

const newTally = (): JoinTally => ({ ok: 0, failed: new Map() });

export class Joiner {
  readonly prompt = newTally();
  readonly slow = newTally();
  retried = 0;
  /** Numbers of those who are not slow; they may have gone since. */
  readonly joined = new Set<number>();
  readonly #parts: JoinerParts;
  readonly #late = new Set<Promise<boolean>>();

  constructor(parts: JoinerParts) {
    this.#parts = parts;
  }

  /** Resolves when each is in or has failed, but for the slow: nobody waits for them. */
  async joinAll(indices: readonly number[], ratePerSecond: number | null): Promise<void> {
    await (ratePerSecond === null ? this.#asTheyCome(indices) : this.#atRate(indices, ratePerSecond));
  }

  /** Whether it is in, and may leave again: the slow stay. @throws LoadFailure where the generator is gone. */
  async join(index: number): Promise<boolean> {
    const profile = this.#parts.population.profile(index);
    if (profile.slow) {
      const joining = this.#join(profile, this.slow);
      this.#late.add(joining);
      // What it rejects with, its generator's end has told already.
      joining.catch(() => undefined).finally(() => this.#late.delete(joining));
      return false;
    }
    const joined = await this.#join(profile, this.prompt);
    if (joined) this.joined.add(index);
    return joined;
  }

  /** When the slow are in too, or have failed, or `ms` have passed. */
  async lateIn(ms: number): Promise<void> {
    const over = new AbortController();
    const all = Promise.allSettled(this.#late).then(() => over.abort());
    await Promise.race([all, pause(ms, AbortSignal.any([over.signal, this.#parts.signal]))]);
  }

  async #join(profile: Profile, tally: JoinTally): Promise<boolean> {
    const outcome = await this.#try(profile);
    if (outcome.ok) tally.ok++;
    else tally.failed.set(outcome.code, (tally.failed.get(outcome.code) ?? 0) + 1);
    return outcome.ok;
  }

  async #asTheyCome(indices: readonly number[]): Promise<void> {
    const left = indices.toReversed();
    const joinSome = async (): Promise<void> => {
      while (!this.#parts.signal.aborted) {
        const index = left.pop();
        if (index === undefined) return;
        await this.join(index);
      }
    };
    await Promise.all(Array.from({ length: joinsAtOnce }, joinSome));
  }

  async #atRate(indices: readonly number[], ratePerSecond: number): Promise<void> {
    const beganMs = performance.now();
    const joining: Promise<unknown>[] = [];
    for (const [at, index] of indices.entries()) {
      await pause(beganMs + (1_000 * at) / ratePerSecond - performance.now(), this.#parts.signal);
      if (this.#parts.signal.aborted) break;
      const joined = this.join(index);
      // Looked at when all have begun.
      joined.catch(() => undefined);
      joining.push(joined);
    }
    await Promise.all(joining);
  }

  async #try(profile: Profile): Promise<JoinOutcome> {
    const beganMs = performance.now();
    for (;;) {
      const outcome = await this.#once(profile, beganMs);
      if (outcome.ok || outcome.code !== 'busy') return outcome;
      const { random, signal } = this.#parts;
      const waitMs = Math.min(outcome.retryAfterMs ?? busyPauseMs, longestBusyPauseMs);
      // Not all at the same moment again.
      await pause(waitMs * random.between(1, 1.5), signal);
      if (signal.aborted || performance.now() - beganMs > longestJoinMs) return outcome;
      this.retried++;
    }
  }

  async #once(profile: Profile, beganMs: number): Promise<JoinOutcome> {
    const { api, meeting, generatorOf, tokens } = this.#parts;
    const { index, name, role, sends, opens, seesVideo } = profile;
    const askedMs = performance.now();
    let token: string;
    try {
      token = await api.token(meeting, name, role);
    } catch (thrown) {
      if (thrown instanceof Busy) return { ok: false, code: 'busy', retryAfterMs: thrown.retryAfterMs };
      if (thrown instanceof LatchkeyError) return { ok: false, code: thrown.code, retryAfterMs: null };
      if (thrown instanceof LoadFailure) return { ok: false, code: 'connection_lost', retryAfterMs: null };
      throw thrown;
    }
    const hadMs = performance.now();
    if (!profile.slow) tokens.add(hadMs - askedMs);
    const waitedMs = hadMs - beganMs;
    return await generatorOf(profile).ask('join', { index, token, waitedMs, sends, opens, seesVideo });
  }
}
