// The SFrame header that a forwarded RTP packet begins with, where one begins there: RFC 3550 §5.1 (RTP), RFC 7587 §4.2 (Opus: a
// packet is a frame), RFC 7741 §4.2 (VP8: a payload descriptor, then a part of a frame). Later packets of a frame say nothing of its
// key and are passed over, as is padding. Pure; nothing that a peer sends makes it throw.

import { lengths } from '../protocol/names.ts';
import { parseHeader } from '../sframe/header.ts';
import { clearPrefixBytes } from '../sframe/prefix.ts';
import type { Codec } from '../sframe/prefix.ts';
import type { Uint64 } from '../sframe/uint64.ts';

interface FrameStart {
  readonly kind: 'start';
  readonly kid: Uint64;
  readonly ctr: Uint64;
  /** What of the ciphertext is in this packet, the tag included where the frame is `whole`. A view of the packet. */
  readonly ciphertext: Uint8Array;
  readonly whole: boolean;
}

export type PacketReading =
  | FrameStart
  /** No frame begins here. */
  | { readonly kind: 'passed' }
  /** A frame begins here, and no header of ours. */
  | { readonly kind: 'malformed'; readonly problem: string };

const passed: PacketReading = { kind: 'passed' };
const malformed = (problem: string): PacketReading => ({ kind: 'malformed', problem });

const fixedHeaderBytes = 12;

interface RtpPayload {
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

/** `null`: not RTP, or its lengths contradict each other. */
const rtpPayload = (packet: Uint8Array): RtpPayload | null => {
  const [first = 0, second = 0] = packet;
  if (packet.length < fixedHeaderBytes || first >> 6 !== 2) return null;
  let start = fixedHeaderBytes + 4 * (first & 0x0f);
  if (first & 0x10) {
    if (start + 4 > packet.length) return null;
    start += 4 + 4 * (((packet[start + 2] ?? 0) << 8) | (packet[start + 3] ?? 0));
  }
  const padding = first & 0x20 ? (packet.at(-1) ?? 0) : 0;
  const end = packet.length - padding;
  if (start > end || (first & 0x20 && padding === 0)) return null;
  return { marker: (second & 0x80) !== 0, payload: packet.subarray(start, end) };
};

/** Where VP8's payload descriptor ends, and whether a frame begins after it; `null` where it is cut off. */
const vp8Descriptor = (payload: Uint8Array): { readonly end: number; readonly starts: boolean } | null => {
  const first = payload[0] ?? 0;
  let end = 1;
  if (first & 0x80) {
    const extension = payload[end] ?? 0;
    end += 1;
    if (extension & 0x80) end += (payload[end] ?? 0) & 0x80 ? 2 : 1;
    if (extension & 0x40) end += 1;
    if (extension & 0x30) end += 1;
  }
  // S is set and the partition is the first.
  return end >= payload.length ? null : { end, starts: (first & 0x17) === 0x10 };
};

export const readSealedPacket = (codec: Codec, packet: Uint8Array): PacketReading => {
  const rtp = rtpPayload(packet);
  if (rtp === null) return malformed('not RTP');
  if (rtp.payload.length === 0) return passed;
  if (codec === 'opus') return readStart(codec, rtp.payload, true);
  const descriptor = vp8Descriptor(rtp.payload);
  if (descriptor === null) return malformed('truncated payload descriptor');
  return descriptor.starts ? readStart(codec, rtp.payload.subarray(descriptor.end), rtp.marker) : passed;
};

const readStart = (codec: Codec, frame: Uint8Array, whole: boolean): PacketReading => {
  const prefixBytes = clearPrefixBytes(codec, frame);
  if (prefixBytes === null) return malformed('truncated clear prefix');
  const header = parseHeader(frame, prefixBytes);
  if (!header.ok) return malformed(header.problem);
  const ciphertext = frame.subarray(header.end);
  if (whole && ciphertext.length < lengths.tag) return malformed('truncated tag');
  return { kind: 'start', kid: header.kid, ctr: header.ctr, ciphertext, whole };
};
