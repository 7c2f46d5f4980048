// Seals one stream's frames, or says that a frame must not be sent. It never answers a frame in clear.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { EpochId } from '../../protocol/names.ts';
import type { FrameSealer } from '../../sframe/frameSealer.ts';
import type { FrameTally } from './frameStreams.ts';

interface FrameSenderParts<Secret, Key> {
  /** The one that seals now: another once the stream goes on under another lease. Null before the first epoch. */
  readonly sealer: () => FrameSealer<Secret, Key> | null;
  /** Never rejects. */
  readonly ready: Promise<void>;
  readonly counts: FrameTally;
  /** How long this epoch has been held, in milliseconds; NaN, which fails closed, for one that is not. */
  readonly ageMs: (epoch: EpochId) => number;
  readonly onFailed: (cause: unknown) => void;
}

export class FrameSender<Secret, Key> {
  readonly #parts: FrameSenderParts<Secret, Key>;

  constructor(parts: FrameSenderParts<Secret, Key>) {
    this.#parts = parts;
  }

  /** Null: there is no key that may be used now, or the frame is none of its codec's; it is dropped. */
  async seal(frame: Uint8Array): Promise<Uint8Array | null> {
    const { ready, counts, ageMs, onFailed } = this.#parts;
    await ready;
    const sealer = this.#parts.sealer();
    try {
      if (sealer === null) throw new LatchkeyError('sframe_no_key');
      // Age and deadline are those of the epoch that this very frame is sealed under.
      const sealed = await sealer.seal(frame, sealer.epoch === null ? Number.NaN : ageMs(sealer.epoch));
      counts.sealed++;
      return sealed;
    } catch (thrown) {
      counts.unsealed++;
      if (!(thrown instanceof LatchkeyError)) onFailed(thrown);
      return null;
    }
  }
}
