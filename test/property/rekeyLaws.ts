// DESIGN's laws 2 (its bound), 3, 6 and 7 and the rules of the rekey machine, held against every step of a history. Each check says its rule.
// Who can derive what is rekeySecrets.ts. More than 400 lines, since the laws look at one account of what happened; the account's own shape
// is in rekeyLedger.ts.

import assert from 'node:assert/strict';
import type { RekeyInput, RekeyOutput, RekeyPhase } from '../../src/keys/rekey.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';
import type { EpochId, Lease } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import { RekeyBounds, slackMs } from './rekeyBounds.ts';
import type { VirtualClock } from './rekeyClock.ts';
import type { CustodianReply } from './rekeyCustodian.ts';
import type { Answer, History } from './rekeyHistories.ts';
import { newCounts, newPerson, quorumMet } from './rekeyLedger.ts';
import type { Counts, DepartureLog, EpochLog, Person, RoundLog } from './rekeyLedger.ts';
import { Secrets } from './rekeySecrets.ts';
import type { Suite } from './rekeySuites.ts';

type Of<K extends RekeyOutput['kind']> = Extract<RekeyOutput, { kind: K }>;
type Mint = Of<'mint'>;
type Asked = Mint & {
  readonly atMs: number;
  readonly round: RoundLog | null;
  readonly demandedAtMs: number;
};
type Checks = { readonly [K in RekeyOutput['kind']]: (output: Of<K>) => void };

const mostSteps = 400_000;
/** A custodian that hangs is ended when that is told; another is there so much later. */
export const restartMs = 300;

export class RekeyLaws {
  readonly counts: Counts = newCounts();
  readonly secrets: Secrets;
  readonly #clock: VirtualClock;
  readonly #timers: Timers;
  readonly #policy: History['joinPolicy'];
  readonly #bounds: RekeyBounds;
  readonly #people: Person[] = [];
  /** Those who are here, by their lease of now. */
  readonly #byLease = new Map<Lease, Person>();
  /** Everybody, by every lease that it ever had. */
  readonly #ever = new Map<Lease, Person>();
  #departures: DepartureLog[] = [];
  readonly #epochs: EpochLog[] = [];
  readonly #retiredEarly = new Set<number>();
  #asked: Asked | null = null;
  #custodian: 'up' | 'lost' | 'empty' = 'up';
  #round: RoundLog | null = null;
  #demandedAtMs = Infinity;
  #emptiedAtMs = -Infinity;
  #renewalAtMs = Infinity;
  #lastAskedAtMs = -Infinity;
  #lastFailedAtMs = -Infinity;
  /** When the newest epoch was asked for, while somebody was here. */
  #newestAtMs = -Infinity;
  /** When people joined or answered since the last mint was asked for that was answered. */
  #cameAtMs: number[] = [];
  #active: EpochLog | null = null;
  /** The newest epoch moved everybody. */
  #ofRound = false;
  /** No running sender may use an epoch below. */
  #floor = 0;
  #input: RekeyInput = { kind: 'tick' };
  #outputs: readonly RekeyOutput[] = [];
  #steps = 0;
  #ended = false;

  constructor(
    suite: Pick<Suite<unknown, unknown, unknown>, 'symbols'>,
    history: History,
    clock: VirtualClock,
  ) {
    this.#clock = clock;
    this.#timers = history.timers;
    this.#policy = history.joinPolicy;
    this.secrets = new Secrets(suite, history, this.counts);
    this.#bounds = new RekeyBounds(history, clock);
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

  get #intervalAtMs(): number {
    return this.#newestAtMs === -Infinity ? Infinity : this.#newestAtMs + this.#timers.intervalMs;
  }

