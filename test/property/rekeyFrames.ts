// The frames of one participant of a world: real sealers and openers (src/sframe), held and dropped by the rules of
// src/client/session/frameStreams.ts, with one stream of sound each.

import type { EpochId, Lease } from '../../src/protocol/names.ts';
import { epochId, lease as toLease, streamId } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import type { EpochKey } from '../../src/sframe/epochKeys.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import type { OpenResult } from '../../src/sframe/opening.ts';
import { SenderLeases } from '../../src/sframe/senderLeases.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { incarnation } from './rekeyCustodian.ts';
import type { Suite } from './rekeySuites.ts';

type FrameSuite<S, K> = Pick<Suite<unknown, S, K>, 'frames' | 'nameOf'>;

const stream = streamId(0);
const codec = 'opus';
const sound = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);

interface Held<S> {
  readonly key: EpochKey<S>;
  readonly endsAtMs: number;
  /** Its grace is over. */
  dropAtMs: number;
}

/** Another participant's stream. */
interface Remote<S, K> {
  readonly leases: SenderLeases;
  newest: Lease;
  readonly opener: FrameOpenerSync<S, K>;
}

export interface SealedFrame {
  readonly epoch: EpochId;
  readonly bytes: Uint8Array;
  /** Of the base key. */
  readonly key: string;
}

export class ClientFrames<S, K> {
  readonly #suite: FrameSuite<S, K>;
  readonly #timers: Timers;
  #own: SenderLeases | null = null;
  readonly #claims = new Map<Lease, SenderStreams>();
  readonly #sealers = new Map<Lease, FrameSealerSync<S, K>>();
  #current: FrameSealerSync<S, K> | null = null;
  /** In rising order. */
  readonly #held = new Map<EpochId, Held<S>>();
  readonly #endsAtMs = new Map<EpochId, number>();
  readonly #remotes = new Map<string, Remote<S, K>>();
  #active: EpochId | null = null;

  constructor(suite: FrameSuite<S, K>, timers: Timers) {
    this.#suite = suite;
    this.#timers = timers;
  }

  get held(): number {
    return this.#held.size;
  }

  /** Also of those that it holds no more: when its life ends, or ended, here. */
  endsAtMs(epoch: EpochId): number | undefined {
    return this.#endsAtMs.get(epoch);
  }

  begin(lease: Lease): void {
    this.#own = new SenderLeases(lease);
  }

  moveTo(lease: Lease, from: EpochId): void {
    this.#own?.change(lease, from);
  }

  install(key: EpochKey<S>, nowMs: number): void {
    this.#sweep(nowMs);
    for (const { opener } of this.#remotes.values()) opener.install(key);
    const endsAtMs = nowMs + this.#timers.epochLifeMs;
    this.#held.set(key.epoch, { key, endsAtMs, dropAtMs: Infinity });
    this.#endsAtMs.set(key.epoch, endsAtMs);
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && this.#held.size > limits.heldEpochs) this.#held.delete(oldest);
  }

  activate(epoch: EpochId, nowMs: number): void {
    this.#sweep(nowMs);
    const held = this.#held.get(epoch);
    if (held === undefined) {
      this.stop();
      return;
    }
    this.#active = epoch;
    if (this.#sealers.size > 0) this.#switch(held);
    for (const [older, one] of this.#held) {
      if (older < epoch) one.dropAtMs = Math.min(one.dropAtMs, nowMs + this.#timers.receiverGraceMs);
    }
  }

  /** Nothing is sealed until a later epoch is activated. */
  stop(): void {
    this.#active = null;
    for (const sealer of this.#sealers.values()) sealer.stop();
  }

  /** Null where it may not seal: no key, or its life is over. */
  seal(nowMs: number): SealedFrame | null {
    this.#sweep(nowMs);
    const held = this.#active === null ? undefined : this.#held.get(this.#active);
    if (held === undefined) return null;
    if (this.#sealers.size === 0) this.#switch(held);
    const bytes = this.#current?.seal(sound, nowMs);
    if (bytes === undefined) return null;
    return { epoch: held.key.epoch, bytes, key: this.#suite.nameOf(held.key.baseKey) };
  }

  /** As signalling says: from this epoch on the participant's frames carry this lease; where none is said, from the first whose key has not come. */
  note(participant: string, lease: Lease, from?: EpochId): void {
    const known = this.#remotes.get(participant);
    if (known === undefined) {
      this.#remotes.set(participant, this.#remote(lease));
      return;
    }
    if (lease <= known.newest && from === undefined) return;
    known.newest = toLease(Math.max(known.newest, lease));
    const newest = [...this.#held.keys()].at(-1) ?? -1;
    known.leases.change(lease, from ?? epochId(newest + 1));
  }

  /** It consumes what this participant sends. */
  knows(participant: string): boolean {
    return this.#remotes.has(participant);
  }

  open(participant: string, sealed: Uint8Array, nowMs: number): OpenResult {
    this.#sweep(nowMs);
    const remote = this.#remotes.get(participant);
    return remote === undefined ? { ok: false, reason: 'foreignOrigin' } : remote.opener.open(sealed);
  }

  close(): void {
    this.stop();
    this.#drop(epochId([...this.#held.keys()].at(-1) ?? 0));
    this.#remotes.clear();
  }

  #remote(lease: Lease): Remote<S, K> {
    const leases = new SenderLeases(lease);
    const options = { origin: { lease, stream }, leases, codec, incarnation } as const;
    const opener = new FrameOpenerSync(this.#suite.frames, options);
    for (const { key } of this.#held.values()) opener.install(key);
    return { leases, newest: lease, opener };
  }

  #switch({ key, endsAtMs }: Held<S>): void {
    const lease = this.#own?.at(key.epoch);
    if (lease === undefined) throw new Error('sealing before the admission');
    const sealer = this.#sealers.get(lease) ?? this.#sealer(lease);
    sealer.install(key, endsAtMs);
    this.#current = sealer;
    for (const [other, before] of this.#sealers) {
      if (other >= lease) continue;
      before.stop();
      this.#sealers.delete(other);
    }
  }

  #sealer(lease: Lease): FrameSealerSync<S, K> {
    const claims = this.#claims.get(lease) ?? new SenderStreams(lease);
    this.#claims.set(lease, claims);
    const sealer = new FrameSealerSync(this.#suite.frames, {
      stream: claims.claim(stream),
      codec,
      incarnation,
    });
    this.#sealers.set(lease, sealer);
    return sealer;
  }

  /** What is over at this moment. */
  #sweep(nowMs: number): void {
    for (const [epoch, { dropAtMs, endsAtMs }] of this.#held) {
      if (Math.min(dropAtMs, endsAtMs) > nowMs) continue;
      this.#drop(epoch);
      if (endsAtMs <= nowMs && this.#active !== null && this.#active <= epoch) this.stop();
    }
  }

  #drop(through: EpochId): void {
    for (const { opener } of this.#remotes.values()) opener.retire(through);
    for (const epoch of this.#held.keys()) if (epoch <= through) this.#held.delete(epoch);
  }
}
