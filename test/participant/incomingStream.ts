// One stream of somebody else that a participant receives: packets put together to frames, opened, and counted.

import type { FrameCounts } from '../../src/client/session/keyAgent.ts';
import type { Producer } from '../../src/protocol/signaling.ts';
import type { Codec } from '../../src/sframe/prefix.ts';
import type { RtpPacket } from '../../src/load/rtpParsing.ts';
import { FrameAssembler } from '../../src/load/frameAssembler.ts';
import { Gaps } from '../../src/load/gaps.ts';
import { residueOf } from '../../src/load/sealedHeader.ts';

/** A frame for which there was no key. */
export interface MissingKey {
  /** Epoch modulo 256. */
  readonly residue: number;
  /** This participant had said before that it holds that epoch's key. */
  readonly acknowledged: boolean;
}

export interface ReceivedCounts {
  readonly producer: Producer;
  readonly packets: number;
  readonly frames: number;
  readonly opened: number;
  readonly missing: readonly MissingKey[];
  /** Frames that did not open for another reason. */
  readonly refused: number;
  /** Between two opened frames, in milliseconds, from the first one on. */
  readonly longestGapMs: number;
  /** Epoch modulo 256 → opened frames. */
  readonly epochs: ReadonlyMap<number, number>;
}

export interface IncomingParts {
  readonly producer: Producer;
  readonly codec: Codec;
  readonly receiver: { open(sealed: Uint8Array): Promise<Uint8Array | null>; close(): void };
  readonly counts: () => Promise<FrameCounts>;
  readonly holds: (residue: number) => boolean;
  readonly nowMs: () => number;
}

export class IncomingStream {
  readonly #parts: IncomingParts;
  readonly #assembler: FrameAssembler;
  readonly #gaps = new Gaps();
  readonly #epochs = new Map<number, number>();
  readonly #missing: MissingKey[] = [];
  #packets = 0;
  #frames = 0;
  #opened = 0;
  #refused = 0;
  #closed = false;

  constructor(parts: IncomingParts) {
    this.#parts = parts;
    this.#assembler = new FrameAssembler(parts.codec);
  }

  get counts(): ReceivedCounts {
    return {
      producer: this.#parts.producer,
      packets: this.#packets,
      frames: this.#frames,
      opened: this.#opened,
      missing: this.#missing,
      refused: this.#refused,
      longestGapMs: this.#gaps.longestMs,
      epochs: this.#epochs,
    };
  }

  /** The frame that this packet completes. */
  push(packet: RtpPacket): Uint8Array | null {
    this.#packets++;
    return this.#closed ? null : this.#assembler.push(packet);
  }

  /** One frame at a time in the whole participant: the agent's counts tell what became of it. */
  async open(sealed: Uint8Array): Promise<void> {
    const { receiver, codec, counts, holds, nowMs } = this.#parts;
    if (this.#closed) return;
    this.#frames++;
    const residue = residueOf(codec, sealed) ?? -1;
    const acknowledged = holds(residue);
    const before = (await counts()).missingKey;
    const opened = await receiver.open(sealed);
    if (this.#closed) return;
    if (opened !== null) {
      this.#opened++;
      this.#gaps.note(nowMs());
      this.#epochs.set(residue, (this.#epochs.get(residue) ?? 0) + 1);
    } else if ((await counts()).missingKey > before) this.#missing.push({ residue, acknowledged });
    else this.#refused++;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.receiver.close();
  }
}
