// Which pictures a compound RTCP packet says were lost: RFC 4585 §6.3.1.

const payloadSpecificFeedback = 206;
const pictureLossIndication = 1;

/** The SSRCs of the streams that a key frame is wanted of. */
export const pictureLosses = (packet: Buffer): number[] => {
  const found: number[] = [];
  for (let at = 0; at + 12 <= packet.length; at += 4 * (packet.readUInt16BE(at + 2) + 1)) {
    const isIndication =
      packet[at + 1] === payloadSpecificFeedback && ((packet[at] ?? 0) & 0x1f) === pictureLossIndication;
    if (isIndication) found.push(packet.readUInt32BE(at + 8));
  }
  return found;
};
