// One meeting on a virtual clock: the rekey machine, a custodian that takes its time, dies and comes back, sockets that delay, stall and drop,
// the server's own delivery of key messages (src/meeting/keyDelivery.ts), participants that seal and open, and a gate before each sender.
// It does what the machine says, and lets the laws look on. More than 400 lines: one server and its one loop.

import assert from 'node:assert/strict';
import { RekeyMachine } from '../../src/keys/rekey.ts';
import type { RekeyInput, RekeyOutput } from '../../src/keys/rekey.ts';
import { KeyDelivery } from '../../src/meeting/keyDelivery.ts';
import type { Recipient } from '../../src/meeting/keyDelivery.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';
import { epochId, lease as toLease } from '../../src/protocol/names.ts';
import type { DepartureCause, EpochId, JoinPolicy, Lease } from '../../src/protocol/names.ts';
import { serverEnvelope, serverNotices } from '../../src/protocol/signaling.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import { ModelClient } from './rekeyClient.ts';
import type { Traits, Up } from './rekeyClient.ts';
import { VirtualClock } from './rekeyClock.ts';
import { ModelCustodian } from './rekeyCustodian.ts';
import { Guest, Socket } from './rekeyGuest.ts';
import type { Down, Sent } from './rekeyGuest.ts';
import { longestAdmissionMs, longestFlightMs } from './rekeyHistories.ts';
import type { Answer, Deed, History } from './rekeyHistories.ts';
import { RekeyLaws, restartMs } from './rekeyLaws.ts';
import type { Suite } from './rekeySuites.ts';

export type MakeMachine = (timers: Timers, joinPolicy: JoinPolicy) => RekeyMachine;
type Mint = Extract<RekeyOutput, { kind: 'mint' }>;

/** Of the last deed: after it nothing new happens, and everything comes to rest. */
const quietMs = 50_000;
const restlessMs = 40_000;
const lookMs = 200;
const framesEvery = 3;
const retryMs = 300;
const mostKnocks = 20;

export class RekeyWorld<H, S, K> {
  readonly clock = new VirtualClock();
  readonly laws: RekeyLaws;
  readonly #history: History;
  readonly #suite: Suite<H, S, K>;
  readonly #machine: RekeyMachine;
  readonly #guests: Guest<H, S, K>[] = [];
  /** In the machine. */
  readonly #byLease = new Map<Lease, Guest<H, S, K>>();
  readonly #delivery = new KeyDelivery(this.#byLease);
  readonly #fingerprints = new Map<EpochId, Uint8Array>();
  readonly #answers: Answer[];
  #custodian: ModelCustodian<H> | null;
  #before: ModelCustodian<H>;
  #asked: Mint | null = null;
  #turn = 0;
  #tickAtMs: number | null = null;
  #ended = false;

  constructor(
    history: History,
    suite: Suite<H, S, K>,
    make: MakeMachine = (timers, joinPolicy) => new RekeyMachine(timers, joinPolicy),
  ) {
    this.#history = history;
    this.#suite = suite;
    this.#machine = make(history.timers, history.joinPolicy);
    this.#answers = history.answers.slice();
    this.#before = this.#newCustodian(null);
    this.#custodian = this.#before;
    this.laws = new RekeyLaws(suite, history, this.clock);
  }

