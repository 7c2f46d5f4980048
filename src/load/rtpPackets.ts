// RTP packets as a sender makes them: RFC 3550 §5.1; of Opus a frame each (RFC 7587), of VP8 a frame in as many as it needs (RFC 7741).

export interface RtpFields {
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker?: boolean;
  readonly csrcs?: readonly number[];
  /** RFC 8285's one-byte form, or anything else: 4n bytes after the four of profile and length. */
  readonly extension?: Uint8Array;
  /** Bytes of padding, the last of which says how many they are. */
  readonly padding?: number;
}

export const rtpPacket = (fields: RtpFields, payload: Uint8Array): Buffer => {
  const { csrcs = [], extension, padding = 0 } = fields;
  const head = Buffer.alloc(12 + 4 * csrcs.length);
  head[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extension === undefined ? 0 : 0x10) | csrcs.length;
  head[1] = (fields.marker === true ? 0x80 : 0) | fields.payloadType;
  head.writeUInt16BE(fields.sequence & 0xffff, 2);
  head.writeUInt32BE(fields.timestamp >>> 0, 4);
  head.writeUInt32BE(fields.ssrc, 8);
  for (const [index, csrc] of csrcs.entries()) head.writeUInt32BE(csrc, 12 + 4 * index);
  const parts: Uint8Array[] = [head];
  if (extension !== undefined) {
    const profile = Buffer.from([0xbe, 0xde, 0, extension.length / 4]);
    parts.push(profile, extension);
  }
  parts.push(payload);
  if (padding > 0) parts.push(Buffer.alloc(padding, 0).fill(padding, padding - 1));
  return Buffer.concat(parts);
};

/** X, I with 15 bits of picture id: what browsers send, without temporal layers. */
const vp8Descriptor = (starts: boolean, pictureId: number): Buffer =>
  Buffer.from([0x80 | (starts ? 0x10 : 0), 0x80, 0x80 | ((pictureId >> 8) & 0x7f), pictureId & 0xff]);

/** One frame's payloads, in order; the marker belongs to the last. */
export const vp8Payloads = (frame: Uint8Array, pictureId: number, mostBytes = 1_180): Buffer[] => {
  const count = Math.max(1, Math.ceil(frame.length / mostBytes));
  const each = Math.ceil(frame.length / count);
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([vp8Descriptor(index === 0, pictureId), frame.subarray(index * each, (index + 1) * each)]),
  );
};
