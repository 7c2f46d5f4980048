// Opens the frames of one remote stream. Keep it for as long as one of its epochs lives, over reconnects and new consumers
// too: the replay windows are in it.

import type { EpochId } from '../protocol/names.ts';
import { frameSuite } from './cipherSuites.ts';
import type { AsyncCrypto, SyncCrypto } from './crypto.ts';
import type { EpochKey } from './epochKeys.ts';
import { deriveFrameKey, deriveFrameKeySync } from './keySchedule.ts';
import type { FrameKey } from './keySchedule.ts';
import { Opening } from './opening.ts';
import type { HeldKey, OpenerOptions, OpenResult } from './opening.ts';

/** Over WebCrypto. */
export class FrameOpener<Secret, Key> {
  readonly #crypto: AsyncCrypto<Secret, Key>;
  readonly #opening: Opening<Secret, Promise<FrameKey<Key>>>;

  constructor(crypto: AsyncCrypto<Secret, Key>, options: OpenerOptions) {
    this.#crypto = crypto;
    // A key that is dropped may be opening a frame at this moment: it is left to that frame, then to the garbage collector.
    this.#opening = new Opening(options, () => undefined);
  }

  /** Epochs in rising order; the 17th drops the lowest. @throws LatchkeyError `sframe_epoch_order`. */
  install({ epoch, baseKey }: EpochKey<Secret>): void {
    this.#opening.install(epoch, baseKey);
  }

  /** Ends this epoch and all before it. */
  retire(epoch: EpochId): void {
    this.#opening.retire(epoch);
  }

  /** Resolves with the frame, in an ArrayBuffer of its own, or with why there is none; rejects only where the platform's cryptography fails. */
  async open(sealed: Uint8Array): Promise<OpenResult> {
    const ticket = this.#opening.begin(sealed);
    if (!ticket.ok) return ticket;
    const job = this.#opening.job(ticket, await this.#frameKey(ticket.held));
    const verified = await this.#crypto.open(job.key, job.nonce, job.aad, job.body, job.plaintext);
    return this.#opening.finish(ticket, job, verified);
  }

  async #frameKey(held: HeldKey<Secret, Promise<FrameKey<Key>>>): Promise<FrameKey<Key>> {
    const slot = (held.slot ??= deriveFrameKey(this.#crypto, frameSuite, held.baseKey, held.kid));
    try {
      return await slot;
    } catch (cause) {
      // A failure is not kept: the next frame tries again.
      if (held.slot === slot) held.slot = null;
      throw cause;
    }
  }
}

/** Over node:crypto. As `FrameOpener`, but keys are wiped when they are dropped. */
export class FrameOpenerSync<Secret, Key> {
  readonly #crypto: SyncCrypto<Secret, Key>;
  readonly #opening: Opening<Secret, FrameKey<Key>>;

  constructor(crypto: SyncCrypto<Secret, Key>, options: OpenerOptions) {
    this.#crypto = crypto;
    this.#opening = new Opening(options, ({ key, salt }) => {
      crypto.wipe(key);
      salt.fill(0);
    });
  }

  install({ epoch, baseKey }: EpochKey<Secret>): void {
    this.#opening.install(epoch, baseKey);
  }

  retire(epoch: EpochId): void {
    this.#opening.retire(epoch);
  }

  open(sealed: Uint8Array): OpenResult {
    const ticket = this.#opening.begin(sealed);
    if (!ticket.ok) return ticket;
    const { held } = ticket;
    const frameKey = (held.slot ??= deriveFrameKeySync(this.#crypto, frameSuite, held.baseKey, held.kid));
    const job = this.#opening.job(ticket, frameKey);
    const verified = this.#crypto.open(job.key, job.nonce, job.aad, job.body, job.plaintext);
    return this.#opening.finish(ticket, job, verified);
  }
}
