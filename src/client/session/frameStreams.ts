// The frames of one admission: every stream that it seals and every one that it opens, and the epochs' keys under which they do.
// Held epochs:
//
//   install ──▶ opens ──activate──▶ opens and seals ──a later activate──▶ opens ──grace──▶ dropped
//                 └───────────────────────── its life passes ─────────────────────────────────▲
//
// Nothing is sealed under an epoch past its life, whatever timers did meanwhile: its age is looked at with every frame.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { EpochId, Lease, StreamId } from '../../protocol/names.ts';
import { limits } from '../../protocol/timers.ts';
import type { AsyncCrypto } from '../../sframe/crypto.ts';
import type { EpochKey } from '../../sframe/epochKeys.ts';
import { FrameOpener } from '../../sframe/frameOpener.ts';
import { FrameSealer } from '../../sframe/frameSealer.ts';
import type { StreamOrigin } from '../../sframe/keyId.ts';
import type { Codec } from '../../sframe/prefix.ts';
import { SenderStreams } from '../../sframe/senderStreams.ts';
import { Age } from './clock.ts';
import type { Clock } from './clock.ts';
import { FrameReceiver } from './frameReceiver.ts';
import { FrameSender } from './frameSender.ts';
import type { FrameCounts, KeyTimers } from './keyAgent.ts';

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
  readonly lease: Lease;
  readonly incarnation: Uint8Array;
  readonly onRecovered: (origin: StreamOrigin) => void;
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
  readonly sealer: FrameSealer<Secret, Key>;
  /** The first key is derived, or there is none to wait for. */
  readonly ready: Promise<void>;
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
  readonly #claims: SenderStreams;
  /** In rising order. */
  readonly #held = new Map<EpochId, HeldEpoch<Secret>>();
  readonly #senders = new Map<StreamId, HeldSender<Secret, Key>>();
  readonly #receivers = new Map<string, HeldReceiver<Secret, Key>>();
  /** After their grace these and all epochs before them go. */
  #retiring: { readonly through: EpochId; readonly age: Age }[] = [];
  #active: EpochId | null = null;
  #cancelTimer: (() => void) | null = null;
  #closed = false;

  constructor(options: FrameStreamsOptions<Secret, Key>) {
    this.#options = options;
    this.#claims = new SenderStreams(options.lease);
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
    const senders = [...this.#senders.values()];
    await Promise.all(
      senders.map(({ sealer }) => sealer.install(held.key, this.#options.timers.epochLifeMs)),
    );
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
    for (const { sealer } of this.#senders.values()) sealer.stop();
  }

  /**
   * The one sealer of this stream: asked for again, its counters go on where they stopped.
   * @throws RangeError where the stream has another codec.
   */
  sender(stream: StreamId, codec: Codec): FrameSender<Secret, Key> {
    this.#assertOpen();
    const held = this.#senders.get(stream) ?? this.#addSender(stream, codec);
    const { sealer, ready } = assertCodec(codec, held);
    return new FrameSender({
      sealer,
      ready,
      counts: this.counts,
      ageMs: (epoch) => this.#held.get(epoch)?.age.ms ?? Number.NaN,
      onFailed: this.#options.onFailed,
    });
  }

  /** @throws RangeError where the stream has another codec. */
  receiver(origin: StreamOrigin, codec: Codec): FrameReceiver<Secret, Key> {
    this.#assertOpen();
    const name = `${origin.lease}/${origin.stream}`;
    const held = assertCodec(codec, this.#receivers.get(name) ?? this.#addReceiver(name, origin, codec));
    held.users++;
    return new FrameReceiver({
      opener: held.opener,
      counts: this.counts,
      clock: this.#options.clock,
      // A lost frame costs audio nothing that a key frame would mend.
      onRecovered: codec === 'vp8' ? () => this.#options.onRecovered(origin) : () => undefined,
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
    const { crypto, incarnation, timers, onFailed } = this.#options;
    const sealer = new FrameSealer(crypto, { stream: this.#claims.claim(stream), codec, incarnation });
    const active = this.#active === null ? undefined : this.#held.get(this.#active);
    // A stream's first frame is the one that its decoders begin with: it waits for the key.
    const ready =
      active === undefined ? null : sealer.install(active.key, timers.epochLifeMs).catch(onFailed);
    const held = { codec, sealer, ready: ready ?? Promise.resolve() };
    this.#senders.set(stream, held);
    return held;
  }

  #addReceiver(name: string, origin: StreamOrigin, codec: Codec): HeldReceiver<Secret, Key> {
    const { crypto, incarnation } = this.#options;
    const opener = new FrameOpener(crypto, { origin, codec, incarnation });
    for (const { key } of this.#held.values()) opener.install(key);
    const held = { codec, opener, users: 0, lastEpoch: -1 };
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
