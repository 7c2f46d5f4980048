// Opens the frames of one remote stream for one consumer, counts what it drops, and notices when frames open again.

import type { FrameOpener } from '../../sframe/frameOpener.ts';
import type { OpenRefusal } from '../../sframe/opening.ts';
import { Age } from './clock.ts';
import type { Clock } from './clock.ts';
import type { FrameTally } from './frameStreams.ts';

/** Between two reports of one stream: a key frame answers all losses before it. */
const recoveredSpacingMs = 500;

/** Frames that a decoder misses. A replay or another's frame takes nothing away from this stream. */
const gaps: ReadonlySet<OpenRefusal> = new Set(['missingKey', 'staleEpoch', 'badTag']);

interface FrameReceiverParts<Secret, Key> {
  readonly opener: FrameOpener<Secret, Key>;
  readonly counts: FrameTally;
  readonly clock: Clock;
  readonly onRecovered: () => void;
  /** The first of all that these counts count. */
  readonly onFirstOpened: () => void;
  readonly onFailed: (cause: unknown) => void;
  readonly onClose: () => void;
}

export class FrameReceiver<Secret, Key> {
  readonly #parts: FrameReceiverParts<Secret, Key>;
  #gap = false;
  #reported: Age | null = null;
  #closed = false;

  constructor(parts: FrameReceiverParts<Secret, Key>) {
    this.#parts = parts;
  }

  /** Null: dropped. */
  async open(sealed: Uint8Array): Promise<Uint8Array | null> {
    const { opener, counts, onFailed } = this.#parts;
    try {
      const result = await opener.open(sealed);
      if (!result.ok) {
        counts[result.reason]++;
        if (gaps.has(result.reason)) this.#gap = true;
        return null;
      }
      counts.opened++;
      if (counts.opened === 1) this.#parts.onFirstOpened();
      if (this.#gap) this.#report();
      return result.frame;
    } catch (thrown) {
      onFailed(thrown);
      return null;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.onClose();
  }

  /** Too soon after the last report: the gap stays, and a later frame reports it. */
  #report(): void {
    if (this.#reported !== null && this.#reported.ms < recoveredSpacingMs) return;
    this.#gap = false;
    this.#reported = new Age(this.#parts.clock);
    this.#parts.onRecovered();
  }
}
