// A rekey machine on a virtual clock, driven by hand: every deadline on the way is ticked at its very moment.

import assert from 'node:assert/strict';
import { RekeyMachine } from '../../src/keys/rekey.ts';
import type { RekeyInput, RekeyOutput } from '../../src/keys/rekey.ts';
import { epochId, lease as leaseOf } from '../../src/protocol/names.ts';
import type { DepartureCause } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';

export const fingerprintOf = (epoch: number): Uint8Array => new Uint8Array(16).fill(epoch + 1);

export type Kind = RekeyOutput['kind'];
type Of<K extends Kind> = Extract<RekeyOutput, { kind: K }>;

export class RekeyScene {
  readonly machine: RekeyMachine;
  readonly #said: { readonly atMs: number; readonly output: RekeyOutput }[] = [];
  #nowMs = 0;
  #nextEpoch = 0;

  constructor(timers: Partial<Timers> = {}) {
    this.machine = new RekeyMachine({ ...defaultTimers, ...timers });
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
    for (const output of this.machine.step(input, this.#nowMs))
      this.#said.push({ atMs: this.#nowMs, output });
    return this;
  }

  join(...leases: number[]): this {
    for (const lease of leases) this.step({ kind: 'join', lease: leaseOf(lease), stage: true });
    return this;
  }

  joinViewers(...leases: number[]): this {
    for (const lease of leases) this.step({ kind: 'join', lease: leaseOf(lease), stage: false });
    return this;
  }

  depart(cause: DepartureCause, ...leases: number[]): this {
    for (const lease of leases) this.step({ kind: 'depart', lease: leaseOf(lease), cause });
    return this;
  }

  /** The custodian answers with the next epoch. */
  minted(): this {
    const epoch = epochId(this.#nextEpoch++);
    return this.step({ kind: 'minted', epoch, fingerprint: fingerprintOf(epoch) });
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
  ): RekeyScene {
    const { senders = [], viewers = [] } = people;
    const scene = new RekeyScene(timers);
    scene.join(...senders).joinViewers(...viewers);
    scene.after(scene.machine.nextDeadline() ?? 0).minted();
    scene.acknowledge(0, ...senders, ...viewers);
    scene.sends(true, ...senders).confirm(0, ...senders);
    scene.at(10_000).forget();
    scene.assertCalm();
    return scene;
  }
}

const wordOf = (output: RekeyOutput): string => {
  if (output.kind === 'mint') return `mint +${output.joins.join(',')} -${output.departures.join(',')}`;
  if (output.kind === 'exposed') return `exposed ${output.departures.map(({ lease }) => lease).join(',')}`;
  if ('lease' in output) return `${output.kind} ${output.lease}`;
  if ('epoch' in output) return `${output.kind} ${output.epoch}`;
  return output.kind;
};

export const leases = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
