// Numbers that packets are marked with.

/** Of the codecs that packets are sent and received in; a peer's line of media names one, and nobody looks. */
export const payloadTypes = { opus: 100, vp8: 101 } as const;