  /** Nothing of it is minted for yet. */
  get #waiting(): DepartureLog[] {
    return this.#departures.filter(({ cutEpoch, asked }) => cutEpoch === null && !asked);
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
  }

  #check<K extends RekeyOutput['kind']>(output: Of<K>): void {
    const check = this.#checks[output.kind] as (output: Of<K>) => void;
    check(output);
  }

  #take(input: RekeyInput): void {
    switch (input.kind) {
      case 'join':
        return this.#join(input.lease, input.stage);
      case 'stage':
        return this.#stage(input.lease, input.stage);
      case 'depart':
        return this.#depart(input);
      case 'acknowledged':
      case 'confirmed':
      case 'sends': {
        const person = this.#byLease.get(input.lease);
        return person === undefined ? undefined : this.#hear(person, input);
      }
      case 'readmitted':
        return this.#readmitted(input.lease, input.newLease);
      case 'rekey':
        return this.#demanded(input.reason);
      case 'end':
        this.#ended = true;
        this.#bounds.end();
        return;
      // Told by the world where it happens: `minted`, `failed`, `lost` and others.
      case 'minted':
      case 'shared':
      case 'mintFailed':
      case 'custodianLost':
      case 'custodianBack':
      case 'tick':
        return;
      default:
        input satisfies never;
    }
  }

  #stage(lease: Lease, stage: boolean): void {
    const person = this.#byLease.get(lease);
    if (person !== undefined) person.stage = stage;
  }

  #join(lease: Lease, stage: boolean): void {
    const person = newPerson(lease, stage, this.#nowMs);
    this.#people.push(person);
    this.#byLease.set(lease, person);
    this.#ever.set(lease, person);
    person.displaced = this.#custodian === 'lost';
    this.#cameAtMs.push(this.#nowMs);
    const { joinWindowMs, ackDeadlineMs, mintSpacingMs } = this.#timers;
    this.#bounds.within(
      this.#bounds.rekeyMs(joinWindowMs, mintSpacingMs, ackDeadlineMs),
      () => !person.present || person.asked !== null || person.displaced || this.#isIn(person),
      `law 7: the join of ${lease} is in an active epoch`,
    );
  }

  #isIn({ firstEpoch }: Person): boolean {
    return firstEpoch !== null && this.#epochs[firstEpoch]?.activeAtMs !== null;
  }

  #depart({ lease, cause }: Extract<RekeyInput, { kind: 'depart' }>): void {
    const person = this.#byLease.get(lease);
    assert.ok(person);
    person.present = false;
    person.gateOpen = false;
    this.#byLease.delete(lease);
    this.#round?.members.delete(person);
    this.#asked?.round?.members.delete(person);
    const inFlight = this.#inFlight;
    inFlight?.awaited.delete(person);
    const named = this.#asked?.joins.some((joins) => this.#ever.get(joins) === person) === true;
    if (person.given || named) {
      const cutAtMs = this.#nowMs;
      const log = {
        person,
        lease,
        cause,
        cutAtMs,
        asked: false,
        cutEpoch: null,
        exposed: false,
        emptied: false,
      };
      this.#departures.push(log);
      this.#expectCut(log);
      if (cause === 'evicted' && inFlight !== null) {
        const soonMs = cutAtMs + this.#timers.ackDeadlineEvictedMs;
        inFlight.ackBy.earliestMs = Math.min(inFlight.ackBy.earliestMs, soonMs);
        inFlight.ackBy.latestMs = Math.min(inFlight.ackBy.latestMs, soonMs);
      }
    } else if (!person.displaced) {
      const told = this.#outputs.some((output) => output.kind === 'withdrawn' && output.lease === lease);
      assert.ok(told, 'who waited for a first key is withdrawn');
    }
    if (this.#byLease.size === 0) this.#emptied();
  }

  #emptied(): void {
    this.counts.emptied++;
    this.#emptiedAtMs = this.#nowMs;
    for (const departure of this.#departures) if (departure.cutEpoch === null) departure.emptied = true;
    this.#round = null;
    if (this.#asked?.round != null) this.#asked.round.over = true;
    if (this.#custodian === 'empty') this.#custodian = 'up';
    this.#demandedAtMs = Infinity;
    this.#renewalAtMs = Infinity;
    this.#newestAtMs = -Infinity;
    this.#lastAskedAtMs = -Infinity;
    this.secrets.emptied();
  }

  #hear(person: Person, input: Extract<RekeyInput, { kind: 'acknowledged' | 'confirmed' | 'sends' }>): void {
    if (input.kind === 'sends') {
      person.sends = input.sends;
      const awaited = this.#inFlight?.awaited;
      if (!input.sends && awaited?.has(person) === true) awaited.set(person, 'other');
      return;
    }
    const { firstEpoch } = person;
    const log = this.#epochs[input.epoch];
    if (firstEpoch === null || input.epoch < firstEpoch || log === undefined) return;
    if (input.kind === 'acknowledged') {
      const same = equalBytes(input.fingerprint, log.fingerprint);
      if (same && !log.retired) person.acknowledged = Math.max(person.acknowledged, input.epoch);
    } else if (log.activeAtMs !== null && input.epoch <= person.acknowledged) {
      person.confirmed = Math.max(person.confirmed, input.epoch);
    }
  }

  #readmitted(lease: Lease, newLease: Lease): void {
    const person = this.#byLease.get(lease);
    if (person === undefined || this.#custodian === 'lost') return;
    this.counts.readmissions++;
    person.leases.push(newLease);
    this.#ever.set(newLease, person);
    const answered = { lease: newLease, atMs: this.#nowMs };
    person.answered = answered;
    person.answeredAtMs = this.#nowMs;
    this.#cameAtMs.push(this.#nowMs);
    this.#bounds.within(
      this.#bounds.moveMs(this.#round),
      () => !person.present || person.answered !== answered,
      `law 7: ${lease}, admitted anew as ${newLease}, is moved`,
    );
  }

  #demanded(reason: 'operator' | 'compromise'): void {
    if (this.#byLease.size === 0) return;
    if (reason === 'operator') {
      this.counts.demands++;
      this.#expectEpoch();
      this.#demandedAtMs = Math.min(this.#demandedAtMs, this.#nowMs);
    } else if (this.#custodian !== 'lost') {
      this.counts.compromises++;
      this.#begin('compromise');
      if (this.#custodian === 'empty') this.#bounds.lost(this.#nowMs + this.#timers.readmitDeadlineMs);
    }
  }

  #expectEpoch(): void {
    const sinceMs = this.#nowMs;
    const { ackDeadlineMs, mintSpacingMs } = this.#timers;
    this.#bounds.within(
      this.#bounds.rekeyMs(0, mintSpacingMs, ackDeadlineMs),
      () =>
        this.#emptiedAtMs >= sinceMs ||
        this.#epochs.some(({ askedAtMs, activeAtMs }) => askedAtMs >= sinceMs && activeAtMs !== null),
      `law 7: what the operator asked for at ${sinceMs} is active`,
    );
  }

  #begin(reason: RoundLog['reason']): void {
    const round = {
      reason,
      members: new Set(this.#byLease.values()),
      sinceMs: this.#nowMs,
      askedAtMs: new Map(),
      over: false,
    };
    this.#round = round;
    this.#bounds.within(
      this.#bounds.roundMs(reason),
      () => this.#round !== round,
      `law 7: the ${reason} of ${round.sinceMs} moves its people`,
    );
  }

  custodianLost(backAfterMs: number): void {
    this.counts.custodiansLost++;
    this.#custodian = 'lost';
    this.#unask();
    // Who came and went while the mint was in flight that is lost never had a key.
    this.#departures = this.#departures.filter(({ person }) => person.given);
    this.#round = null;
    this.secrets.custodianLost();
    for (const person of this.#byLease.values()) {
      person.answered = null;
      if (!person.given) person.displaced = true;
    }
    const { ackDeadlineMs, readmitDeadlineMs } = this.#timers;
    this.#bounds.lost(this.#nowMs + backAfterMs + Math.max(readmitDeadlineMs, ackDeadlineMs));
  }

  custodianBack(): void {
    this.#lastFailedAtMs = -Infinity;
    this.#custodian = this.#byLease.size === 0 ? 'up' : 'empty';
    if (this.#custodian === 'empty') this.#begin('restart');
  }

  /** What the custodian will do with the mint that was just asked for. */
  answering(answer: Answer): void {
    this.#bounds.answering(answer);
  }

  #unask(): void {
    // Of those who asked and left nobody needs it any more.
    if (this.#byLease.size > 0)
      this.#demandedAtMs = Math.min(this.#demandedAtMs, this.#asked?.demandedAtMs ?? Infinity);
    this.#asked = null;
    for (const log of this.#departures) log.asked = false;
  }

  failed(): void {
    this.counts.failures++;
    const round = this.#asked?.round ?? null;
    if (round !== null && !round.over) this.#round ??= round;
    this.#unask();
    this.#lastFailedAtMs = this.#nowMs;
    this.secrets.failed();
  }

  answered(reply: CustodianReply, inTree: (lease: Lease) => boolean): void {
    const asked = this.#asked;
    assert.ok(asked);
    this.#asked = null;
    this.#cameAtMs = this.#cameAtMs.filter((atMs) => atMs >= asked.atMs);
    const joinedAtMs = (lease: Lease): number => this.#ever.get(lease)?.joinedAtMs ?? -Infinity;
    this.secrets.answered(asked, reply, this.#nowMs, joinedAtMs);
    if (reply.minted) this.#minted(asked, reply, inTree);
    else {
      for (const person of this.#give(asked.joins, reply.epoch)) {
        person.acknowledgesByMs = this.#nowMs + this.#timers.ackDeadlineMs;
      }
    }
  }

  #minted(asked: Asked, { epoch, fingerprint }: CustodianReply, inTree: (lease: Lease) => boolean): void {
    this.counts.epochs++;
    if (this.#byLease.size > 0) this.#newestAtMs = asked.atMs;
    if (asked.share) this.#lastAskedAtMs = asked.atMs;
    const ofRound = isRound(asked.trigger);
    this.#ofRound = ofRound;
    if (asked.trigger === 'renewal') this.counts.renewals++;
    if (asked.trigger === 'restart') this.counts.restarts++;
    if (asked.trigger === 'interval') this.counts.intervals++;
    if (ofRound || this.#renewalAtMs === Infinity)
      this.#renewalAtMs = this.#byLease.size === 0 ? Infinity : this.#nowMs + this.#timers.renewalIntervalMs;
    this.#custodian = 'up';
    for (const { from, to } of asked.moves) this.#move(from, to, epoch);
    this.#give(asked.joins, epoch);
    for (const person of this.#byLease.values()) {
      if (!person.given || inTree(person.lease)) continue;
      assert.ok(
        ofRound || person.displaced,
        'a mint leaves nobody without a key, but whom a renewal leaves behind',
      );
      if (!person.displaced) this.counts.leftBehind++;
      person.displaced = true;
      person.firstEpoch = null;
    }
    const gone = this.#departures.filter((log) => log.asked);
    for (const log of gone) this.#cut(log, epoch);
    this.#epochs.push({ ...this.#newEpoch(epoch, fingerprint, gone), askedAtMs: asked.atMs });
  }

  /** Law 2: of whatever it had, nothing derives the epoch that is minted for its going. */
  #cut(log: DepartureLog, epoch: EpochId): void {
    log.asked = false;
    log.cutEpoch = epoch;
    const through = this.secrets.derivableThrough(log.person.leases);
    assert.ok(through < epoch, `law 2: ${log.lease} departed, and ${epoch} is sealed to it`);
    // Nobody has been here since: whoever sends now came after it.
    if (log.emptied) this.#floor = Math.max(this.#floor, epoch);
  }

  #move(from: Lease, to: Lease, epoch: EpochId): void {
    this.counts.moves++;
    const person = this.#byLease.get(from);
    if (person === undefined) return;
    this.#byLease.delete(from);
    this.#byLease.set(to, person);
    person.lease = to;
    person.movedIn = epoch;
    person.displaced = false;
    if (person.answered?.lease === to) person.answered = null;
  }

  #give(joins: readonly Lease[], epoch: EpochId): Person[] {
    return joins.flatMap((lease) => {
      const person = this.#ever.get(lease);
      if (person === undefined) return [];
      person.given = true;
      if (!person.present) return [];
      person.firstEpoch ??= epoch;
      return [person];
    });
  }

  #newEpoch(
    epoch: EpochId,
    fingerprint: Uint8Array,
    gone: readonly DepartureLog[],
  ): Omit<EpochLog, 'askedAtMs'> {
    const evicted = ({ cause }: DepartureLog): boolean => cause === 'evicted';
    const evictedNow = (log: DepartureLog): boolean => evicted(log) && !log.emptied;
    const { ackDeadlineMs, ackDeadlineEvictedMs } = this.#timers;
    const until = (hasty: boolean): number =>
      this.#nowMs + (hasty ? Math.min(ackDeadlineMs, ackDeadlineEvictedMs) : ackDeadlineMs);
    const waiting = this.#waiting;
    const awaited = new Map<Person, 'sender' | 'other'>();
    for (const person of this.#byLease.values()) {
      if (person.firstEpoch === null || person.lagging) continue;
      awaited.set(person, person.sends && person.started ? 'sender' : 'other');
    }
    return {
      epoch,
      fingerprint,
      evicts: gone.some(evicted),
      evictsNow: gone.some(evictedNow),
      ackBy: {
        earliestMs: until([...gone, ...waiting].some(evicted)),
        latestMs: until([...gone, ...waiting].some(evictedNow)),
      },
      awaited,
      activeAtMs: null,
      confirmBy: { earliestMs: Infinity, latestMs: Infinity },
      settled: false,
      retired: false,
    };
  }

  #expectCut(log: DepartureLog): void {
    const { cutMs, closedMs } = this.#bounds.departureMs(log);
    const settled = (): boolean => log.emptied || !this.#departures.includes(log);
    const cut = (): boolean => log.cutEpoch !== null && this.#epochs[log.cutEpoch]?.activeAtMs !== null;
    const name = `the departure of ${log.lease} (${log.cause})`;
    this.#bounds.within(cutMs, () => settled() || cut(), `law 7: ${name} is in an active epoch`);
    this.#bounds.within(
      closedMs,
      () => settled() || log.exposed,
      `law 2: ${name} is closed`,
      () => {
        if (!settled()) this.#floor = Math.max(this.#floor, log.cutEpoch ?? 0);
      },
    );
  }

  // What comes out

  readonly #checks: Checks = {
    mint: (mint) => this.#mint(mint),
    readmit: ({ leases, reason }) => {
      assert.notEqual(this.#custodian, 'lost', 'nobody is there to admit');
      assert.equal(this.#asked, null, 'nobody is asked while a mint may move it');
      // Whom the last round left behind is asked once more.
      const behind =
        this.#input.kind === 'minted' &&
        this.#ofRound &&
        leases.every((lease) => this.#here(lease).displaced);
      if (reason === 'renewal' && this.#round === null && !behind) {
        this.#begin('renewal');
        this.#renewalAtMs = this.#nowMs + this.#timers.renewalIntervalMs;
      }
      for (const lease of leases) {
        const person = this.#here(lease);
        if (reason === 'lagging') assert.ok(person.lagging || person.displaced, 'who lags is asked');
        person.asked = { reason, atMs: this.#nowMs };
        if (reason === this.#round?.reason) this.#round.askedAtMs.set(person, this.#nowMs);
      }
    },
    custodianStalled: ({ waitedMs }) => {
      this.counts.stalls++;
      assert.equal(waitedMs, this.#nowMs - (this.#asked?.atMs ?? NaN));
      assert.ok(waitedMs >= this.#timers.custodianAnswerMs);
    },
    withdrawn: ({ lease }) => {
      this.counts.withdrawals++;
      const person = this.#ever.get(lease);
      assert.ok(person);
      if (person.answered?.lease === lease) person.answered = null;
      const named = this.#asked?.joins.some((joins) => person.leases.includes(joins)) === true;
      if (!person.given && !person.present && !named)
        this.#departures = this.#departures.filter((log) => log.person !== person);
      if (person.lease !== lease) return;
      assert.ok(!person.given, 'who is withdrawn never had a key by that admission');
      person.displaced = true;
    },
    activate: (output) => this.#activated(output),
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
      assert.ok(person.movedIn <= epoch, 'its frames carry the lease with which they are announced');
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
    lagging: ({ lease, epoch }) => this.#lags(this.#here(lease), epoch),
    caughtUp: ({ lease }) => {
      this.counts.caughtUp++;
      const person = this.#here(lease);
      assert.ok(person.lagging && person.acknowledged >= (this.#active?.epoch ?? Infinity));
      person.lagging = false;
    },
    mismatch: ({ epoch }) => {
      this.counts.mismatches++;
      const { kind } = this.#input;
      const told = this.#input.kind === 'acknowledged' ? this.#input.fingerprint : new Uint8Array();
      assert.ok(
        kind === 'acknowledged' && !equalBytes(told, this.#epochs[epoch]?.fingerprint ?? new Uint8Array()),
      );
    },
    exposed: ({ departures }) => {
      for (const { lease, cause, exposureMs, epoch } of departures) {
        this.counts.exposures++;
        const log = this.#departures.find((one) => one.lease === lease);
        assert.ok(log, `${lease} departed`);
        assert.equal(log.exposed, false, 'an exposure is told once');
        assert.equal(exposureMs, this.#nowMs - log.cutAtMs);
        assert.equal(cause, log.cause);
        assert.equal(epoch, log.cutEpoch);
        assert.ok(
          this.#ended || !this.#isExposed(log),
          'an exposure ends when nobody sends what the departed opens',
        );
        log.exposed = true;
      }
    },
    settled: ({ epoch }) => {
      const log = this.#epochs[epoch];
      assert.ok(log !== undefined && log.activeAtMs !== null && !log.settled, 'an epoch is settled once');
      assert.ok(!this.#unsettled(epoch), 'every running sender confirmed it');
      log.settled = true;
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

  #mint(mint: Mint): void {
    const { joins, departures, moves, share, trigger } = mint;
    assert.equal(this.#asked, null, 'one rekey in flight: asked');
    assert.equal(this.#inFlight, null, 'one rekey in flight: distributing');
    assert.notEqual(this.#custodian, 'lost', 'nobody is there to be asked');
    const ofRound = isRound(trigger);
    const waiting = this.#waiting;
    if (!ofRound && !share) {
      assert.ok(this.#cause(waiting) <= this.#nowMs, 'a mint waits for the end of a window');
      const spaced = this.#nowMs - this.#lastAskedAtMs >= this.#timers.mintSpacingMs;
      assert.ok(
        spaced || waiting.some(({ cause }) => cause === 'evicted'),
        'mints are spaced, evictions excepted',
      );
    }
    assert.ok(this.#nowMs >= this.#lastFailedAtMs + this.#timers.custodianAnswerMs, 'a retry waits');
    if (share) this.#checkShare(mint);
    if (this.#custodian === 'empty' && this.#round !== null)
      assert.ok(ofRound, 'nothing is minted before everybody was asked');
    if (ofRound) this.#checkRound(mint);
    const moved = new Set(moves.map(({ to }) => to));
    for (const lease of joins) {
      const person = this.#ever.get(lease);
      assert.ok(person?.present, 'who joins is here');
      assert.ok(moved.has(lease) || (person.lease === lease && person.firstEpoch === null), 'and is new');
    }
    for (const lease of departures) {
      const person = this.#ever.get(lease);
      const leaves = person?.present === false || moves.some(({ from }) => from === lease) || ofRound;
      assert.ok(leaves, 'who departs went, or is admitted anew');
    }
    // Whoever lags moves alone, and is of the round no more.
    if (!ofRound) for (const { from } of moves) this.#round?.members.delete(this.#here(from));
    for (const log of waiting) log.asked = true;
    if (this.#active !== null && this.#input.kind !== 'tick') this.counts.again++;
    const round = ofRound ? this.#round : null;
    this.#asked = { ...mint, atMs: this.#nowMs, round, demandedAtMs: this.#demandedAtMs };
    this.#demandedAtMs = Infinity;
    if (ofRound) this.#round = null;
    if (!share) this.#lastAskedAtMs = this.#nowMs;
    this.secrets.asked(mint);
  }

  /** When the first of what waits may be minted for. */
  #cause(waiting: readonly DepartureLog[]): number {
    const { joinWindowMs } = this.#timers;
    let dueMs = Math.min(this.#demandedAtMs, this.#intervalAtMs);
    for (const log of waiting) dueMs = Math.min(dueMs, log.cutAtMs + this.#bounds.windowMs(log));
    // What came since and was taken back counts as well: a deadline is never put off.
    for (const atMs of this.#cameAtMs) dueMs = Math.min(dueMs, atMs + joinWindowMs);
    for (const { answered, answeredAtMs, firstEpoch, joinedAtMs } of this.#people) {
      if (firstEpoch === null) dueMs = Math.min(dueMs, joinedAtMs + joinWindowMs);
      if (answered !== null) dueMs = Math.min(dueMs, answeredAtMs + joinWindowMs);
    }
    return dueMs;
  }

  #checkShare({ joins, departures, moves }: Mint): void {
    assert.notEqual(this.#policy, 'every', 'under `every` nothing is shared');
    assert.ok(joins.length > 0 && departures.length === 0 && moves.length === 0);
    assert.equal(this.#waiting.length, 0, 'departures always rotate the key');
    const fresh = this.#nowMs < this.#newestAtMs + this.#timers.freshForMs;
    assert.ok(this.#policy === 'never' || fresh, 'law 1: only a fresh epoch is shared');
  }

  /** It moves everybody of the round who answered; who did not had its time. */
  #checkRound({ moves, trigger }: Mint): void {
    const round = this.#round;
    if (round === null) return;
    assert.equal(trigger, round.reason);
    const moved = new Set(moves.map(({ from }) => from));
    for (const person of round.members) {
      if (moved.has(person.lease)) continue;
      const askedAtMs: number = round.askedAtMs.get(person) ?? round.sinceMs;
      assert.ok(person.answered === null, 'law 7: who answered is moved');
      assert.ok(
        askedAtMs + this.#timers.readmitDeadlineMs <= this.#nowMs,
        'whoever was asked has its time to answer',
      );
    }
  }

  #lags(person: Person, epoch: EpochId): void {
    this.counts.lagging++;
    const log = this.#epochs[epoch];
    assert.ok(log && !person.lagging && person.acknowledged < epoch);
    const left = person.displaced && person.firstEpoch === null;
    const shares = person.firstEpoch === epoch && person.acknowledgesByMs > -Infinity;
    const dueMs = shares ? person.acknowledgesByMs : log.ackBy.earliestMs;
    assert.ok(left || dueMs <= this.#nowMs, 'nobody lags before the deadline');
    person.lagging = true;
    this.#inFlight?.awaited.delete(person);
    const sinceMs = this.#nowMs;
    person.laggingSinceMs = sinceMs;
    const asked = (): boolean => Math.max(person.asked?.atMs ?? 0, person.answeredAtMs) >= sinceMs;
    this.#bounds.within(
      this.#bounds.helpMs,
      () => !person.present || !person.lagging || person.laggingSinceMs !== sinceMs || asked(),
      `law 7: ${person.lease}, which lags, is helped`,
    );
  }

  #activated({ epoch, fingerprint, by, acknowledged, missed }: Of<'activate'>): void {
    const log = this.#inFlight;
    assert.equal(log?.epoch, epoch, 'law 6: what is activated was minted, and only once');
    assert.ok(log);
    assert.deepEqual(fingerprint, log.fingerprint);
    assert.ok(quorumMet(log), 'every sender and 98 % of the others, without those who lag');
    const holders = [...this.#byLease.values()].filter(({ firstEpoch }) => firstEpoch !== null);
    assert.equal(acknowledged + missed, holders.length);
    assert.equal(acknowledged, holders.filter((person) => person.acknowledged >= epoch).length);
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

  #here(lease: Lease): Person {
    const person = this.#byLease.get(lease);
    assert.ok(person, `${lease} is here`);
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

  #unsettled(epoch: number): boolean {
    for (const { gateOpen, confirmed } of this.#byLease.values())
      if (gateOpen && confirmed < epoch) return true;
    return false;
  }

  #isExposed({ cutEpoch }: DepartureLog): boolean {
    if (this.#byLease.size === 0) return false;
    if (cutEpoch === null || this.#epochs[cutEpoch]?.activeAtMs === null) return true;
    return this.#unsettled(cutEpoch);
  }

  // What holds between steps

  settled(phase: RekeyPhase, deadlineMs: number | null): void {
    const nowMs = this.#nowMs;
    assert.ok(deadlineMs === null || deadlineMs >= nowMs, 'no deadline is passed over');
    const inFlight = this.#inFlight;
    if (inFlight !== null) {
      assert.ok(!quorumMet(inFlight), 'law 7: a quorum activates at once');
      assert.ok(inFlight.ackBy.latestMs >= nowMs, 'law 7: a deadline activates');
    }
    const expected = this.#asked !== null ? 'minting' : inFlight !== null ? 'distributing' : null;
    if (expected !== null) assert.equal(phase, expected);
    const live = this.#live;
    assert.ok(live.length <= limits.heldEpochs, `law 4: at most ${limits.heldEpochs} epochs`);
    const [, second] = live;
    const keptUntilMs = (second?.activeAtMs ?? Infinity) + this.#timers.receiverGraceMs;
    assert.ok(keptUntilMs >= nowMs, 'law 6: an epoch is retired after its grace');
    for (const person of this.#byLease.values()) this.#gateIsRight(person, live);
    this.#mintIsNotOverdue();
    for (const log of this.#departures) {
      if (!log.exposed) assert.ok(this.#isExposed(log), 'an exposure is told as soon as it is over');
    }
    for (const log of live) {
      if (log.activeAtMs !== null && !log.settled)
        assert.ok(this.#unsettled(log.epoch), 'that the last sender confirmed is told at once');
    }
  }

  #gateIsRight(person: Person, live: readonly EpochLog[]): void {
    const { lease, gateOpen, confirmed, sends } = person;
    if (gateOpen) {
      const late = live.find(({ epoch, confirmBy }) => epoch > confirmed && confirmBy.latestMs < this.#nowMs);
      assert.equal(late, undefined, `law 2: ${lease} confirmed in time or is paused`);
    } else {
      const active = this.#active?.epoch ?? Infinity;
      const fit = sends && confirmed === active && person.movedIn <= active;
      assert.ok(!fit, `${lease} confirmed the active epoch and may send`);
    }
  }

  #mintIsNotOverdue(): void {
    if (this.#asked !== null || this.#inFlight !== null || this.#byLease.size === 0) return;
    if (this.#custodian !== 'up') return;
    const waiting = this.#waiting.filter(({ emptied }) => !emptied);
    const evicts = waiting.some(({ cause }) => cause === 'evicted');
    const spacedMs = evicts ? -Infinity : this.#lastAskedAtMs + this.#timers.mintSpacingMs;
    const earliestMs = Math.max(spacedMs, this.#lastFailedAtMs + this.#timers.custodianAnswerMs);
    const dues = [
      this.#demandedAtMs,
      this.#intervalAtMs,
      ...waiting.map((log) => log.cutAtMs + this.#bounds.windowMs(log)),
    ];
    for (const { displaced, firstEpoch, joinedAtMs } of this.#byLease.values()) {
      if (firstEpoch === null && !displaced) dues.push(joinedAtMs + this.#timers.joinWindowMs);
    }
    const due = Math.max(Math.min(...dues), earliestMs);
    assert.ok(due > this.#nowMs, 'a mint is asked for when its window ends');
    if (this.#round === null) {
      const latestMs = this.#renewalAtMs + slackMs;
      assert.ok(this.#nowMs <= latestMs, 'everybody is admitted anew every renewal interval');
    }
  }

  // Media

  /** Its frames pass now, sealed under this epoch. */
  sends(epoch: number | null): void {
    const log = this.#epochs[epoch ?? -1];
    assert.ok(log && log.activeAtMs !== null, 'law 3: a sender uses only activated epochs');
    assert.ok(!log.retired, 'law 3: nobody sends under what nobody opens');
    assert.ok(
      log.epoch >= this.#floor,
      `law 2: an unpaused sender uses ${log.epoch}, the departed derive it`,
    );
  }

  /** `endsAtMs`: of the epoch's life, where the receiver holds it. */
  receives(who: string, epoch: number, opened: boolean, endsAtMs: number): void {
    if (opened) this.counts.framesOpened++;
    else this.counts.framesLost++;
    const excused = this.#retiredEarly.has(epoch) || endsAtMs <= this.#nowMs;
    assert.ok(opened || excused, `law 3: ${who} acknowledged ${epoch} and opens its frames`);
  }

  // The end

  personOf(lease: Lease): Person | undefined {
    return this.#byLease.get(lease);
  }

  over(deadlineMs: number | null): void {
    assert.equal(deadlineMs, null);
    for (const { epoch, retired, activeAtMs } of this.#epochs) {
      const last = epoch === this.#epochs.length - 1;
      assert.ok(activeAtMs !== null || last, `law 6: epoch ${epoch} was activated`);
      assert.ok(retired, `law 6: epoch ${epoch} was retired`);
    }
    for (const { exposed } of this.#departures) assert.ok(exposed, 'every exposure was told');
  }
}

const isRound = (trigger: Mint['trigger']): trigger is RoundLog['reason'] =>
  trigger === 'renewal' || trigger === 'compromise' || trigger === 'restart';
