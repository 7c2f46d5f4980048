// How long each thing may take (the header of src/keys/rekey.ts), and the looking when that time is over. Of time in which no mint could come
// about, since one failed or the custodian was gone, nothing counts.

import assert from 'node:assert/strict';
import type { Timers } from '../../src/protocol/timers.ts';
import type { VirtualClock } from './rekeyClock.ts';
import { latestTimerMs } from './rekeyHistories.ts';
import type { Answer, History } from './rekeyHistories.ts';
import type { DepartureLog, RoundLog } from './rekeyLedger.ts';

/** A window, deadlines, a grace and a retry end by a timer, each at most so late. */
export const slackMs = 8 * latestTimerMs;

export class RekeyBounds {
  readonly #clock: VirtualClock;
  readonly #timers: Timers;
  /** A: how long the custodian of this history takes to answer, at most. */
  readonly #answerMs: number;
  readonly #lost: { readonly sinceMs: number; readonly untilMs: number }[] = [];
  #over = false;

  constructor({ answers, timers }: History, clock: VirtualClock) {
    this.#clock = clock;
    this.#timers = timers;
    this.#answerMs = Math.max(5, ...answers.map((one) => (one.kind === 'answers' ? one.afterMs : 0)));
  }

  /** From its cause until a rekey is active. */
  rekeyMs(windowMs: number, spacingMs: number, ackMs: number): number {
    const onceMs = this.#answerMs + ackMs;
    return Math.max(windowMs, spacingMs, onceMs) + onceMs + slackMs;
  }

  /** From a round's beginning until the rekey that moves its people is asked for. */
  roundMs(reason: RoundLog['reason']): number {
    const { ackDeadlineMs, mintSpacingMs, readmitDeadlineMs, renewalSpreadMs } = this.#timers;
    const askingMs = this.#answerMs + (reason === 'renewal' ? renewalSpreadMs : 0);
    return askingMs + readmitDeadlineMs + this.#answerMs + ackDeadlineMs + mintSpacingMs + slackMs;
  }

  /** From when somebody lags until it is asked to be admitted anew. */
  get helpMs(): number {
    return this.#timers.lagLimitMs + this.#answerMs + slackMs;
  }

  /** From an answer to that until it is moved; `round`: which it may have to wait for. */
  moveMs(round: RoundLog | null): number {
    const { ackDeadlineMs, joinWindowMs, mintSpacingMs } = this.#timers;
    const aloneMs = this.rekeyMs(joinWindowMs, mintSpacingMs, ackDeadlineMs) + this.#answerMs;
    return aloneMs + (round === null ? 0 : this.roundMs(round.reason));
  }

  /** How long others are gathered for. */
  windowMs({ cause, person }: Pick<DepartureLog, 'cause' | 'person'>): number {
    const { departureWindowEvictedMs, departureWindowStageMs, departureWindowViewerMs } = this.#timers;
    if (cause === 'evicted') return departureWindowEvictedMs;
    return person.stage ? departureWindowStageMs : departureWindowViewerMs;
  }

  /** From a departure until its rekey is active, and until no unpaused sender uses what the departed derives. */
  departureMs(log: Pick<DepartureLog, 'cause' | 'person'>): {
    readonly cutMs: number;
    readonly closedMs: number;
  } {
    const { ackDeadlineMs, ackDeadlineEvictedMs, confirmGraceMs, confirmGraceEvictedMs, mintSpacingMs } =
      this.#timers;
    const evicted = log.cause === 'evicted';
    const ackMs = evicted ? Math.min(ackDeadlineMs, ackDeadlineEvictedMs) : ackDeadlineMs;
    const graceMs = evicted ? Math.min(confirmGraceMs, confirmGraceEvictedMs) : confirmGraceMs;
    const cutMs = this.rekeyMs(this.windowMs(log), evicted ? 0 : mintSpacingMs, ackMs);
    return { cutMs, closedMs: cutMs + graceMs };
  }

  /** No mint comes about before then. */
  lost(untilMs: number): void {
    this.#lost.push({ sinceMs: this.#clock.nowMs, untilMs: untilMs + 2 * latestTimerMs });
  }

  /** What the custodian will do with the mint that was just asked for. */
  answering(answer: Answer): void {
    const { custodianAnswerMs } = this.#timers;
    if (answer.kind === 'refuses') this.lost(this.#clock.nowMs + answer.afterMs + custodianAnswerMs);
    else if (answer.kind === 'hangs') this.lost(this.#clock.nowMs + custodianAnswerMs);
  }

  /** Nothing is looked at any more. */
  end(): void {
    this.#over = true;
  }

  /** Looks when the time is over, and again as much later as was lost since. */
  within(boundMs: number, holds: () => boolean, rule: string, then?: () => void): void {
    const sinceMs = this.#clock.nowMs;
    const look = (): void => {
      if (this.#over) return;
      let lostMs = 0;
      for (const lost of this.#lost) if (lost.untilMs >= sinceMs) lostMs += lost.untilMs - lost.sinceMs;
      if (this.#clock.nowMs < sinceMs + boundMs + lostMs) {
        this.#clock.at(sinceMs + boundMs + lostMs, look);
        return;
      }
      assert.ok(holds(), `${rule} within ${boundMs} + ${lostMs} ms`);
      then?.();
    };
    this.#clock.at(sinceMs + boundMs, look);
  }
}
