// A rekey machine on a virtual clock, driven by hand: every deadline on the way is ticked at its very moment, and every mint is held
// against what the custodian would refuse.

import assert from 'node:assert/strict';
import { RekeyMachine } from '../../src/keys/rekey.ts';
import type { RekeyInput, RekeyOutput } from '../../src/keys/rekey.ts';
import { epochId, lease as leaseOf } from '../../src/protocol/names.ts';
import type { DepartureCause, JoinPolicy, Lease } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';

export const fingerprintOf = (epoch: number): Uint8Array => new Uint8Array(16).fill(epoch + 1);

export type Kind = RekeyOutput['kind'];
type Of<K extends Kind> = Extract<RekeyOutput, { kind: K }>;

/** The vault's leases, and its laws: who joins waits, who departs is in the tree, nobody twice. */
class SceneCustodian {
  readonly waiting = new Set<Lease>();
  readonly tree = new Set<Lease>();
  #asked: Of<'mint'> | null = null;
  #lost = false;

  admit(lease: Lease): void {
    if (!this.#lost) this.waiting.add(lease);
  }

  withdraw(lease: Lease): void {
    assert.ok(!this.#asked?.joins.includes(lease), `${lease} is withdrawn, and the mint in flight names it`);
    assert.ok(this.waiting.delete(lease), `${lease} is withdrawn and does not wait`);
  }

  ask(mint: Of<'mint'>): void {
    const { joins, departures, share, moves } = mint;
    assert.equal(this.#asked, null, 'one rekey in flight');
    assert.ok(!this.#lost, 'nobody is there to be asked');
    assert.deepEqual([new Set(joins).size, new Set(departures).size], [joins.length, departures.length]);
    for (const lease of joins) assert.ok(this.waiting.has(lease), `${lease} joins and does not wait`);
    for (const lease of departures)
      assert.ok(this.tree.has(lease), `${lease} departs and is not in the tree`);
    if (share) assert.deepEqual([departures, moves], [[], []], 'a share changes nobody’s key');
    for (const { to } of moves) assert.ok(joins.includes(to));
    this.#asked = mint;
  }

  answer(): void {
    for (const lease of this.#asked?.departures ?? []) this.tree.delete(lease);
    for (const lease of this.#asked?.joins ?? []) {
      this.waiting.delete(lease);
      this.tree.add(lease);
    }
    this.#asked = null;
  }

  fail(): void {
    this.#asked = null;
  }

  lose(): void {
    this.#asked = null;
    this.#lost = true;
    this.waiting.clear();
    this.tree.clear();
  }

  back(): void {
    this.#lost = false;
  }
}

export class RekeyScene {
  readonly machine: RekeyMachine;
  readonly custodian = new SceneCustodian();
  readonly #said: { readonly atMs: number; readonly output: RekeyOutput }[] = [];
  #nowMs = 0;
  #nextEpoch = 0;

  constructor(timers: Partial<Timers> = {}, joinPolicy: JoinPolicy = 'every') {
    this.machine = new RekeyMachine({ ...defaultTimers, ...timers }, joinPolicy);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Time passes until then; what is due on the way happens when it is due. */
  at(nowMs: number): this {
    for (;;) {
      const deadline = this.machine.nextDeadline();
      if (deadline === null || deadline > nowMs) break;
      this.#nowMs = Math.max(this.#nowMs, deadline);
      this.step({ kind: 'tick' });
      assert.notEqual(this.machine.nextDeadline(), deadline, 'a deadline that a tick does not move');
    }
    this.#nowMs = nowMs;
    return this;
  }

  after(ms: number): this {
    return this.at(this.#nowMs + ms);
  }

  step(input: RekeyInput): this {
    for (const output of this.machine.step(input, this.#nowMs)) {
      if (output.kind === 'mint') this.custodian.ask(output);
      if (output.kind === 'withdrawn') this.custodian.withdraw(output.lease);
      this.#said.push({ atMs: this.#nowMs, output });
    }
    return this;
  }

  join(...leases: number[]): this {
    for (const lease of leases) this.#join(leaseOf(lease), true);
    return this;
  }

  joinViewers(...leases: number[]): this {
    for (const lease of leases) this.#join(leaseOf(lease), false);
    return this;
  }

  #join(lease: Lease, stage: boolean): void {
    this.custodian.admit(lease);
    this.step({ kind: 'join', lease, stage });
  }

  depart(cause: DepartureCause, ...leases: number[]): this {
    for (const lease of leases) this.step({ kind: 'depart', lease: leaseOf(lease), cause });
    return this;
  }

  /** Each of them [lease, new lease]. */
  readmitted(...moves: (readonly [number, number])[]): this {
    for (const [from, to] of moves) {
      this.custodian.admit(leaseOf(to));
      this.step({ kind: 'readmitted', lease: leaseOf(from), newLease: leaseOf(to) });
    }
    return this;
  }

  /** The custodian answers with the next epoch. */
  minted(): this {
    this.custodian.answer();
    const epoch = epochId(this.#nextEpoch++);
    return this.step({ kind: 'minted', epoch, fingerprint: fingerprintOf(epoch) });
  }

  /** The custodian answers with the newest epoch. */
  shared(): this {
    this.custodian.answer();
    return this.step({ kind: 'shared', epoch: epochId(this.#nextEpoch - 1) });
  }

  failed(): this {
    this.custodian.fail();
    return this.step({ kind: 'mintFailed' });
  }

  custodianLost(): this {
    this.custodian.lose();
    return this.step({ kind: 'custodianLost' });
  }

  custodianBack(): this {
    this.custodian.back();
    return this.step({ kind: 'custodianBack' });
  }

  demand(reason: 'operator' | 'compromise'): this {
    return this.step({ kind: 'rekey', reason });
  }

  acknowledge(epoch: number, ...leases: number[]): this {
    const fingerprint = fingerprintOf(epoch);
    for (const lease of leases) {
      this.step({ kind: 'acknowledged', lease: leaseOf(lease), epoch: epochId(epoch), fingerprint });
    }
    return this;
  }

  confirm(epoch: number, ...leases: number[]): this {
    for (const lease of leases) {
      this.step({ kind: 'confirmed', lease: leaseOf(lease), epoch: epochId(epoch) });
    }
    return this;
  }

  sends(sends: boolean, ...leases: number[]): this {
    for (const lease of leases) this.step({ kind: 'sends', lease: leaseOf(lease), sends });
    return this;
  }

  /** All that was said of one kind since `forget`. */
  of<K extends Kind>(kind: K): Of<K>[] {
    return this.#said.map(({ output }) => output).filter((output): output is Of<K> => output.kind === kind);
  }

  /** `kind` of each, in order; with the lease or epoch that it names. Not `settled`, which follows nearly everything: see `of`. */
  get words(): string[] {
    return this.#said.filter(({ output }) => output.kind !== 'settled').map(({ output }) => wordOf(output));
  }

  /** Nothing waits for time, but for the next interval and the next renewal. */
  assertCalm(): void {
    assert.equal(this.machine.phase, 'steady');
    const deadline = this.machine.nextDeadline();
    assert.ok(deadline === null || deadline > this.#nowMs + 60_000, `something is due at ${deadline}`);
  }

  /** When something of this kind was said. */
  times(kind: Kind): number[] {
    return this.#said.filter(({ output }) => output.kind === kind).map(({ atMs }) => atMs);
  }

  forget(): this {
    this.#said.length = 0;
    return this;
  }

  /** Time as it is: who came and was keyed long ago, senders running; epoch 0 active, nothing pending, no grace open. */
  static steady(
    people: { senders?: number[]; viewers?: number[] },
    timers: Partial<Timers> = {},
    joinPolicy: JoinPolicy = 'every',
  ): RekeyScene {
    const { senders = [], viewers = [] } = people;
    const scene = new RekeyScene(timers, joinPolicy);
    scene.join(...senders).joinViewers(...viewers);
    scene.after(scene.machine.nextDeadline() ?? 0).minted();
    scene.acknowledge(0, ...senders, ...viewers);
    scene.sends(true, ...senders).confirm(0, ...senders);
    scene.at(10_000).forget();
    scene.assertCalm();
    return scene;
  }
}

/** A move stands as `from>to` beside the mint's other joins and departures. */
const mintWord = ({ joins, departures, share, moves }: Of<'mint'>): string => {
  const moving = moves.map(({ from, to }) => ` ${from}>${to}`).join('');
  const others = joins.filter((lease) => moves.every(({ to }) => to !== lease));
  const gone = departures.filter((lease) => moves.every(({ from }) => from !== lease));
  return `${share ? 'share' : 'mint'} +${others.join(',')} -${gone.join(',')}${moving}`;
};

const wordOf = (output: RekeyOutput): string => {
  if (output.kind === 'mint') return mintWord(output);
  if (output.kind === 'exposed') return `exposed ${output.departures.map(({ lease }) => lease).join(',')}`;
  if (output.kind === 'readmit') return `readmit ${output.leases.join(',')} ${output.reason}`;
  if ('lease' in output) return `${output.kind} ${output.lease}`;
  if ('epoch' in output) return `${output.kind} ${output.epoch}`;
  return output.kind;
};

export const leases = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
