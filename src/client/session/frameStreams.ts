// The frames of one participant: every stream that it seals and every one that it opens, the epochs' keys under which they do, and the
// leases that they carry, from epoch to epoch.
// Held epochs:
//
//   install ──▶ opens ──activate──▶ opens and seals ──a later activate──▶ opens ──grace──▶ dropped
//                 └───────────────────────── its life passes ─────────────────────────────────▲
//
// Nothing is sealed under an epoch past its life, whatever timers did meanwhile: its age is looked at with every frame.
//
// Law 5 (no key and counter seal two frames) over admissions: each has a lease of its own, so each of its streams has KIDs of its own; a
// stream is claimed once a lease, and its one sealer's counters go on for as long as the lease is used.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { EpochId, Lease, StreamId } from '../../protocol/names.ts';
import { limits } from '../../protocol/timers.ts';
import type { AsyncCrypto } from '../../sframe/crypto.ts';
import type { EpochKey } from '../../sframe/epochKeys.ts';
import { FrameOpener } from '../../sframe/frameOpener.ts';
import { FrameSealer } from '../../sframe/frameSealer.ts';
import type { StreamOrigin } from '../../sframe/keyId.ts';
import type { Codec } from '../../sframe/prefix.ts';
import { SenderLeases } from '../../sframe/senderLeases.ts';
import { SenderStreams } from '../../sframe/senderStreams.ts';
import { Age } from './clock.ts';
import type { Clock } from './clock.ts';
import { FrameReceiver } from './frameReceiver.ts';
import { FrameSender } from './frameSender.ts';
import type { FrameCounts, KeyTimers, LeaseChange } from './keyAgent.ts';

export type FrameTally = { -readonly [C in keyof FrameCounts]: number };

export const emptyTally = (): FrameTally => ({
  sealed: 0,
  opened: 0,
  missingKey: 0,
  badTag: 0,
  replayed: 0,
  staleEpoch: 0,
  foreignOrigin: 0,
  malformed: 0,
  unsealed: 0,
});

export interface FrameStreamsOptions<Secret, Key> {
  readonly crypto: AsyncCrypto<Secret, Key>;
  /** Overwrites a base key where the platform can. */
  readonly wipe: (baseKey: Secret) => void;
  readonly clock: Clock;
  readonly timers: KeyTimers;
  /** Of the first admission. */
  readonly lease: Lease;
  readonly incarnation: Uint8Array;
  readonly onRecovered: (origin: StreamOrigin) => void;
  readonly onFirstOpened: () => void;
  readonly onExpired: (epoch: EpochId) => void;
  /** The platform's cryptography failed: not a peer's doing. */
  readonly onFailed: (cause: unknown) => void;
}

interface HeldEpoch<Secret> {
  readonly key: EpochKey<Secret>;
  readonly age: Age;
}

interface HeldSender<Secret, Key> {
  readonly codec: Codec;
  readonly stream: StreamId;
  /** By lease: while the stream goes over from one to the next, two. */
  readonly sealers: Map<Lease, FrameSealer<Secret, Key>>;
  /** Seals now; null before the first activation. */
  current: FrameSealer<Secret, Key> | null;
  /** The epoch for which `current` was taken. */
  epoch: number;
  /** The first key is derived, or there is none to wait for. */
  ready: Promise<void>;
}

interface HeldReceiver<Secret, Key> {
  readonly codec: Codec;
  readonly opener: FrameOpener<Secret, Key>;
  /** Consumers that are attached. */
  users: number;
  /** The newest epoch held while somebody was attached: later windows have seen nothing. */
  lastEpoch: number;
}

/** Timers of JavaScript run wild above 2^31 ms; what is due later is looked at again by then. */
const longestWaitMs = 2 ** 30;

export class FrameStreams<Secret, Key> {
  readonly counts = emptyTally();
  readonly #options: FrameStreamsOptions<Secret, Key>;
  /** The own lease of each epoch. */
  readonly #own: SenderLeases;
  /** By own lease; kept for good, so that no stream is ever claimed again. */
  readonly #claims = new Map<Lease, SenderStreams>();
  /** In rising order. */
  readonly #held = new Map<EpochId, HeldEpoch<Secret>>();
  readonly #senders = new Map<StreamId, HeldSender<Secret, Key>>();
  readonly #receivers = new Map<string, HeldReceiver<Secret, Key>>();
  /** Others' leases: each of a participant's leads to the same list. */
  readonly #leases = new Map<Lease, SenderLeases>();
  /** No epoch up to this one is held any more. */
  #retired = -1;
  /** After their grace these and all epochs before them go. */
  #retiring: { readonly through: EpochId; readonly age: Age }[] = [];
  #active: EpochId | null = null;
  #cancelTimer: (() => void) | null = null;
  #closed = false;

