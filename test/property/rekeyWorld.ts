// One meeting on a virtual clock: the rekey machine, a custodian that takes its time, sockets that delay and stall, clients that seal
// and open, and a server's gate before each sender. It does what the machine says, and lets the laws look on.

import { RekeyMachine } from '../../src/keys/rekey.ts';
import type { RekeyInput, RekeyOutput } from '../../src/keys/rekey.ts';
import { epochId, lease as leaseOf } from '../../src/protocol/names.ts';
import type { DepartureCause } from '../../src/protocol/names.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import { fingerprintOf, ModelClient } from './rekeyClient.ts';
import type { Down, Up } from './rekeyClient.ts';
import { VirtualClock } from './rekeyClock.ts';
import { longestFlightMs } from './rekeyHistories.ts';
import type { Answer, Deed, History } from './rekeyHistories.ts';
import { RekeyLaws } from './rekeyLaws.ts';

export type MakeMachine = (timers: Timers) => RekeyMachine;

interface Ask {
  readonly joins: readonly number[];
  readonly departures: readonly number[];
}

export class RekeyWorld {
  readonly clock = new VirtualClock();
  readonly laws: RekeyLaws;
  readonly #history: History;
  readonly #machine: RekeyMachine;
  readonly #clients = new Map<number, ModelClient>();
  readonly #answers: Answer[];
  #turn = 0;
  #epochs = 0;
  /** The custodian's tree: those to whom an epoch is sealed. */
  readonly #tree = new Set<number>();
  #asked: Ask | null = null;
  #hangsSince: number | null = null;
  #tickAtMs: number | null = null;
  #ended = false;