  /** The whole history, then a long quiet, then the end. */
  run(): RekeyLaws {
    let atMs = 0;
    for (const { afterMs, deed } of this.#history.deeds) {
      atMs += afterMs;
      this.clock.at(atMs, () => this.#commit(deed));
    }
    this.clock.runTo(atMs + quietMs);
    this.#comesToRest();
    this.#ended = true;
    this.#step({ kind: 'end' });
    this.laws.over(this.#machine.nextDeadline());
    this.laws.secrets.looksBack(this.#history.looks);
    this.#custodian?.close();
    assert.equal(this.#before.held, 0, 'law 6: after the end nothing is held');
    return this.laws;
  }

  get #present(): Guest<H, S, K>[] {
    return [...this.#byLease.values()];
  }

  #nextOf(values: readonly number[]): number {
    return values[this.#turn++ % values.length] ?? 0;
  }

  // What people do

  #commit(deed: Deed): void {
    if (deed.kind === 'join') return deed.people.forEach((traits) => this.#knock(traits));
    if (deed.kind === 'rekey') return this.#demand(deed.reason);
    if (deed.kind === 'loseCustodian') return this.#lose(deed.backAfterMs);
    const present = this.#present;
    if (deed.kind === 'everybodyLeaves') return present.forEach((guest) => this.#depart(guest, 'left'));
    const guest = present[deed.who % present.length];
    if (guest === undefined) return;
    if (deed.kind === 'depart') return this.#depart(guest, deed.cause);
    if (deed.kind === 'stall') guest.stalledUntilMs = this.clock.nowMs + deed.forMs;
    else if (deed.kind === 'toggleStage') this.#toggleStage(guest);
    else if (deed.kind === 'silence') guest.client.silent = true;
    else if (deed.kind === 'drop') this.#drop(guest, deed.noticedAfterMs, deed.backAfterMs);
    else if (deed.kind === 'reload') {
      this.#drop(guest, 0, null);
      this.#knock(guest.client.traits);
    } else if (guest.stage && !guest.client.silent && this.#online(guest) && guest.client.leases.length > 0)
      this.#say(guest, guest.client.toggleSending());
  }

  #toggleStage(guest: Guest<H, S, K>): void {
    guest.stage = !guest.stage;
    this.#step({ kind: 'stage', lease: guest.lease, stage: guest.stage });
    if (!guest.stage) this.#reconcile(guest);
  }

  /** Admitted, and then, if the custodian is still the same, in. */
  #knock(traits: Traits, knocks = 0): void {
    if (this.#ended || knocks >= mostKnocks) return;
    const custodian = this.#custodian;
    const again = (): void => this.#knock(traits, knocks + 1);
    if (custodian === null) return this.clock.after(retryMs, again);
    const admission = this.#admit(custodian);
    this.clock.after(admission.afterMs, () => {
      if (this.#custodian !== custodian) again();
      else if (!this.#ended) this.#enter(traits, admission);
    });
  }

  #admit(custodian: ModelCustodian<H>): {
    readonly lease: Lease;
    readonly leafKey: H;
    readonly afterMs: number;
  } {
    const { lease, key } = custodian.admit();
    const leafKey = this.#suite.copy(key);
    this.laws.secrets.admitted(lease, leafKey);
    return { lease, leafKey, afterMs: 1 + (this.#turn++ % longestAdmissionMs) };
  }

  #enter(traits: Traits, { lease, leafKey }: { readonly lease: Lease; readonly leafKey: H }): void {
    const client = new ModelClient(`p${this.#guests.length + 1}`, traits, this.#suite, this.#history.timers);
    const guest = new Guest(client, lease, new Socket(), (to, message) => this.#tell(to, message));
    this.#guests.push(guest);
    this.#tell(guest, { kind: 'admission', lease, leafKey, producers: this.#sentTo(guest) });
    this.#byLease.set(lease, guest);
    this.#step({ kind: 'join', lease, stage: traits.stage });
  }

  /** Cut first. */
  #depart(guest: Guest<H, S, K>, cause: DepartureCause): void {
    const { lease } = guest;
    guest.present = false;
    guest.gateOpen = false;
    this.#byLease.delete(lease);
    this.#step({ kind: 'depart', lease, cause });
  }

  #demand(reason: 'operator' | 'compromise'): void {
    if (reason === 'operator') return this.#step({ kind: 'rekey', reason });
    this.#custodian?.forgetIfStale(this.clock.nowMs);
    const theft = this.laws.secrets.stolen(this.#custodian?.stolen ?? []);
    // No admission is on its way any more that was asked for before.
    this.clock.after(longestAdmissionMs + 1, () => {
      if (this.#ended) return;
      this.#tickIfDue();
      if (this.#byLease.size > 0) theft.renewing();
      this.#step({ kind: 'rekey', reason });
    });
  }

  // Sockets that are lost, and come back

  #online({ socket }: Guest<H, S, K>): boolean {
    return socket?.open === true;
  }

  #drop(guest: Guest<H, S, K>, noticedAfterMs: number, backAfterMs: number | null): void {
    const { socket } = guest;
    if (socket?.open !== true) return;
    this.laws.counts.drops++;
    socket.open = false;
    this.clock.after(noticedAfterMs, () => {
      if (guest.socket === socket) this.#away(guest);
    });
    if (backAfterMs !== null) this.clock.after(backAfterMs, () => this.#comeBack(guest));
  }

  #away(guest: Guest<H, S, K>): void {
    guest.socket = null;
    const sinceMs = this.clock.nowMs;
    guest.awaySinceMs = sinceMs;
    this.clock.after(this.#history.timers.resumeWindowMs, () => {
      const still = guest.present && guest.socket === null && guest.awaySinceMs === sinceMs;
      if (!still || this.#ended) return;
      this.laws.counts.windowsExpired++;
      this.#depart(guest, 'lost');
    });
  }

  /** It proves an admission that the custodian knows, or is nobody. */
  #comeBack(guest: Guest<H, S, K>): void {
    const { client } = guest;
    if (this.#ended || !guest.present || client.silent || this.#online(guest)) return;
    if (this.#custodian === null) return this.clock.after(retryMs, () => this.#comeBack(guest));
    if (!client.leases.includes(guest.lease) || !this.#custodian.knows(guest.lease)) {
      this.laws.counts.resumesRefused++;
      return;
    }
    this.laws.counts.socketsResumed++;
    if (guest.socket !== null) guest.socket.open = false;
    guest.socket = new Socket();
    guest.stalledUntilMs = 0;
    if (guest.next !== null && !client.leases.includes(guest.next)) {
      this.#delivery.lost(guest.next);
      guest.readmit ??= 'lagging';
    }
    const { newest, confirmed } = client;
    if (newest !== null) this.#acknowledged(guest, newest.epoch, newest.fingerprint);
    if (confirmed !== null) this.#step({ kind: 'confirmed', lease: guest.lease, epoch: confirmed });
    if (guest.producing !== client.sends) this.#reconcile(guest);
    for (const other of this.#present) {
      if (other.producing && !client.frames.knows(other.participantId))
        guest.metIn.set(other.participantId, other.movedIn);
    }
    this.#tell(guest, { kind: 'producers', producers: this.#sentTo(guest) });
    this.#replay(guest);
  }

  /** A producer of which only one side knows, since the word of it was lost, is closed on the other. */
  #reconcile(guest: Guest<H, S, K>): void {
    guest.client.sends = false;
    if (!guest.producing) return;
    guest.producing = false;
    this.#step({ kind: 'sends', lease: guest.lease, sends: false });
  }

  #replay(guest: Guest<H, S, K>): void {
    if (!guest.present) return;
    if (!this.#delivery.replay(guest)) guest.readmit ??= 'lagging';
    if (guest.readmit !== null) this.#tell(guest, { kind: 'readmit' });
  }

  #tell(guest: Guest<H, S, K>, message: Down<H>): void {
    const { client, socket } = guest;
    if (socket?.open !== true) return;
    const arrivesAtMs = Math.max(
      socket.downAtMs,
      this.clock.nowMs + client.traits.downMs,
      guest.stalledUntilMs,
    );
    // One after the other: what comes after a key waits until that is installed.
    socket.downAtMs = arrivesAtMs + (message.kind === 'key' ? client.traits.installMs : 0);
    this.clock.at(socket.downAtMs, () => {
      if (guest.present && !client.silent && socket.open) this.#say(guest, this.#receives(client, message));
    });
  }

  #receives(client: ModelClient<H, S, K>, message: Down<H>): Up[] {
    const { nowMs } = this.clock;
    if (message.kind === 'key') return client.keyMessage(message.bytes, nowMs);
    if (message.kind === 'text') return this.#notice(client, message.text);
    if (message.kind === 'readmit') return [{ kind: 'readmit' }];
    if (message.kind === 'admission') client.admitted(message.lease, message.leafKey);
    for (const { participant, lease } of message.producers) client.frames.note(participant, lease);
    return [];
  }

  #notice(client: ModelClient<H, S, K>, text: string): Up[] {
    const { notice, data } = noticeOf(text);
    if (notice === 'activated')
      return client.activated(serverNotices.activated.parse(data), this.clock.nowMs);
    const { epoch, leases } = serverNotices.leases.parse(data);
    for (const { participantId, lease } of leases) {
      if (participantId !== client.id) client.frames.note(participantId, toLease(lease), epochId(epoch));
    }
    return [];
  }

  #say(guest: Guest<H, S, K>, messages: readonly Up[]): void {
    const { socket } = guest;
    if (socket === null) return;
    const { readmitsMs, stutters } = guest.client.traits;
    for (const message of messages) {
      if (message.kind !== 'readmit') {
        for (let time = stutters ? 0 : 1; time < 2; time++) this.#send(guest, socket, message);
      } else if (readmitsMs !== null) this.clock.after(readmitsMs, () => this.#send(guest, socket, message));
    }
  }

  #send(guest: Guest<H, S, K>, socket: Socket, message: Up): void {
    const sentAtMs = Math.max(this.clock.nowMs, guest.stalledUntilMs);
    socket.upAtMs = Math.max(socket.upAtMs, sentAtMs + guest.client.traits.upMs);
    this.clock.at(socket.upAtMs, () => {
      if (socket.open && !guest.client.silent && !this.#ended) this.#hear(guest, message);
    });
  }

  /** Also of those who are gone meanwhile: what they said was on its way. */
  #hear(guest: Guest<H, S, K>, message: Up): void {
    const { lease } = guest;
    if (message.kind === 'acknowledged') this.#acknowledged(guest, message.epoch, message.fingerprint);
    else if (message.kind === 'confirmed') this.#step({ kind: 'confirmed', lease, epoch: message.epoch });
    else if (message.kind === 'readmit') this.#readmit(guest);
    else if (message.sends && !guest.stage) guest.client.sends = false;
    else if (guest.present && guest.producing !== message.sends) {
      guest.producing = message.sends;
      if (message.sends) this.#delivery.sends(guest);
      this.#step({ kind: 'sends', lease, sends: message.sends });
      if (message.sends) this.#announce(guest);
    }
  }

  #acknowledged(guest: Guest<H, S, K>, epoch: EpochId, fingerprint: Uint8Array): void {
    const same = equalBytes(fingerprint, this.#fingerprints.get(epoch) ?? new Uint8Array());
    if (same) this.#delivery.acknowledged(guest, epoch);
    this.#step({ kind: 'acknowledged', lease: guest.lease, epoch, fingerprint });
  }

  #readmit(guest: Guest<H, S, K>): void {
    const reason = guest.readmit;
    const custodian = this.#custodian;
    if (reason === null || !guest.present) return;
    if (custodian === null) return;
    guest.readmit = null;
    const { lease, leafKey, afterMs } = this.#admit(custodian);
    this.clock.after(afterMs, () => {
      if (this.#ended) return;
      if (this.#custodian !== custodian) {
        guest.readmit ??= reason;
        return;
      }
      if (!guest.present) return custodian.withdraw(lease);
      this.#tell(guest, { kind: 'admission', lease, leafKey, producers: [] });
      guest.next = lease;
      this.#step({ kind: 'readmitted', lease: guest.lease, newLease: lease });
    });
  }

  // Time, and what the machine says

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
    const lateMs = this.#nextOf(this.#history.timersLateMs);
    this.clock.at(Math.max(deadline + lateMs, this.clock.nowMs), () => {
      if (this.#tickAtMs !== deadline || this.#ended) return;
      this.#tickAtMs = null;
      this.#step({ kind: 'tick' });
    });
  }

  #do(output: RekeyOutput): void {
    if (output.kind === 'mint') this.#mint(output);
    else if (output.kind === 'withdrawn') {
      assert.ok(this.#custodian !== null, 'nothing is taken back from nobody');
      this.#custodian.withdraw(output.lease);
    } else if (output.kind === 'readmit') {
      for (const lease of output.leases) {
        const guest = this.#guest(lease);
        guest.readmit = output.reason;
        this.#tell(guest, { kind: 'readmit' });
      }
    } else if (output.kind === 'custodianStalled') this.#lose(restartMs);
    else if (output.kind === 'activate')
      this.#delivery.activated(output.epoch, output.fingerprint, output.trigger);
    else if (output.kind === 'start') this.#guest(output.lease).started = true;
    else if (output.kind === 'resume') this.#guest(output.lease).gateOpen = true;
    else if (output.kind === 'lagging') this.#help(this.#guest(output.lease), output.epoch);
    else if (output.kind === 'pause') {
      const guest = this.#guest(output.lease);
      // The last frame that passes, and the slowest.
      if (output.why === 'unconfirmed') this.#forward(guest, longestFlightMs);
      guest.gateOpen = false;
    }
  }

  #guest(lease: Lease): Guest<H, S, K> {
    const guest = this.#byLease.get(lease);
    assert.ok(guest, `lease ${lease} is here`);
    return guest;
  }

  /** Once, when nothing waits in its socket any more. */
  #help(guest: Guest<H, S, K>, epoch: EpochId): void {
    const { socket } = guest;
    if (socket?.open !== true) return;
    this.clock.at(Math.max(socket.downAtMs, this.clock.nowMs), () => {
      const still = guest.socket === socket && socket.open && guest.acknowledged < epoch;
      if (still && !this.#ended) this.#replay(guest);
    });
  }

  // The custodian

  #newCustodian(before: ModelCustodian<H> | null): ModelCustodian<H> {
    const { joinPolicy, timers } = this.#history;
    return new ModelCustodian(this.#suite, { joinPolicy, freshForMs: timers.freshForMs }, before);
  }

  #mint(mint: Mint): void {
    this.#asked = mint;
    this.#custodian?.assertPossible(mint);
    const answer = this.#answers.shift() ?? { kind: 'answers', afterMs: 5 };
    this.laws.answering(answer);
    if (answer.kind === 'hangs') return;
    this.clock.after(answer.afterMs, () => {
      if (this.#asked !== mint || this.#ended) return;
      this.#tickIfDue();
      if (answer.kind === 'answers') this.#answer(mint);
      else this.#refuse();
    });
  }

  #answer(mint: Mint): void {
    const custodian = this.#custodian;
    assert.ok(custodian);
    this.#asked = null;
    const reply = custodian.rekey(mint, this.clock.nowMs);
    const { epoch, fingerprint } = reply;
    if (reply.minted) {
      this.#fingerprints.set(epoch, fingerprint);
      for (const { from, to } of mint.moves) this.#move(from, to, epoch);
      this.#delivery.minted(reply, mint.moves, mint.departures);
    } else this.#delivery.shared(reply);
    this.laws.answered(reply, (lease) => custodian.inTree(lease));
    this.#step(reply.minted ? { kind: 'minted', epoch, fingerprint } : { kind: 'shared', epoch });
    if (this.#turn % 11 === this.#history.looks % 11)
      this.laws.secrets.looksAtCustodian(custodian.stolen, this.clock.nowMs);
  }

  #move(from: Lease, to: Lease, epoch: EpochId): void {
    const guest = this.#byLease.get(from);
    if (guest === undefined) return;
    this.#byLease.delete(from);
    guest.lease = to;
    guest.movedIn = epoch;
    if (guest.next === to) guest.next = null;
    this.#byLease.set(to, guest);
  }

  #refuse(): void {
    this.#asked = null;
    this.laws.failed();
    this.#step({ kind: 'mintFailed' });
  }

  /** With all keys, those of waiting admissions too. */
  #lose(backAfterMs: number): void {
    if (this.#custodian === null || this.#ended) return;
    this.#tickIfDue();
    const lost: ModelCustodian<H> | null = this.#custodian;
    if (lost === null) return;
    lost.close();
    this.#before = lost;
    this.#custodian = null;
    this.#asked = null;
    for (const guest of this.#byLease.values()) {
      guest.readmit = null;
      guest.next = null;
    }
    this.laws.custodianLost(backAfterMs);
    this.#stepOnce({ kind: 'custodianLost' });
    this.clock.after(backAfterMs, () => {
      if (this.#ended) return;
      this.#tickIfDue();
      this.#before = this.#newCustodian(lost);
      this.#custodian = this.#before;
      this.laws.custodianBack();
      this.#stepOnce({ kind: 'custodianBack' });
    });
  }

  // Media

  #sentTo(guest: Guest<H, S, K>): Sent[] {
    return this.#present.filter((other) => other !== guest && other.producing).map((other) => sentBy(other));
  }

  #announce(guest: Guest<H, S, K>): void {
    const producers = [sentBy(guest)];
    for (const other of this.#byLease.values()) {
      if (other !== guest) this.#tell(other, { kind: 'producers', producers });
    }
  }

