// A meeting over bad roads: some stay from beginning to end, others come, leave, are evicted, all the time. What must hold however bad
// the roads are is looked at when it is over.

import assert from 'node:assert/strict';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { MediaParticipant } from '../participant/mediaParticipant.ts';
import { camera, speech } from '../../src/load/syntheticMedia.ts';
import type { SyntheticMedia } from '../../src/load/syntheticMedia.ts';
import { until } from '../participant/until.ts';
import { api } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { MediaFailed } from '../../src/load/mediaPeers.ts';
import { Seeded } from '../../src/load/seeded.ts';

export interface BadMeetingOptions {
  /** For what an application and an operator ask: where and with what secret. */
  readonly server: Pick<ServerProcess, 'url' | 'apiSecret'>;
  /** All that the server wrote. */
  readonly serverOutput: () => Promise<string>;
  /** Where participants find the server: the road's near end. */
  readonly url: string;
  readonly bindAddress: string;
  readonly seed: number;
}

/** No sender may be silent for longer, milliseconds; from the network no more is wanted than that. */
const mostGapMs = 1_000;
/** Of each of the two who invite. */
const mostGuests = 2;
const mostAttempts = 5;
/** The worst roads leave time for a handful. */
const fewestEpochs = 3;
/** Time for a join over the worst road: DTLS repeats a lost flight after 1, 2, 4 s. */
const joinWithinMs = 30_000;
/** PROTOCOL.md's bound for a join or departure, after the resume window for somebody who could not say that it leaves. */
const epochWithinMs = 20_000;

const stay: readonly (readonly [string, readonly SyntheticMedia[]])[] = [
  ['Ada', [speech, camera]],
  ['Bob', [speech]],
  ['Cleo', [speech, camera]],
  ['Dan', []],
];

export class BadMeeting {
  readonly #options: BadMeetingOptions;
  readonly #meeting: string;
  readonly #stayers: MediaParticipant[] = [];
  readonly #guests = new Set<MediaParticipant>();
  /** Who went, and with them what they counted. */
  readonly #gone: MediaParticipant[] = [];
  #joined = 0;
  #joinedAgain = 0;
  #evicted = 0;

  private constructor(options: BadMeetingOptions, meeting: string) {
    this.#options = options;
    this.#meeting = meeting;
  }

  /** Everybody who stays is there, and hears every other who speaks. */
  static async begin(options: BadMeetingOptions): Promise<BadMeeting> {
    const meeting = new BadMeeting(options, await api(options.server).createMeeting());
    try {
      const joining = stay.map(async ([name, sends]) =>
        meeting.#stayers.push(await meeting.#join(name, sends)),
      );
      await Promise.all(joining);
      await until('everybody hears everybody', joinWithinMs, () =>
        meeting.#stayers.every((listener) => heardBy(listener) >= speakersFor(listener, meeting.#stayers)),
      );
    } catch (cause) {
      meeting.close();
      throw cause;
    }
    return meeting;
  }

  get stayers(): readonly MediaParticipant[] {
    return this.#stayers;
  }

