// DESIGN's laws 2 (its bound), 3, 6 and 7 and the rules of the rekey machine, held against every step of a history. Each check says its rule.
// More than 400 lines, since the laws look at one account of what happened; the account's own shape is in rekeyLedger.ts.

import assert from 'node:assert/strict';
import type { RekeyInput, RekeyOutput, RekeyPhase } from '../../src/keys/rekey.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';
import { lease as leaseOf } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import { fingerprintOf } from './rekeyClient.ts';
import type { ModelClient } from './rekeyClient.ts';
import type { VirtualClock } from './rekeyClock.ts';
import { latestTimerMs } from './rekeyHistories.ts';
import type { Answer, History } from './rekeyHistories.ts';
import { newCounts, quorumMet } from './rekeyLedger.ts';
import type { Counts, DepartureLog, EpochLog, Person } from './rekeyLedger.ts';

type Of<K extends RekeyOutput['kind']> = Extract<RekeyOutput, { kind: K }>;
type Checks = { readonly [K in RekeyOutput['kind']]: (output: Of<K>) => void };

/** A window, two deadlines, a grace and a retry end by a timer, each at most so late. */
const slackMs = 5 * latestTimerMs;
const mostSteps = 200_000;

export class RekeyLaws {
  readonly counts: Counts = newCounts();
  readonly #clock: VirtualClock;
  readonly #timers: Timers;
  readonly #clients: ReadonlyMap<number, ModelClient>;
  readonly #slowestAnswerMs: number;
  readonly #people = new Map<number, Person>();
  readonly #departures = new Map<number, DepartureLog>();
  /** Ascending; live from the first that is not retired. */
  readonly #epochs: EpochLog[] = [];
  readonly #retiredEarly = new Set<number>();
  readonly #failures: { readonly askedAtMs: number; readonly overAtMs: number }[] = [];
  #asked: {
    readonly atMs: number;
    readonly joins: readonly number[];
    readonly departures: readonly number[];
  } | null = null;
  #lastAskedAtMs = -Infinity;
  #lastFailedAtMs = -Infinity;
  /** When the last mint was asked for that was answered. */
  #servedToMs = -Infinity;
  #active: EpochLog | null = null;
  /** No running sender may use an epoch below. */
  #floor = 0;
  #input: RekeyInput = { kind: 'tick' };
  #outputs: readonly RekeyOutput[] = [];
  #steps = 0;
  #ended = false;

  constructor(history: History, clock: VirtualClock, clients: ReadonlyMap<number, ModelClient>) {
    this.#clock = clock;
    this.#timers = history.timers;
    this.#clients = clients;
    const delays = history.answers.map((answer) => (answer.kind === 'answers' ? answer.afterMs : 0));
    this.#slowestAnswerMs = Math.max(5, ...delays);
  }

  get #nowMs(): number {
    return this.#clock.nowMs;
  }

  get #live(): EpochLog[] {
    return this.#epochs.filter(({ retired }) => !retired);
  }

  get #inFlight(): EpochLog | null {
    const last = this.#epochs.at(-1);
    return last === undefined || last.activeAtMs !== null ? null : last;
  }

  #present(): Person[] {
    return [...this.#people.values()].filter(({ present }) => present);
  }

  // What goes in

  stepped(input: RekeyInput, outputs: readonly RekeyOutput[], act: (output: RekeyOutput) => void): void {
    assert.ok(++this.#steps < mostSteps, 'the machine does not come to rest');
    this.#input = input;
    this.#outputs = outputs;
    this.#take(input);
    for (const output of outputs) {
      this.#check(output);
      act(output);
    }
    if (input.kind === 'depart') {
      const told = outputs.some((output) => output.kind === 'withdrawn');
      assert.ok(told || this.#departures.has(input.lease), 'who joined without a key is withdrawn');
    }
  }

  #check<K extends RekeyOutput['kind']>(output: Of<K>): void {
    const check = this.#checks[output.kind] as (output: Of<K>) => void;
    check(output);
  }

  #take(input: RekeyInput): void {
    if (input.kind === 'join') this.#join(input.lease, input.stage);
    else if (input.kind === 'depart') this.#depart(input);
    else if (input.kind === 'end') this.#ended = true;
    else if (input.kind === 'acknowledged' || input.kind === 'confirmed' || input.kind === 'sends') {
      const person = this.#people.get(input.lease);
      if (person?.present === true) this.#hear(person, input);
    }
  }

  #join(lease: number, stage: boolean): void {
    this.#people.set(lease, {
      lease,
      stage,
      joinedAtMs: this.#nowMs,
      present: true,
      firstEpoch: null,
      acknowledged: -1,
      confirmed: -1,
      sends: false,
      started: false,
      lagging: false,
      gateOpen: false,
    });
    const { joinWindowMs, ackDeadlineMs, mintSpacingMs } = this.#timers;
    this.#within(
      this.#bound(joinWindowMs, mintSpacingMs, ackDeadlineMs),
      () => {
        const person = this.#people.get(lease);
        if (person?.present !== true) return true;
        return person.firstEpoch !== null && this.#epochs[person.firstEpoch]?.activeAtMs !== null;
      },
      `law 7: the join of ${lease} is in an active epoch`,
    );
  }

  #depart({ lease, cause }: Extract<RekeyInput, { kind: 'depart' }>): void {
    const person = this.#people.get(lease);
    assert.ok(person?.present);
    person.present = false;
    person.gateOpen = false;
    const inFlight = this.#inFlight;
    inFlight?.awaited.delete(lease);
    if (person.firstEpoch !== null || this.#asked?.joins.includes(lease) === true) {
      const { stage } = person;
      const log = {
        lease,
        stage,
        cause,
        cutAtMs: this.#nowMs,
        cutEpoch: null,
        exposed: false,
        emptied: false,
      };
      this.#departures.set(lease, log);
      this.#expectCut(log);
      if (cause === 'evicted' && inFlight !== null) {
        const soonMs = this.#nowMs + this.#timers.ackDeadlineEvictedMs;
        inFlight.ackBy.earliestMs = Math.min(inFlight.ackBy.earliestMs, soonMs);
        inFlight.ackBy.latestMs = Math.min(inFlight.ackBy.latestMs, soonMs);
      }
    }
    if (this.#present().length > 0) return;
    this.counts.emptied++;
    for (const departure of this.#departures.values()) {
      if (departure.cutEpoch === null) departure.emptied = true;
    }
  }

  #hear(person: Person, input: Extract<RekeyInput, { kind: 'acknowledged' | 'confirmed' | 'sends' }>): void {
    if (input.kind === 'sends') {
      person.sends = input.sends;
      const awaited = this.#inFlight?.awaited;
      if (!input.sends && awaited?.has(person.lease) === true) awaited.set(person.lease, 'other');
      return;
    }
    const { firstEpoch } = person;
    const log = this.#epochs[input.epoch];
    if (firstEpoch === null || input.epoch < firstEpoch || log === undefined) return;
    if (input.kind === 'acknowledged') {
      const same = equalBytes(input.fingerprint, fingerprintOf(input.epoch));
      if (same && !log.retired) person.acknowledged = Math.max(person.acknowledged, input.epoch);
    } else if (log.activeAtMs !== null && input.epoch <= person.acknowledged) {
      person.confirmed = Math.max(person.confirmed, input.epoch);
    }
  }

  /** What the custodian will do with the mint that was just asked for. */
  asked(answer: Answer): void {
    if (answer.kind === 'answers') return;
    const { custodianAnswerMs } = this.#timers;
    const failsAfterMs = answer.kind === 'refuses' ? answer.afterMs : 2 * (custodianAnswerMs + latestTimerMs);
    const overAtMs = this.#nowMs + failsAfterMs + custodianAnswerMs + latestTimerMs;
    this.#failures.push({ askedAtMs: this.#nowMs, overAtMs });
  }

  minted(epoch: number, joins: readonly number[], departures: readonly number[]): void {
    this.counts.epochs++;
    this.#servedToMs = this.#lastAskedAtMs;
    this.#asked = null;
    for (const lease of joins) {
      const person = this.#people.get(lease);
      if (person?.present === true) person.firstEpoch = epoch;
    }
    const gone = departures.map((lease) => this.#departure(lease));
    for (const log of gone) {
      log.cutEpoch = epoch;
      // Nobody has been here since: whoever sends now came after it.
      if (log.emptied) this.#floor = Math.max(this.#floor, epoch);
    }
    const waiting = [...this.#departures.values()].filter(({ cutEpoch }) => cutEpoch === null);
    const evicted = ({ cause }: DepartureLog): boolean => cause === 'evicted';
    const evictedNow = (log: DepartureLog): boolean => evicted(log) && !log.emptied;
    const { ackDeadlineMs, ackDeadlineEvictedMs } = this.#timers;
    const until = (hasty: boolean): number =>
      this.#nowMs + (hasty ? Math.min(ackDeadlineMs, ackDeadlineEvictedMs) : ackDeadlineMs);
    const awaited = new Map<number, 'sender' | 'other'>();
    for (const { lease, firstEpoch, lagging, sends, started } of this.#present()) {
      if (firstEpoch !== null && !lagging) awaited.set(lease, sends && started ? 'sender' : 'other');
    }
    this.#epochs.push({
      epoch,
      evicts: gone.some(evicted),
      evictsNow: gone.some(evictedNow),
      ackBy: {
        earliestMs: until([...gone, ...waiting].some(evicted)),
        latestMs: until([...gone, ...waiting].some(evictedNow)),
      },
      awaited,
      activeAtMs: null,
      confirmBy: { earliestMs: Infinity, latestMs: Infinity },
      retired: false,
    });
  }

  failed(): void {
    this.counts.failures++;
    this.#asked = null;
    this.#lastFailedAtMs = this.#nowMs;
  }

  #departure(lease: number): DepartureLog {
    const log = this.#departures.get(lease);
    assert.ok(log, `${lease} departed, with a key`);
    return log;
  }

  // Bounds

  /** window, spacing or what is left of the rekey in flight; then its own. */
  #bound(windowMs: number, spacingMs: number, ackMs: number): number {
    const rekeyMs = this.#slowestAnswerMs + ackMs;
    return Math.max(windowMs, spacingMs, rekeyMs) + rekeyMs + slackMs;
  }

  /** Looks when the time is over, and again as much later as mints failed since. */
  #within(boundMs: number, holds: () => boolean, rule: string, then?: () => void): void {
    const sinceMs = this.#nowMs;
    const look = (): void => {
      if (this.#ended) return;
      let lostMs = 0;
      for (const { askedAtMs, overAtMs } of this.#failures) {
        if (overAtMs >= sinceMs) lostMs += overAtMs - askedAtMs;
      }
      if (this.#nowMs < sinceMs + boundMs + lostMs) {
        this.#clock.at(sinceMs + boundMs + lostMs, look);
        return;
      }
      assert.ok(holds(), `${rule} within ${boundMs} + ${lostMs} ms`);
      then?.();
    };
    this.#clock.at(sinceMs + boundMs, look);
  }

  #windowMs({ cause, stage }: DepartureLog): number {
    const { departureWindowEvictedMs, departureWindowStageMs, departureWindowViewerMs } = this.#timers;
    if (cause === 'evicted') return departureWindowEvictedMs;
    return stage ? departureWindowStageMs : departureWindowViewerMs;
  }

  #expectCut(log: DepartureLog): void {
    const { ackDeadlineMs, ackDeadlineEvictedMs, confirmGraceMs, confirmGraceEvictedMs, mintSpacingMs } =
      this.#timers;
    const evicted = log.cause === 'evicted';
    const ackMs = evicted ? Math.min(ackDeadlineMs, ackDeadlineEvictedMs) : ackDeadlineMs;
    const graceMs = evicted ? Math.min(confirmGraceMs, confirmGraceEvictedMs) : confirmGraceMs;
    const bound = this.#bound(this.#windowMs(log), evicted ? 0 : mintSpacingMs, ackMs);
    const settled = (): boolean => log.emptied || this.#departures.get(log.lease) !== log;
    const cut = (): boolean => log.cutEpoch !== null && this.#epochs[log.cutEpoch]?.activeAtMs !== null;
    const name = `the departure of ${log.lease} (${log.cause})`;
    this.#within(bound, () => settled() || cut(), `law 7: ${name} is in an active epoch`);
    this.#within(
      bound + graceMs,
      () => settled() || log.exposed,
      `law 2: ${name} is closed`,
      () => {
        if (!settled()) this.#floor = Math.max(this.#floor, log.cutEpoch ?? 0);
      },
    );
  }

  // What comes out

  readonly #checks: Checks = {
    mint: ({ joins, departures }) => {
      assert.equal(this.#asked, null, 'one rekey in flight: asked');
      assert.equal(this.#inFlight, null, 'one rekey in flight: distributing');
      const newcomers = joins.map((lease) => this.#people.get(lease));
      const gone = departures.map((lease) => this.#departure(lease));
      // Of those as well who came since and are gone again: a deadline is never put off.
      const came = [...this.#people.values()].filter(
        ({ firstEpoch, joinedAtMs, lease }) =>
          joins.includes(leaseOf(lease)) || (firstEpoch === null && joinedAtMs >= this.#servedToMs),
      );
      const causes = [
        ...came.map(({ joinedAtMs }) => joinedAtMs + this.#timers.joinWindowMs),
        ...gone.map((log) => log.cutAtMs + this.#windowMs(log)),
      ];
      assert.ok(Math.min(...causes) <= this.#nowMs, 'a mint waits for the end of a window');
      assert.ok(newcomers.every((person) => person?.present && person.firstEpoch === null));
      assert.ok(gone.every(({ cutEpoch }) => cutEpoch === null));
      const spaced = this.#nowMs - this.#lastAskedAtMs >= this.#timers.mintSpacingMs;
      assert.ok(
        spaced || gone.some(({ cause }) => cause === 'evicted'),
        'mints are spaced, evictions excepted',
      );
      assert.ok(this.#nowMs >= this.#lastFailedAtMs + this.#timers.custodianAnswerMs, 'a retry waits');
      if (this.#active !== null && this.#input.kind !== 'tick') this.counts.again++;
      this.#asked = { atMs: this.#nowMs, joins, departures };
      this.#lastAskedAtMs = this.#nowMs;
    },
    custodianStalled: ({ waitedMs }) => {
      this.counts.stalls++;
      assert.equal(waitedMs, this.#nowMs - (this.#asked?.atMs ?? NaN));
      assert.ok(waitedMs >= this.#timers.custodianAnswerMs);
    },
    withdrawn: ({ lease }) => {
      this.counts.withdrawals++;
      const person = this.#people.get(lease);
      assert.ok(person?.firstEpoch === null && !person.present, 'who is withdrawn never had a key');
      this.#departures.delete(lease);
    },
    activate: ({ epoch, fingerprint, by }) => this.#activated(epoch, fingerprint, by),
    start: ({ lease }) => {
      const person = this.#here(lease);
      const { firstEpoch, acknowledged, started } = person;
      const active = this.#active?.epoch ?? -1;
      assert.ok(!started && firstEpoch !== null && firstEpoch <= active, 'its first epoch is active');
      assert.ok(acknowledged >= firstEpoch, 'it has acknowledged');
      person.started = true;
    },
    resume: ({ lease, epoch }) => {
      this.counts.resumes++;
      const person = this.#here(lease);
      assert.equal(epoch, this.#active?.epoch);
      assert.equal(person.confirmed, epoch, 'only a confirmation of the active epoch lifts a pause');
      assert.ok(person.started && person.sends && !person.gateOpen);
      person.gateOpen = true;
    },
    pause: ({ lease, why }) => {
      this.counts.pauses++;
      const person = this.#here(lease);
      assert.ok(person.gateOpen);
      if (why === 'idle') assert.equal(person.sends, false);
      else
        assert.ok(this.#overdue(person) || this.#retiringUnder(person), 'nobody is paused within its grace');
      person.gateOpen = false;
    },
    lagging: ({ lease, epoch }) => {
      this.counts.lagging++;
      const person = this.#here(lease);
      const log = this.#epochs[epoch];
      assert.ok(log && !person.lagging && person.acknowledged < epoch);
      assert.ok(log.ackBy.earliestMs <= this.#nowMs, 'nobody lags before the deadline');
      person.lagging = true;
      this.#inFlight?.awaited.delete(lease);
    },
    caughtUp: ({ lease }) => {
      this.counts.caughtUp++;
      const person = this.#here(lease);
      assert.ok(person.lagging && person.acknowledged >= (this.#active?.epoch ?? Infinity));
      person.lagging = false;
    },
    mismatch: ({ epoch }) => {
      this.counts.mismatches++;
      assert.equal(this.#input.kind, 'acknowledged');
      assert.ok(
        this.#input.kind === 'acknowledged' && !equalBytes(this.#input.fingerprint, fingerprintOf(epoch)),
      );
    },
    exposed: ({ departures }) => {
      for (const { lease, cause, exposureMs } of departures) {
        this.counts.exposures++;
        const log = this.#departure(lease);
        assert.equal(log.exposed, false, 'an exposure is told once');
        assert.equal(exposureMs, this.#nowMs - log.cutAtMs);
        assert.equal(cause, log.cause);
        assert.ok(
          this.#ended || !this.#isExposed(log),
          'an exposure ends when nobody sends what the departed opens',
        );
        log.exposed = true;
      }
    },
    retire: ({ epoch }) => {
      const [oldest, next] = this.#live;
      assert.equal(epoch, oldest?.epoch, 'law 6: epochs are retired in their order, each once');
      assert.ok(oldest);
      const overAtMs = (next?.activeAtMs ?? Infinity) + this.#timers.receiverGraceMs;
      if (!this.#ended && overAtMs > this.#nowMs) {
        assert.ok(this.#live.length > limits.heldEpochs, 'law 3: no epoch ends before its grace');
        this.counts.retiredEarly++;
        this.#retiredEarly.add(epoch);
      }
      oldest.retired = true;
    },
  };

  #activated(epoch: number, fingerprint: Uint8Array, by: 'quorum' | 'deadline'): void {
    const log = this.#inFlight;
    assert.equal(log?.epoch, epoch, 'law 6: what is activated was minted, and only once');
    assert.ok(log);
    assert.deepEqual(fingerprint, fingerprintOf(epoch));
    assert.ok(quorumMet(log, this.#people), 'every sender and 98 % of the others, without those who lag');
    if (by === 'deadline') {
      this.counts.byDeadline++;
      assert.ok(this.#outputs.some((output) => output.kind === 'lagging'));
    } else this.counts.byQuorum++;
    const { confirmGraceMs, confirmGraceEvictedMs } = this.#timers;
    const until = (hasty: boolean): number =>
      this.#nowMs + (hasty ? Math.min(confirmGraceMs, confirmGraceEvictedMs) : confirmGraceMs);
    log.activeAtMs = this.#nowMs;
    log.confirmBy = { earliestMs: until(log.evicts), latestMs: until(log.evictsNow) };
    this.#active = log;
  }

  #here(lease: number): Person {
    const person = this.#people.get(lease);
    assert.ok(person?.present, `${lease} is here`);
    return person;
  }

  #overdue({ confirmed }: Person): boolean {
    return this.#live.some(
      ({ epoch, confirmBy }) => epoch > confirmed && confirmBy.earliestMs <= this.#nowMs,
    );
  }

  #retiringUnder({ confirmed }: Person): boolean {
    return this.#outputs.some((output) => output.kind === 'retire' && output.epoch >= confirmed);
  }

  #isExposed({ cutEpoch }: DepartureLog): boolean {
    const present = this.#present();
    if (present.length === 0) return false;
    if (cutEpoch === null || this.#epochs[cutEpoch]?.activeAtMs === null) return true;
    return present.some(({ gateOpen, confirmed }) => gateOpen && confirmed < cutEpoch);
  }

  // What holds between steps

  settled(phase: RekeyPhase, deadlineMs: number | null): void {
    const nowMs = this.#nowMs;
    assert.ok(deadlineMs === null || deadlineMs >= nowMs, 'no deadline is passed over');
    const inFlight = this.#inFlight;
    if (inFlight !== null) {
      assert.ok(!quorumMet(inFlight, this.#people), 'law 7: a quorum activates at once');
      assert.ok(inFlight.ackBy.latestMs >= nowMs, 'law 7: a deadline activates');
    }
    const expected = this.#asked !== null ? 'minting' : inFlight !== null ? 'distributing' : null;
    if (expected !== null) assert.equal(phase, expected);
    const live = this.#live;
    assert.ok(live.length <= limits.heldEpochs, `law 4: at most ${limits.heldEpochs} epochs`);
    const [, second] = live;
    const keptUntilMs = (second?.activeAtMs ?? Infinity) + this.#timers.receiverGraceMs;
    assert.ok(keptUntilMs >= nowMs, 'law 6: an epoch is retired after its grace');
    for (const person of this.#present()) this.#gateIsRight(person, live);
    this.#mintIsNotOverdue();
    for (const log of this.#departures.values()) {
      if (!log.exposed) assert.ok(this.#isExposed(log), 'an exposure is told as soon as it is over');
    }
  }

  #gateIsRight(person: Person, live: readonly EpochLog[]): void {
    const { lease, gateOpen, confirmed, sends } = person;
    if (gateOpen) {
      const late = live.find(({ epoch, confirmBy }) => epoch > confirmed && confirmBy.latestMs < this.#nowMs);
      assert.equal(late, undefined, `law 2: ${lease} confirmed in time or is paused`);
    } else {
      const fit = sends && this.#active !== null && confirmed === this.#active.epoch;
      assert.ok(!fit, `${lease} confirmed the active epoch and may send`);
    }
  }

  #mintIsNotOverdue(): void {
    if (this.#asked !== null || this.#inFlight !== null || this.#present().length === 0) return;
    const waiting = [...this.#departures.values()].filter(
      ({ cutEpoch, emptied }) => cutEpoch === null && !emptied,
    );
    const evicts = waiting.some(({ cause }) => cause === 'evicted');
    const spacedMs = evicts ? -Infinity : this.#lastAskedAtMs + this.#timers.mintSpacingMs;
    const earliestMs = Math.max(spacedMs, this.#lastFailedAtMs + this.#timers.custodianAnswerMs);
    const dues = waiting.map((log) => log.cutAtMs + this.#windowMs(log));
    for (const { firstEpoch, joinedAtMs } of this.#present()) {
      if (firstEpoch === null) dues.push(joinedAtMs + this.#timers.joinWindowMs);
    }
    const due = Math.max(Math.min(...dues), earliestMs);
    assert.ok(due > this.#nowMs, 'a mint is asked for when its window ends');
  }

  // Media

  /** Its frames pass now. */
  sends(client: ModelClient): void {
    this.counts.framesSent++;
    const log = this.#epochs[client.using ?? -1];
    assert.ok(log && log.activeAtMs !== null, 'law 3: a sender uses only activated epochs');
    assert.ok(!log.retired, 'law 3: nobody sends under what nobody opens');
    assert.ok(
      log.epoch >= this.#floor,
      `law 2: an unpaused sender uses ${log.epoch}, the departed derive it`,
    );
  }

  receives(client: ModelClient, epoch: number): void {
    const opens = client.opens(epoch, this.#nowMs);
    if (opens) this.counts.framesOpened++;
    else this.counts.framesLost++;
    assert.ok(
      opens || this.#retiredEarly.has(epoch),
      `law 3: ${client.lease} holds ${epoch} and opens its frames`,
    );
  }

  // The end

  /** Nothing has happened for long: whoever can has caught up. */
  quiet(phase: RekeyPhase, activeEpoch: number | null): void {
    assert.equal(phase, 'steady', 'law 7: everything comes to rest');
    assert.equal(activeEpoch, this.#active?.epoch ?? null);
    for (const person of this.#present()) {
      const client = this.#clients.get(person.lease);
      assert.ok(client);
      if (client.silent || client.traits.lies) continue;
      assert.ok(person.started && !person.lagging, `law 7: ${person.lease} takes part`);
      assert.equal(client.using, activeEpoch);
      const sends = client.sends && client.traits.confirms !== 'never';
      assert.equal(person.gateOpen, sends, `law 7: ${person.lease} sends if it wants to`);
    }
    for (const { exposed, lease } of this.#departures.values()) assert.ok(exposed, `law 2: ${lease} is out`);
  }

  over(deadlineMs: number | null): void {
    assert.equal(deadlineMs, null);
    for (const { epoch, retired, activeAtMs } of this.#epochs) {
      assert.ok(activeAtMs !== null, `law 6: epoch ${epoch} was activated`);
      assert.ok(retired, `law 6: epoch ${epoch} was retired`);
    }
    for (const { exposed } of this.#departures.values()) assert.ok(exposed, 'every exposure was told');
  }
}
