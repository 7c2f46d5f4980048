// Seals the frames of one stream of one sender. Make one for each (lease, stream): `SenderStreams` gives each stream out once.

import type { EpochId } from '../protocol/names.ts';
import { frameSuite } from './cipherSuites.ts';
import type { AsyncCrypto, SyncCrypto } from './crypto.ts';
import type { EpochKey } from './epochKeys.ts';
import { deriveFrameKey, deriveFrameKeySync } from './keySchedule.ts';
import { Sealing } from './sealing.ts';
import type { SealerOptions } from './sealing.ts';

/** Over WebCrypto. */
export class FrameSealer<Secret, Key> {
  readonly #crypto: AsyncCrypto<Secret, Key>;
  readonly #sealing: Sealing<Key>;

  constructor(crypto: AsyncCrypto<Secret, Key>, options: SealerOptions) {
    this.#crypto = crypto;
    // A key that is dropped may be sealing a frame at this moment: it is left to that frame, then to the garbage collector.
    this.#sealing = new Sealing(options, () => undefined);
  }

  get epoch(): EpochId | null {
    return this.#sealing.epoch;
  }

  /**
   * Seals under this epoch once the promise has resolved; until then under the one before. Of two installs at once the later epoch wins.
   * `expiresAtMs` is on the clock whose `nowMs` is handed to `seal`.
   * @throws LatchkeyError `sframe_epoch_order` where the epoch does not rise: each is installed once.
   */
  async install({ epoch, baseKey }: EpochKey<Secret>, expiresAtMs: number): Promise<void> {
    const kid = this.#sealing.announce(epoch);
    const frameKey = await deriveFrameKey(this.#crypto, frameSuite, baseKey, kid);
    this.#sealing.install(epoch, kid, frameKey, expiresAtMs);
  }

  /** The sealed frame, in an ArrayBuffer of its own (encoded transforms want one). @throws LatchkeyError, see `Sealing.prepare`: the frame must then not be sent. */
  async seal(frame: Uint8Array, nowMs: number): Promise<Uint8Array<ArrayBuffer>> {
    const job = this.#sealing.prepare(frame, nowMs);
    await this.#crypto.seal(job.key, job.nonce, job.aad, job.plaintext, job.body);
    return job.frame;
  }

  stop(): void {
    this.#sealing.stop();
  }
}

/** Over node:crypto. As `FrameSealer`, but keys are wiped when they are dropped. */
export class FrameSealerSync<Secret, Key> {
  readonly #crypto: SyncCrypto<Secret, Key>;
  readonly #sealing: Sealing<Key>;

  constructor(crypto: SyncCrypto<Secret, Key>, options: SealerOptions) {
    this.#crypto = crypto;
    this.#sealing = new Sealing(options, (key) => crypto.wipe(key));
  }

  get epoch(): EpochId | null {
    return this.#sealing.epoch;
  }

  install({ epoch, baseKey }: EpochKey<Secret>, expiresAtMs: number): void {
    const kid = this.#sealing.announce(epoch);
    const frameKey = deriveFrameKeySync(this.#crypto, frameSuite, baseKey, kid);
    this.#sealing.install(epoch, kid, frameKey, expiresAtMs);
  }

  seal(frame: Uint8Array, nowMs: number): Uint8Array<ArrayBuffer> {
    const job = this.#sealing.prepare(frame, nowMs);
    this.#crypto.seal(job.key, job.nonce, job.aad, job.plaintext, job.body);
    return job.frame;
  }

  stop(): void {
    this.#sealing.stop();
  }
}
