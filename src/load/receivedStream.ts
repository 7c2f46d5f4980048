// One stream of somebody else, as a load participant receives it: its packets are counted and, where it is one that opens, put together to
// frames and opened. Whoever only counts reads a packet's sequence number and nothing else: a generator receives tens of thousands
// a second.

import type { Codec } from '../sframe/prefix.ts';
import { FrameAssembler } from './frameAssembler.ts';
import { parseRtp } from './rtpParsing.ts';
import { residueOf } from './sealedHeader.ts';
import { SequenceGaps } from './sequenceGaps.ts';

export interface FrameOpening {
  readonly codec: Codec;
  readonly receiver: { open(sealed: Uint8Array): Promise<Uint8Array | null>; close(): void };
  readonly onOpened: () => void;
  /** `residue`: the epoch modulo 256 that the frame names; null where it names none. */
  readonly onUnopened: (residue: number | null) => void;
}

export class ReceivedStream {
  readonly #gaps = new SequenceGaps();
  readonly #opening: FrameOpening | null;
  readonly #assembler: FrameAssembler | null;
  #closed = false;

  /** Null: it only counts. */
  constructor(opening: FrameOpening | null) {
    this.#opening = opening;
    this.#assembler = opening === null ? null : new FrameAssembler(opening.codec);
  }

  get lost(): number {
    return this.#gaps.lost;
  }

  packet(bytes: Buffer): void {
    this.#gaps.note(bytes.readUInt16BE(2));
    if (this.#assembler === null || this.#closed) return;
    const sealed = this.#assembler.push(parseRtp(bytes));
    if (sealed !== null) void this.#open(sealed);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opening?.receiver.close();
  }

  async #open(sealed: Uint8Array): Promise<void> {
    const opening = this.#opening;
    if (opening === null) return;
    const opened = await opening.receiver.open(sealed);
    if (opened !== null) opening.onOpened();
    else opening.onUnopened(residueOf(opening.codec, sealed));
  }
}
