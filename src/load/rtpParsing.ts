// RTP packets as a receiver reads them: RFC 3550 §5.1; VP8's payload descriptor in RFC 7741.

export interface RtpPacket {
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
}

export const parseRtp = (packet: Uint8Array): RtpPacket => {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const first = view.getUint8(0);
  if (first >> 6 !== 2) throw new RangeError('not RTP');
  let start = 12 + 4 * (first & 15);
  if (first & 0x10) start += 4 + 4 * view.getUint16(start + 2);
  const end = first & 0x20 ? packet.length - view.getUint8(packet.length - 1) : packet.length;
  return {
    marker: (view.getUint8(1) & 0x80) !== 0,
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    ssrc: view.getUint32(8),
    payload: packet.subarray(start, end),
  };
};

/** Splits VP8's payload descriptor (RFC 7741 §4.2) from what it describes. */
export const parseVp8Descriptor = (payload: Uint8Array): { starts: boolean; data: Uint8Array } => {
  const first = payload[0] ?? 0;
  let at = 1;
  if (first & 0x80) {
    const extension = payload[at++] ?? 0;
    if (extension & 0x80) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
    if (extension & 0x40) at += 1;
    if (extension & 0x30) at += 1;
  }
  return { starts: (first & 0x17) === 0x10, data: payload.subarray(at) };
};
