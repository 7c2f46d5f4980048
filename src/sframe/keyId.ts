// Latchkey's KID: lease (32 bits) ‖ stream (4 bits) ‖ epoch mod 256 (8 bits), RFC 9605 §5.2's way of giving each sender and epoch
// a KID of its own under one base key. At most 44 bits, so always a number.
//
// The remainder is enough: receivers hold at most 16 epochs, and an epoch's base key is its own, so a frame looked up under
// the wrong epoch does not open.

import { maxStreams, maxUint32 } from '../protocol/names.ts';
import type { EpochId, Lease, StreamId } from '../protocol/names.ts';
import type { Uint64 } from './uint64.ts';

export type KeyId = number & { readonly __brand: 'KeyId' };

/** Whose frames: one stream of one sender. A stream's simulcast layers share it. */
export interface StreamOrigin {
  readonly lease: Lease;
  readonly stream: StreamId;
}

const epochResidues = 256;
const leaseUnit = maxStreams * epochResidues;

export const epochResidue = (epoch: EpochId): number => epoch % epochResidues;

export const composeKeyId = ({ lease, stream }: StreamOrigin, epoch: EpochId): KeyId =>
  (lease * leaseUnit + stream * epochResidues + epochResidue(epoch)) as KeyId;

/** `null` for a KID that no sender of Latchkey uses: lease 0, or more than 44 bits. */
export const parseKeyId = (kid: Uint64): (StreamOrigin & { readonly residue: number }) | null => {
  if (typeof kid === 'bigint') return null;
  const lease = Math.floor(kid / leaseUnit);
  if (lease < 1 || lease > maxUint32) return null;
  return {
    lease: lease as Lease,
    stream: (Math.floor(kid / epochResidues) % maxStreams) as StreamId,
    residue: kid % epochResidues,
  };
};