  constructor(options: FrameStreamsOptions<Secret, Key>) {
    this.#options = options;
    this.#own = new SenderLeases(options.lease);
  }

  /** Opens frames of this epoch from now on. @throws LatchkeyError `sframe_epoch_order`. */
  install(key: EpochKey<Secret>): void {
    this.#assertOpen();
    for (const { opener } of this.#receivers.values()) opener.install(key);
    this.#held.set(key.epoch, { key, age: new Age(this.#options.clock) });
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && this.#held.size > limits.heldEpochs) this.#drop(oldest);
    this.#sweep();
  }

  /** Resolves when every stream seals under it. @throws LatchkeyError `sframe_no_key`, `sframe_epoch_order`. */
  async activate(epoch: EpochId): Promise<void> {
    this.#assertOpen();
    const held = this.#held.get(epoch);
    if (held === undefined) throw new LatchkeyError('sframe_no_key', `epoch ${epoch} is not held`);
    // From here on streams that are added begin with this epoch; those that are there get it below.
    this.#active = epoch;
    await Promise.all(Array.from(this.#senders.values(), (sender) => this.#switch(sender, held.key)));
    if (this.#closed) return;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && oldest < epoch) {
      this.#retiring.push({ through: (epoch - 1) as EpochId, age: new Age(this.#options.clock) });
    }
    this.#sweep();
  }

  /** Nothing is sealed until a later epoch is activated. */
  stop(): void {
    this.#active = null;
    for (const { sealers } of this.#senders.values()) for (const sealer of sealers.values()) sealer.stop();
  }

  /** Frames sealed under this epoch, and all after it, carry this lease; those of epochs before it what they did. */
  moveTo(lease: Lease, from: EpochId): void {
    this.#own.change(lease, from);
  }

  /** As signalling says of others. A lease that stands for somebody already stays theirs. */
  changeLeases(changes: readonly LeaseChange[]): void {
    for (const { from, to, epoch } of changes) {
      const leases = this.#leasesOf(from);
      if ((this.#leases.get(to) ?? leases) !== leases) continue;
      leases.change(to, epoch);
      for (const gone of leases.forget(this.#retired)) this.#leases.delete(gone);
      this.#leases.set(to, leases);
    }
  }

  /**
   * The one sealer of this stream: asked for again, its counters go on where they stopped.
   * @throws RangeError where the stream has another codec.
   */
  sender(stream: StreamId, codec: Codec): FrameSender<Secret, Key> {
    this.#assertOpen();
    const held = assertCodec(codec, this.#senders.get(stream) ?? this.#addSender(stream, codec));
    return new FrameSender({
      sealer: () => held.current,
      ready: held.ready,
      counts: this.counts,
      ageMs: (epoch) => this.#held.get(epoch)?.age.ms ?? Number.NaN,
      onFailed: this.#options.onFailed,
    });
  }

  /** @throws RangeError where the stream has another codec. */
  receiver(origin: StreamOrigin, codec: Codec): FrameReceiver<Secret, Key> {
    this.#assertOpen();
    const leases = this.#leasesOf(origin.lease);
    const name = `${leases.first}/${origin.stream}`;
    const receiver = this.#receivers.get(name) ?? this.#addReceiver(name, { origin, leases, codec });
    const held = assertCodec(codec, receiver);
    held.users++;
    return new FrameReceiver({
      opener: held.opener,
      counts: this.counts,
      clock: this.#options.clock,
      // A lost frame costs audio nothing that a key frame would mend.
      onRecovered: codec === 'vp8' ? () => this.#options.onRecovered(origin) : () => undefined,
      onFirstOpened: this.#options.onFirstOpened,
      onFailed: this.#options.onFailed,
      onClose: () => {
        held.users--;
        held.lastEpoch = [...this.#held.keys()].at(-1) ?? held.lastEpoch;
      },
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.stop();
    const newest = [...this.#held.keys()].at(-1);
    if (newest !== undefined) this.#retire(newest);
    this.#senders.clear();
    this.#receivers.clear();
  }

  #addSender(stream: StreamId, codec: Codec): HeldSender<Secret, Key> {
    const held: HeldSender<Secret, Key> = {
      codec,
      stream,
      sealers: new Map(),
      current: null,
      epoch: -1,
      ready: Promise.resolve(),
    };
    const active = this.#active === null ? undefined : this.#held.get(this.#active);
    // A stream's first frame is the one that its decoders begin with: it waits for the key.
    if (active !== undefined) held.ready = this.#switch(held, active.key).catch(this.#options.onFailed);
    this.#senders.set(stream, held);
    return held;
  }

  /** Until the key is derived the stream seals as before: under the epoch before, with the lease of that epoch. */
  async #switch(sender: HeldSender<Secret, Key>, key: EpochKey<Secret>): Promise<void> {
    const lease = this.#own.at(key.epoch);
    const sealer = sender.sealers.get(lease) ?? this.#addSealer(sender, lease);
    await sealer.install(key, this.#options.timers.epochLifeMs);
    if (key.epoch < sender.epoch) {
      // A later epoch's key was faster, and perhaps another lease's.
      if (sealer !== sender.current) sealer.stop();
      return;
    }
    sender.current = sealer;
    sender.epoch = key.epoch;
    for (const [other, before] of sender.sealers) {
      if (other >= lease) continue;
      before.stop();
      sender.sealers.delete(other);
    }
  }

  #addSealer({ codec, stream, sealers }: HeldSender<Secret, Key>, lease: Lease): FrameSealer<Secret, Key> {
    const { crypto, incarnation } = this.#options;
    const claims = this.#claims.get(lease) ?? new SenderStreams(lease);
    this.#claims.set(lease, claims);
    const sealer = new FrameSealer(crypto, { stream: claims.claim(stream), codec, incarnation });
    sealers.set(lease, sealer);
    return sealer;
  }

  #leasesOf(lease: Lease): SenderLeases {
    const leases = this.#leases.get(lease) ?? new SenderLeases(lease);
    this.#leases.set(lease, leases);
    return leases;
  }

  #addReceiver(name: string, of: { origin: StreamOrigin; leases: SenderLeases; codec: Codec }) {
    const { crypto, incarnation } = this.#options;
    const opener = new FrameOpener(crypto, { ...of, incarnation });
    for (const { key } of this.#held.values()) opener.install(key);
    const held: HeldReceiver<Secret, Key> = { codec: of.codec, opener, users: 0, lastEpoch: -1 };
    this.#receivers.set(name, held);
    return held;
  }

  #drop(epoch: EpochId): void {
    const held = this.#held.get(epoch);
    if (held === undefined) return;
    this.#held.delete(epoch);
    this.#options.wipe(held.key.baseKey);
  }

  /** This epoch and all before it. */
  #retire(through: EpochId): void {
    this.#retired = Math.max(this.#retired, through);
    for (const epoch of this.#held.keys()) if (epoch <= through) this.#drop(epoch);
    for (const [name, { opener, users, lastEpoch }] of this.#receivers) {
      opener.retire(through);
      // A window may be forgotten only when nobody holds the keys of its epoch any more: a new one would accept replays.
      if (users === 0 && lastEpoch <= through) this.#receivers.delete(name);
    }
  }

  /** Drops what is due and sets the timer to what is due next. */
  #sweep(): void {
    const { clock, timers } = this.#options;
    for (const { through, age } of this.#retiring)
      if (age.ms >= timers.receiverGraceMs) this.#retire(through);
    this.#retiring = this.#retiring.filter(({ age }) => age.ms < timers.receiverGraceMs);
    for (const [epoch, { age }] of this.#held) if (age.ms >= timers.epochLifeMs) this.#expire(epoch);

    const waits = [
      ...this.#retiring.map(({ age }) => timers.receiverGraceMs - age.ms),
      ...Array.from(this.#held.values(), ({ age }) => timers.epochLifeMs - age.ms),
    ];
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (waits.length > 0 && !this.#closed) {
      this.#cancelTimer = clock.after(Math.max(1, Math.ceil(Math.min(longestWaitMs, ...waits))), () =>
        this.#sweep(),
      );
    }
  }

  #expire(epoch: EpochId): void {
    this.#retire(epoch);
    if (this.#active === null || this.#active > epoch) return;
    this.stop();
    this.#options.onExpired(epoch);
  }

  #assertOpen(): void {
    if (this.#closed) throw new LatchkeyError('closed');
  }
}

const assertCodec = <T extends { readonly codec: Codec }>(codec: Codec, held: T): T => {
  if (held.codec !== codec) throw new RangeError(`this stream carries ${held.codec}, not ${codec}`);
  return held;
};
