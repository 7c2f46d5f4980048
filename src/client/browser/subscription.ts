// One producer of somebody else, as it is received here. What is wanted may change at any time, and its consumer may be lost at any time: it
// does one thing after the other until what there is is what is wanted.
//
//   nothing ──consume──▶ paused ──(layers) resume──▶ received
//      ▲                   ▲ └────── close ─────────────┐│
//      │                   └──────── pause ─────────────┼┘
//      └─────── closed, or lost with its worker ◀───────┘

import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import type { ErrorClass, ErrorCode } from '../../protocol/errors.ts';
import type { Answer, Ask } from '../../protocol/signaling.ts';

export type Wanted =
  | { readonly kind: 'none' }
  /** Kept where it is there, and nothing of it sent here. */
  | { readonly kind: 'paused' }
  /** `spatialLayer` null: whichever the server thinks best. */
  | { readonly kind: 'received'; readonly spatialLayer: number | null };

type ConsumerMethod = 'resumeConsumer' | 'pauseConsumer' | 'closeConsumer' | 'setPreferredLayers';

export interface SubscriptionEnds<Path, Receiving> {
  /** The transport to receive with, now or once there is one. */
  readonly path: () => Promise<Path>;
  readonly consume: () => Promise<Answer<'consume'>>;
  /** @throws LatchkeyError where what is sent is not what was announced. */
  readonly attach: (path: Path, answer: Answer<'consume'>) => Promise<Receiving>;
  readonly detach: (receiving: Receiving) => void;
  readonly ask: <M extends ConsumerMethod>(method: M, ask: Ask<M>) => Promise<unknown>;
  readonly pause: (ms: number) => Promise<void>;
  /** Frames come. */
  readonly onReceiving: (receiving: Receiving) => void;
  /** After `onReceiving`, and before `detach`. */
  readonly onEnded: (receiving: Receiving) => void;
  /** The server does not have this transport any more. */
  readonly onPathGone: (path: Path) => void;
  readonly onFailed: (error: LatchkeyError) => void;
}

interface Held<Receiving> {
  readonly consumerId: string;
  readonly receiving: Receiving;
  paused: boolean;
  spatialLayer: number | null;
  announced: boolean;
}

/** Tries, of which the n-th is followed by a pause of n times so many milliseconds. */
const mostTries = 5;
const pauseMs = 300;

/** Asked again, these may go better. */
const mendable: ReadonlySet<ErrorClass> = new Set(['dependency', 'internal']);
const gone: ReadonlySet<ErrorCode> = new Set(['transport_not_found', 'consumer_not_found']);

export class Subscription<Path, Receiving> {
  readonly #ends: SubscriptionEnds<Path, Receiving>;
  #wanted: Wanted = { kind: 'none' };
  #held: Held<Receiving> | null = null;
  /** As the server names it, from its answer on. */
  #consumerId: string | null = null;
  /** Rises whenever what is there is there no more: what was begun before it is not gone on with. */
  #generation = 0;
  #running = false;
  #failures = 0;
  /** Not tried any more, until something changes. */
  #givenUp = false;
  #ended = false;

  constructor(ends: SubscriptionEnds<Path, Receiving>) {
    this.#ends = ends;
  }

  get consumerId(): string | null {
    return this.#consumerId;
  }

  /** Null where no frames come. */
  get receiving(): Receiving | null {
    return this.#held?.announced === true ? this.#held.receiving : null;
  }