  constructor(history: History, make: MakeMachine = (timers) => new RekeyMachine(timers)) {
    this.#history = history;
    this.#machine = make(history.timers);
    this.#answers = history.answers.slice();
    this.laws = new RekeyLaws(history, this.clock, this.#clients);
  }

  /** The whole history, then a long quiet, then the end. */
  run(): RekeyLaws {
    let atMs = 0;
    for (const { afterMs, deed } of this.#history.deeds) {
      atMs += afterMs;
      this.clock.at(atMs, () => this.#commit(deed));
    }
    // The last stall (8 s), a custodian that fails 30 times over, and whatever the slowest then still have to say.
    this.clock.runTo(atMs + 120_000);
    this.laws.quiet(this.#machine.phase, this.#machine.activeEpoch);
    this.#ended = true;
    this.#step({ kind: 'end' });
    this.laws.over(this.#machine.nextDeadline());
    return this.laws;
  }

  get #present(): ModelClient[] {
    return [...this.#clients.values()].filter(({ present }) => present);
  }

  #commit(deed: Deed): void {
    if (deed.kind === 'join') {
      for (const traits of deed.people) {
        const client = new ModelClient(this.#clients.size + 1, traits);
        this.#clients.set(client.lease, client);
        this.#step({ kind: 'join', lease: leaseOf(client.lease), stage: traits.stage });
      }
      return;
    }
    const present = this.#present;
    if (deed.kind === 'everybodyLeaves') {
      for (const client of present) this.#depart(client, 'left');
      return;
    }
    const client = present[deed.who % present.length];
    if (client === undefined) return;
    if (deed.kind === 'depart') this.#depart(client, deed.cause);
    else if (deed.kind === 'stall') client.stalledUntilMs = this.clock.nowMs + deed.forMs;
    else if (deed.kind === 'silence') client.silent = true;
    else if (client.traits.stage && !client.silent) this.#say(client, client.toggleSending());
  }

  #depart(client: ModelClient, cause: DepartureCause): void {
    client.present = false;
    client.gateOpen = false;
    this.#step({ kind: 'depart', lease: leaseOf(client.lease), cause });
  }

  /**
   * What is due is told apart from what arrives, so that each law knows which of the two it looks at. Not so where somebody departs:
   * nothing of what is due then may name the departed.
   */
  #step(input: RekeyInput): void {
    if (input.kind !== 'depart') this.#tickIfDue();
    if (input.kind !== 'tick') this.#stepOnce(input);
  }

  #tickIfDue(): void {
    if ((this.#machine.nextDeadline() ?? Infinity) <= this.clock.nowMs) this.#stepOnce({ kind: 'tick' });
  }

  #stepOnce(input: RekeyInput): void {
    const outputs = this.#machine.step(input, this.clock.nowMs);
    this.laws.stepped(input, outputs, (output) => this.#do(output));
    if (this.#ended) return;
    this.laws.settled(this.#machine.phase, this.#machine.nextDeadline());
    this.#sendFrame();
    this.#setTimer();
  }

  #setTimer(): void {
    const deadline = this.#machine.nextDeadline();
    if (deadline === null || deadline === this.#tickAtMs) return;
    this.#tickAtMs = deadline;
    const lateMs = turn(this.#history.timersLateMs, this.#turn++);
    this.clock.at(Math.max(deadline + lateMs, this.clock.nowMs), () => {
      if (this.#tickAtMs !== deadline || this.#ended) return;
      this.#tickAtMs = null;
      this.#step({ kind: 'tick' });
    });
  }

  #do(output: RekeyOutput): void {
    if (output.kind === 'mint') this.#mint(output);
    else if (output.kind === 'custodianStalled') this.#stalled();
    else if (output.kind === 'activate') {
      for (const client of this.#present) {
        if (client.keyed) this.#tell(client, { kind: 'activated', epoch: output.epoch });
      }
    } else if (output.kind === 'start') this.#client(output.lease).started = true;
    else if (output.kind === 'resume') this.#client(output.lease).gateOpen = true;
    else if (output.kind === 'pause') {
      const client = this.#client(output.lease);
      // The last frame that passes, and the slowest.
      if (output.why === 'unconfirmed') this.#forward(client, longestFlightMs);
      client.gateOpen = false;
    }
  }

  #client(lease: number): ModelClient {
    const client = this.#clients.get(lease);
    if (client?.present !== true) throw new Error(`lease ${lease} is not here`);
    return client;
  }

  // The custodian

  #mint(ask: Ask): void {
    this.#asked = ask;
    const answer = this.#answers.shift() ?? { kind: 'answers', afterMs: 5 };
    this.laws.asked(answer);
    if (answer.kind === 'hangs') this.#hangsSince = 0;
    else if (answer.kind === 'refuses') this.clock.after(answer.afterMs, () => this.#fail(ask));
    else this.clock.after(answer.afterMs, () => this.#answer(ask));
  }

  #answer(ask: Ask): void {
    if (this.#asked !== ask || this.#ended) return;
    this.#tickIfDue();
    this.#asked = null;
    const epoch = epochId(this.#epochs++);
    for (const lease of ask.departures) {
      if (!this.#tree.delete(lease)) throw new Error(`${lease} departs and never was in the tree`);
    }
    for (const lease of ask.joins) {
      if (this.#tree.has(lease)) throw new Error(`${lease} joins and is in the tree`);
      this.#tree.add(lease);
    }
    for (const client of this.#present) {
      if (!this.#tree.has(client.lease)) continue;
      client.keyed = true;
      this.#tell(client, { kind: 'key', epoch });
    }
    this.laws.minted(epoch, ask.joins, ask.departures);
    this.#step({ kind: 'minted', epoch, fingerprint: fingerprintOf(epoch) });
  }

  #fail(ask: Ask): void {
    if (this.#asked !== ask || this.#ended) return;
    this.#tickIfDue();
    this.#asked = null;
    this.laws.failed();
    this.#step({ kind: 'mintFailed' });
  }

  /** Told for the second time, it is ended. */
  #stalled(): void {
    const ask = this.#asked;
    if (this.#hangsSince === null || ask === null) return;
    this.#hangsSince++;
    if (this.#hangsSince < 2) return;
    this.#hangsSince = null;
    this.clock.after(0, () => this.#fail(ask));
  }

  // Sockets

  #tell(client: ModelClient, message: Down): void {
    const { nowMs } = this.clock;
    client.downAtMs = Math.max(client.downAtMs, nowMs + client.traits.downMs, client.stalledUntilMs);
    this.clock.at(client.downAtMs, () => {
      if (!client.present || client.silent) return;
      const { receiverGraceMs } = this.#history.timers;
      const answers = client.receive(message, this.clock.nowMs, receiverGraceMs);
      this.#say(client, answers, message.kind === 'key' ? client.traits.installMs : 0);
    });
  }

  #say(client: ModelClient, messages: readonly Up[], afterMs = 0): void {
    for (const message of messages) {
      for (let time = client.traits.stutters ? 0 : 1; time < 2; time++) {
        const sentAtMs = Math.max(this.clock.nowMs + afterMs, client.stalledUntilMs);
        client.upAtMs = Math.max(client.upAtMs, sentAtMs + client.traits.upMs);
        this.clock.at(client.upAtMs, () => this.#hear(client, message));
      }
    }
  }

  /** Also of those who are gone meanwhile: what they said was on its way. */
  #hear(client: ModelClient, message: Up): void {
    if (client.silent || this.#ended) return;
    const lease = leaseOf(client.lease);
    if (message.kind === 'sends') {
      client.producing = message.sends;
      this.#step({ ...message, lease });
      return;
    }
    const epoch = epochId(message.epoch);
    if (message.kind === 'confirmed') this.#step({ kind: 'confirmed', lease, epoch });
    else {
      const fingerprint = fingerprintOf(client.traits.lies ? epoch + 1 : epoch);
      this.#step({ kind: 'acknowledged', lease, epoch, fingerprint });
    }
  }

  // Media

  /** From one sender after the other, at every moment in which something happens. */
  #sendFrame(): void {
    const sending = this.#present.filter(({ producing, gateOpen }) => producing && gateOpen);
    for (const client of sending) this.laws.sends(client);
    const client = sending[this.#turn++ % sending.length];
    if (client !== undefined) this.#forward(client, turn(this.#history.flightsMs, this.#turn));
  }

  /** Through the gate to everybody who was started. */
  #forward(client: ModelClient, flightMs: number): void {
    const epoch = client.using;
    if (epoch === null || !client.gateOpen || !client.producing) return;
    this.laws.sends(client);
    const receivers = this.#present.filter(
      (receiver) => receiver !== client && receiver.started && receiver.installed(epoch),
    );
    if (receivers.length === 0) return;
    this.clock.after(flightMs, () => {
      for (const receiver of receivers) if (receiver.present) this.laws.receives(receiver, epoch);
    });
  }
}

const turn = (values: readonly number[], index: number): number => values[index % values.length] ?? 0;
