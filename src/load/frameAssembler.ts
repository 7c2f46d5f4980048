// Whole frames out of RTP packets that come in any order, with any of them missing: of Opus a packet is a frame, of VP8 those of one
// timestamp from the one that starts it to the one with the marker (RFC 7741 §4.2).

import type { Codec } from '../sframe/prefix.ts';
import { parseVp8Descriptor } from './rtpParsing.ts';
import type { RtpPacket } from './rtpParsing.ts';

/** Frames that wait for packets: 64 are 4 s of video at 15 frames a second. */
const mostWaiting = 64;

interface Waiting {
  readonly parts: Map<number, Uint8Array>;
  first: number | null;
  last: number | null;
}

export class FrameAssembler {
  readonly #codec: Codec;
  readonly #waiting = new Map<number, Waiting>();

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  push(packet: RtpPacket): Uint8Array | null {
    if (packet.payload.length === 0) return null;
    if (this.#codec === 'opus') return packet.payload;
    const { starts, data } = parseVp8Descriptor(packet.payload);
    const frame = this.#waiting.get(packet.timestamp) ?? { parts: new Map(), first: null, last: null };
    this.#waiting.set(packet.timestamp, frame);
    frame.parts.set(packet.sequence, data);
    if (starts) frame.first = packet.sequence;
    if (packet.marker) frame.last = packet.sequence;
    const whole = assemble(frame);
    if (whole !== null) this.#waiting.delete(packet.timestamp);
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size <= mostWaiting) break;
      this.#waiting.delete(oldest);
    }
    return whole;
  }
}

const assemble = ({ parts, first, last }: Waiting): Uint8Array | null => {
  if (first === null || last === null) return null;
  const count = ((last - first) & 0xffff) + 1;
  if (parts.size < count) return null;
  const ordered = Array.from({ length: count }, (_, index) => parts.get((first + index) & 0xffff));
  return ordered.every((part) => part !== undefined) ? new Uint8Array(Buffer.concat(ordered)) : null;
};