  want(wanted: Wanted): void {
    if (wanted.kind !== this.#wanted.kind) this.#try();
    this.#wanted = wanted;
    void this.#run();
  }

  /** Its consumer is gone at the server: it is made anew. */
  lost(): void {
    if (this.#ended) return;
    this.#drop();
    this.#try();
    void this.#run();
  }

  /** Its producer is gone, or we are. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#drop();
  }

  #try(): void {
    this.#failures = 0;
    this.#givenUp = false;
  }

  #drop(): void {
    this.#generation++;
    this.#consumerId = null;
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    if (held.announced) this.#ends.onEnded(held.receiving);
    this.#ends.detach(held.receiving);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let step = this.#next(); step !== null; step = this.#next()) await this.#take(step);
    } finally {
      this.#running = false;
    }
  }

  /** Null: it is as it is wanted, or it cannot be. */
  #next(): (() => Promise<unknown>) | null {
    if (this.#ended || this.#givenUp) return null;
    const wanted = this.#wanted;
    const held = this.#held;
    if (held === null) return wanted.kind === 'received' ? () => this.#open() : null;
    const { consumerId } = held;
    if (wanted.kind === 'none') return () => this.#close(consumerId);
    if (wanted.kind === 'paused') return held.paused ? null : () => this.#pause(held);
    const { spatialLayer } = wanted;
    if (spatialLayer !== null && spatialLayer !== held.spatialLayer) {
      return async () => {
        await this.#ends.ask('setPreferredLayers', { consumerId, spatialLayer });
        held.spatialLayer = spatialLayer;
      };
    }
    return held.paused ? () => this.#resume(held) : null;
  }

  async #take(step: () => Promise<unknown>): Promise<void> {
    const generation = this.#generation;
    try {
      await step();
      if (this.#held !== null && !this.#held.paused) this.#failures = 0;
    } catch (thrown) {
      // What was lost meanwhile cannot be asked for; nor does it matter whether the last thing that was asked for was done.
      if (generation === this.#generation && !this.#givenUp) await this.#failed(toLatchkeyError(thrown));
    }
  }

  async #failed(error: LatchkeyError): Promise<void> {
    if (gone.has(error.code)) this.#drop();
    const again = gone.has(error.code) || mendable.has(error.by);
    this.#failures++;
    if (again && this.#failures < mostTries) {
      await this.#ends.pause(pauseMs * this.#failures);
      return;
    }
    this.#givenUp = true;
    // Gone while it was asked for: nothing is missing.
    if (error.code !== 'producer_not_found') this.#ends.onFailed(error);
  }

  async #open(): Promise<void> {
    const generation = this.#generation;
    const path = await this.#ends.path();
    if (generation !== this.#generation || this.#wanted.kind !== 'received') return;
    const answer = await this.#ends.consume().catch((thrown: unknown) => {
      const missing = thrown instanceof LatchkeyError && thrown.code === 'transport_not_found';
      if (missing && generation === this.#generation) this.#ends.onPathGone(path);
      throw thrown;
    });
    if (generation !== this.#generation) return;
    this.#consumerId = answer.consumerId;
    const receiving = await this.#attach(path, answer, generation);
    if (receiving === null) return;
    const { consumerId } = answer;
    this.#held = { consumerId, receiving, paused: true, spatialLayer: null, announced: false };
  }

  /** Null where it was lost meanwhile. */
  async #attach(path: Path, answer: Answer<'consume'>, generation: number): Promise<Receiving | null> {
    let receiving: Receiving;
    try {
      receiving = await this.#ends.attach(path, answer);
    } catch (thrown) {
      if (generation !== this.#generation) return null;
      const { consumerId } = answer;
      this.#consumerId = null;
      this.#givenUp = true;
      this.#ends.onFailed(toLatchkeyError(thrown));
      await this.#ends.ask('closeConsumer', { consumerId });
      return null;
    }
    if (generation === this.#generation) return receiving;
    this.#ends.detach(receiving);
    return null;
  }

  async #resume(held: Held<Receiving>): Promise<void> {
    await this.#ends.ask('resumeConsumer', { consumerId: held.consumerId });
    held.paused = false;
    if (held !== this.#held || held.announced) return;
    held.announced = true;
    this.#ends.onReceiving(held.receiving);
  }

  async #pause(held: Held<Receiving>): Promise<void> {
    await this.#ends.ask('pauseConsumer', { consumerId: held.consumerId });
    held.paused = true;
  }

  async #close(consumerId: string): Promise<void> {
    this.#drop();
    await this.#ends.ask('closeConsumer', { consumerId });
  }
}