  /** Comings and goings, two at a time, until so much time has passed and there were epochs enough to say anything. */
  async churn(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    await Promise.all(
      [1, 2].map((lane) => this.#comeAndGo(new Seeded(this.#options.seed, 1_000 + lane), endMs)),
    );
  }

  async #comeAndGo(seeded: Seeded, endMs: number): Promise<void> {
    const guests: MediaParticipant[] = [];
    while (performance.now() < endMs || this.#epoch() < fewestEpochs) {
      const before = this.#epoch();
      const guest = seeded.pick(guests);
      if (guest === undefined || (guests.length < mostGuests && seeded.chance(0.5))) {
        const joined = await this.#join(`Guest ${++this.#joined}`, [speech]);
        guests.push(joined);
        this.#guests.add(joined);
      } else {
        guests.splice(guests.indexOf(guest), 1);
        await this.#goes(guest, seeded.chance(0.5));
      }
      await until('the next epoch', epochWithinMs, () => this.#epoch() > before);
    }
  }

  /** Of those who stay, the oldest in use. */
  #epoch(): number {
    return Math.min(...this.#stayers.map(({ session }) => session.epoch?.epoch ?? -1));
  }

  /** What holds on any road; figures are printed by `say`. Then everybody leaves. */
  async end(say: (figures: string) => void): Promise<void> {
    const present = [...this.#stayers, ...this.#guests];
    for (const { name, ended, failures, gone, mediaStates } of present) {
      assert.equal(ended, null, `${name} was dropped`);
      assert.deepEqual(gone, [], `${name} lost what it sends`);
      assert.deepEqual(failures, [], name);
      assert.ok(!mediaStates.some((state) => /failed|closed/.test(state)), `${name}: ${mediaStates.join()}`);
    }
    const everybody = [...present, ...this.#gone];
    for (const participant of present) await participant.leave();
    const activations = await this.#activations();
    this.#print(say, everybody, activations);
    for (const { name, sent, received } of everybody) {
      for (const { longestGapMs, unsealed } of sent) {
        assert.ok(longestGapMs <= mostGapMs, `${name} was silent for ${Math.round(longestGapMs)} ms`);
        assert.equal(unsealed, 0, `${name} had no key to seal with`);
      }
      for (const { missing, producer } of received) {
        const broken = missing.filter(({ acknowledged }) => acknowledged);
        assert.deepEqual(
          broken,
          [],
          `${name} acknowledged an epoch and lacks its key for ${producer.producerId}`,
        );
      }
    }
    assert.ok(activations.length >= fewestEpochs, 'the server logs what it activates');
  }

  close(): void {
    for (const participant of [...this.#stayers, ...this.#guests]) participant.close();
  }

  /** Somebody whose connection breaks while joining joins again: there is nothing to resume yet. */
  async #join(name: string, sends: readonly SyntheticMedia[]): Promise<MediaParticipant> {
    const { server, url, bindAddress } = this.#options;
    const role = sends.length === 0 ? 'viewer' : 'presenter';
    for (let attempt = 1; ; attempt++) {
      const token = await api(server).token(this.#meeting, name, role);
      try {
        return await MediaParticipant.join({ name, url, token, bindAddress, sends });
      } catch (thrown) {
        const unreached = thrown instanceof LatchkeyError && thrown.code === 'connection_lost';
        const lost = unreached || thrown instanceof MediaFailed;
        if (!lost || attempt === mostAttempts) throw thrown;
        this.#joinedAgain++;
      }
    }
  }

  async #goes(guest: MediaParticipant, byEviction: boolean): Promise<void> {
    this.#guests.delete(guest);
    this.#gone.push(guest);
    if (byEviction) await this.#evict(guest);
    else await guest.leave();
  }

  /** As an operator does, who is on no bad road. */
  async #evict(guest: MediaParticipant): Promise<void> {
    this.#evicted++;
    await api(this.#options.server).evict(this.#meeting, guest.session.self.participantId);
  }

  /** Milliseconds from mint to activation, of every epoch, rising. */
  async #activations(): Promise<number[]> {
    const lines = (await this.#options.serverOutput()).split('\n');
    return lines
      .filter((line) => line.includes('"epoch.activated"') && line.includes(this.#meeting))
      .map((line) => (JSON.parse(line) as { tookMs: number }).tookMs)
      .sort((a, b) => a - b);
  }

  #print(
    say: (figures: string) => void,
    everybody: readonly MediaParticipant[],
    activations: readonly number[],
  ): void {
    const of = (share: number): number =>
      Math.round(activations[Math.ceil(share * activations.length) - 1] ?? NaN);
    const gaps = everybody.flatMap(({ sent }) => sent.map(({ longestGapMs }) => longestGapMs));
    const heard = this.#stayers.flatMap(({ received }) =>
      received
        .filter(({ producer }) => producer.kind === 'audio' && this.#isStayer(producer.participantId))
        .map(({ longestGapMs }) => longestGapMs),
    );
    const paused = everybody.flatMap(({ name, pausedIn }) => pausedIn.map((epoch) => `${name} in ${epoch}`));
    const resumed = everybody.reduce((sum, { connection }) => sum + connection.resumed, 0);
    const missing = everybody.flatMap(({ received }) => received.flatMap(({ missing }) => missing)).length;
    say(
      `seed ${this.#options.seed}: ${activations.length} epochs, mint to activation p50 ${of(0.5)} ms, p95 ${of(0.95)} ms, ` +
        `longest ${of(1)} ms; ${this.#joined} guests, ${this.#evicted} evicted, ${this.#joinedAgain} joins begun again`,
    );
    say(
      `longest silence of a sender ${Math.round(Math.max(...gaps))} ms, of a stayer's speech as another heard it ` +
        `${Math.round(Math.max(...heard))} ms; ${missing} frames before their key; ${resumed} resumed; paused: ${paused.join(', ') || 'nobody'}`,
    );
  }

  #isStayer(participantId: string): boolean {
    return this.#stayers.some(({ session }) => session.self.participantId === participantId);
  }
}

/** Streams of which at least one frame has been opened. */
const heardBy = ({ received }: MediaParticipant): number =>
  received.filter(({ opened }) => opened > 0).length;

const speakersFor = (listener: MediaParticipant, all: readonly MediaParticipant[]): number =>
  all.filter((other) => other !== listener).reduce((sum, { sent }) => sum + sent.length, 0);