  /** From one sender after the other, at every third moment in which something happens. */
  #sendFrame(): void {
    const sending = this.#present.filter(({ producing, gateOpen }) => producing && gateOpen);
    for (const { client } of sending) if (client.using !== null) this.laws.sends(client.using);
    const guest = this.#turn++ % framesEvery === 0 ? sending[this.#turn % sending.length] : undefined;
    if (guest !== undefined) this.#forward(guest, this.#nextOf(this.#history.flightsMs));
  }

  /** Through the gate to everybody who was started and consumes it. */
  #forward(guest: Guest<H, S, K>, flightMs: number): void {
    if (!guest.gateOpen || !guest.producing) return;
    const frame = guest.client.frames.seal(this.clock.nowMs);
    if (frame === null) {
      this.laws.counts.framesUnsealed++;
      return;
    }
    const { epoch, bytes } = frame;
    this.laws.counts.framesSealed++;
    this.laws.sends(epoch);
    this.laws.secrets.sealed(frame);
    const receivers = this.#present.filter(
      ({ client, metIn, started }) =>
        started &&
        client.frames.endsAtMs(epoch) !== undefined &&
        client.frames.knows(guest.participantId) &&
        epoch >= (metIn.get(guest.participantId) ?? 0),
    );
    if (receivers.length === 0) return;
    this.clock.after(flightMs, () => {
      for (const { client, present, participantId } of receivers) {
        if (!present) continue;
        const { ok } = client.frames.open(guest.participantId, bytes, this.clock.nowMs);
        this.laws.receives(participantId, epoch, ok, client.frames.endsAtMs(epoch) ?? Infinity);
      }
    });
  }

  // The quiet

  /** Nothing has happened for long: whoever can takes part, each at some moment, since intervals and renewals go on. */
  #comesToRest(): void {
    const guests = new Set(this.#byLease.values());
    for (let waitedMs = 0; ; waitedMs += lookMs) {
      for (const guest of guests) if (this.#restless(guest) === null) guests.delete(guest);
      const [guest] = guests;
      if (guest === undefined) return;
      assert.ok(waitedMs < restlessMs, `law 7: ${guest.participantId} ${this.#restless(guest)}`);
      this.clock.runTo(this.clock.nowMs + lookMs);
    }
  }

  /** What is wrong with it. */
  #restless(guest: Guest<H, S, K>): string | null {
    const { client, gateOpen, lease, present } = guest;
    const { confirms, lies, readmitsMs } = client.traits;
    if (!present || client.silent || lies || readmitsMs === null || !this.#online(guest)) return null;
    const person = this.laws.personOf(lease);
    if (person?.started !== true || person.lagging) return 'takes part';
    if (client.using !== this.#machine.activeEpoch) return 'uses the active epoch';
    return gateOpen === (client.sends && confirms !== 'never') ? null : 'sends if it wants to';
  }
}

const sentBy = ({ participantId, lease }: Pick<Recipient, 'participantId' | 'lease'>): Sent => ({
  participant: participantId,
  lease,
});

/** Many get the same text. */
const parsed = new Map<string, { readonly notice: string; readonly data: unknown }>();

const noticeOf = (text: string): { readonly notice: string; readonly data: unknown } => {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  if (parsed.size > 1_000) parsed.clear();
  const envelope = serverEnvelope.parse(JSON.parse(text));
  assert.ok('notice' in envelope);
  parsed.set(text, envelope);
  return envelope;
};
