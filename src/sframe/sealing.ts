// All of a sender's stream but the call of the AEAD: which epoch it seals under, the counter, when it stops.
//
//   announce(e) ──▶ (derive the key) ──▶ install(e) ──▶ prepare … prepare ──▶ next epoch │ expired │ stop
//
// Invariants (law 5: no key and counter seal two frames): an epoch is announced once, and only above all before it; the counter starts
// at 0 when the epoch's only key is installed, rises with every frame prepared, whatever becomes of that frame, and ends with the key.

import { LatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';
import type { EpochId } from '../protocol/names.ts';
import { assertIncarnation } from './epochKeys.ts';
import { frameAad, maxFramesPerKey } from './frame.ts';
import type { FrameFormat } from './frame.ts';
import { headerBytes, writeHeader } from './header.ts';
import { composeKeyId } from './keyId.ts';
import type { KeyId } from './keyId.ts';
import { frameNonce } from './keySchedule.ts';
import type { FrameKey } from './keySchedule.ts';
import { clearPrefixBytes } from './prefix.ts';
import type { ClaimedStream } from './senderStreams.ts';

export interface SealerOptions extends FrameFormat {
  readonly stream: ClaimedStream;
  /** Frames per key, at most and by default `maxFramesPerKey`. */
  readonly framesPerKey?: number;
}

/** One call of the AEAD: it fills `body`, and then `frame`, of which `body` is the end, is sealed. */
export interface SealJob<Key> {
  readonly key: Key;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly body: Uint8Array;
  readonly frame: Uint8Array<ArrayBuffer>;
}

interface Current<Key> {
  readonly epoch: EpochId;
  readonly kid: KeyId;
  readonly frameKey: FrameKey<Key>;
  readonly expiresAtMs: number;
  /** Of the next frame. */
  counter: number;
}

export class Sealing<Key> {
  readonly #stream: ClaimedStream;
  readonly #format: FrameFormat;
  readonly #framesPerKey: number;
  readonly #release: (key: Key) => void;
  #current: Current<Key> | null = null;
  #why: 'sframe_no_key' | 'sframe_expired' = 'sframe_no_key';
  #announced = -1;
  /** Keys of epochs up to this one come too late to be installed. */
  #passed = -1;

  /** `release` is handed each key that will not be used again. */
  constructor(options: SealerOptions, release: (key: Key) => void) {
    assertIncarnation(options.incarnation);
    const framesPerKey = options.framesPerKey ?? maxFramesPerKey;
    if (!Number.isInteger(framesPerKey) || framesPerKey < 1 || framesPerKey > maxFramesPerKey) {
      throw new RangeError(`"framesPerKey" expected 1 … ${maxFramesPerKey}, got ${framesPerKey}`);
    }
    this.#stream = options.stream;
    this.#format = { codec: options.codec, incarnation: options.incarnation.slice() };
    this.#framesPerKey = framesPerKey;
    this.#release = release;
  }

  /** The epoch whose key seals now. */
  get epoch(): EpochId | null {
    return this.#current?.epoch ?? null;
  }

  /** Takes the epoch, once. @throws LatchkeyError `sframe_epoch_order` for one that is not above all announced before. */
  announce(epoch: EpochId): KeyId {
    if (epoch <= this.#announced) {
      throw new LatchkeyError('sframe_epoch_order', `epoch ${epoch} after epoch ${this.#announced}`);
    }
    this.#announced = epoch;
    return composeKeyId(this.#stream, epoch);
  }

  /** Seals under this key from now on, unless a later epoch's was faster or the stream has stopped since the announcement. */
  install(epoch: EpochId, kid: KeyId, frameKey: FrameKey<Key>, expiresAtMs: number): void {
    if (epoch <= this.#passed) {
      this.#drop(frameKey);
      return;
    }
    this.#end('sframe_no_key');
    this.#passed = epoch;
    this.#current = { epoch, kid, frameKey, expiresAtMs, counter: 0 };
  }

  /**
   * @throws LatchkeyError `sframe_no_key`, `sframe_expired` (at or past `expiresAtMs`, then until a later epoch is installed),
   *   `sframe_counter_exhausted`, `sframe_malformed` (a frame shorter than its clear prefix).
   */
  prepare(plain: Uint8Array, nowMs: number): SealJob<Key> {
    const current = this.#live(nowMs);
    const prefixBytes = clearPrefixBytes(this.#format.codec, plain);
    if (prefixBytes === null) {
      throw new LatchkeyError(
        'sframe_malformed',
        `a frame of ${plain.length} bytes is shorter than its clear prefix`,
      );
    }
    if (current.counter >= this.#framesPerKey) throw new LatchkeyError('sframe_counter_exhausted');
    const counter = current.counter++;

    const frame = new Uint8Array(plain.length + headerBytes(current.kid, counter) + lengths.tag);
    for (let i = 0; i < prefixBytes; i++) frame[i] = plain[i] ?? 0;
    const headerEnd = writeHeader(frame, prefixBytes, current.kid, counter);
    return {
      key: current.frameKey.key,
      nonce: frameNonce(current.frameKey.salt, counter),
      aad: frameAad(frame, prefixBytes, headerEnd, this.#format.incarnation),
      plaintext: plain.subarray(prefixBytes),
      body: frame.subarray(headerEnd),
      frame,
    };
  }

  /** Drops the key; keys announced but not installed are dropped when they come. Only a later epoch starts the stream again. */
  stop(): void {
    this.#end('sframe_no_key');
    this.#passed = this.#announced;
  }

  /** Fails closed for a time that is no number. */
  #live(nowMs: number): Current<Key> {
    if (this.#current !== null && !(nowMs < this.#current.expiresAtMs)) this.#end('sframe_expired');
    if (this.#current === null) throw new LatchkeyError(this.#why);
    return this.#current;
  }

  #end(why: 'sframe_no_key' | 'sframe_expired'): void {
    this.#why = why;
    if (this.#current === null) return;
    this.#drop(this.#current.frameKey);
    this.#current = null;
  }

  #drop({ key, salt }: FrameKey<Key>): void {
    this.#release(key);
    salt.fill(0);
  }
}
