// Whole VP8 frames out of RTP packets in order, as anybody on the server's side could put them together: RFC 7741.

import { parseVp8Descriptor } from '../../src/load/rtpParsing.ts';
import type { RtpPacket } from '../../src/load/rtpParsing.ts';

/** Gives whole frames; one with a missing packet is left out. */
export class Vp8Frames {
  #parts: Uint8Array[] = [];
  #next: number | null = null;

  push({ marker, sequence, payload }: RtpPacket): Uint8Array | null {
    if (payload.length === 0) return null;
    const { starts, data } = parseVp8Descriptor(payload);
    if (starts) this.#parts = [];
    else if (this.#next !== sequence || this.#parts.length === 0) return this.#drop();
    this.#parts.push(data);
    this.#next = (sequence + 1) & 0xffff;
    if (!marker) return null;
    const frame = Buffer.concat(this.#parts);
    this.#parts = [];
    return new Uint8Array(frame);
  }

  #drop(): null {
    this.#parts = [];
    return null;
  }
}
