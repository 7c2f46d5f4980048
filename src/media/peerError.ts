// Whose mistake it is: mediasoup answers bad parameters by TypeError or UnsupportedError, which is the peer's, not ours.

import { UnsupportedError } from 'mediasoup/errors';
import { LatchkeyError } from '../protocol/errors.ts';

export const peerError = (thrown: unknown): unknown =>
  thrown instanceof TypeError || thrown instanceof UnsupportedError || thrown instanceof RangeError
    ? new LatchkeyError('malformed', 'the media parameters cannot be used', { cause: thrown })
    : thrown;

export const asPeerError = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (thrown) {
    throw peerError(thrown);
  }
};
