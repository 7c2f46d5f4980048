// The SFrame header, RFC 9605 §4.3:
//
//    0 1 2 3 4 5 6 7
//   ┌─┬─────┬─┬─────┐   X, Y = 0: K, C are the KID and the CTR themselves (0 … 7)
//   │X│  K  │Y│  C  │   X, Y = 1: K, C are the lengths, less one, of the KID and CTR that follow, big-endian
//   └─┴─────┴─┴─────┘
//
// "the value MUST be encoded with the minimum number of bytes required": a leading zero byte, or an extended field whose value
// would have fitted the config byte, is therefore refused, and every (KID, CTR) has exactly one header.

import { LatchkeyError } from '../protocol/errors.ts';
import { readUint64, uint64, uint64Bytes, writeUint64 } from './uint64.ts';
import type { Uint64 } from './uint64.ts';

/** Config byte, KID of 8 bytes, CTR of 8 bytes. */
export const maxHeaderBytes = 17;

const extended = 0x8;
const largestInline = 7;

export interface SframeHeader {
  readonly kid: Uint64;
  readonly ctr: Uint64;
}

interface ParsedHeader extends SframeHeader {
  readonly ok: true;
  /** Where the ciphertext begins. */
  readonly end: number;
}

interface HeaderProblem {
  readonly ok: false;
  readonly problem: string;
  readonly offset: number;
}

const fieldBytes = (value: Uint64): number => (value <= largestInline ? 0 : uint64Bytes(value));

const nibble = (value: Uint64, width: number): number =>
  width === 0 ? Number(value) : extended | (width - 1);

/** KID and CTR as `uint64` returns them. */
export const headerBytes = (kid: Uint64, ctr: Uint64): number => 1 + fieldBytes(kid) + fieldBytes(ctr);

/** KID and CTR must be what `uint64` returns. Writes `headerBytes` at `offset`, and returns where they ended. */
export const writeHeader = (out: Uint8Array, offset: number, kid: Uint64, ctr: Uint64): number => {
  const kidWidth = fieldBytes(kid);
  const ctrWidth = fieldBytes(ctr);
  out[offset] = (nibble(kid, kidWidth) << 4) | nibble(ctr, ctrWidth);
  writeUint64(out, offset + 1, kid, kidWidth);
  writeUint64(out, offset + 1 + kidWidth, ctr, ctrWidth);
  return offset + 1 + kidWidth + ctrWidth;
};

/** @throws RangeError where a value is not an unsigned integer of 64 bits. */
export const encodeHeader = (header: { kid: number | bigint; ctr: number | bigint }): Uint8Array => {
  const kid = uint64(header.kid);
  const ctr = uint64(header.ctr);
  const out = new Uint8Array(headerBytes(kid, ctr));
  writeHeader(out, 0, kid, ctr);
  return out;
};

const fieldProblem = (bytes: Uint8Array, offset: number, width: number, end: number): string | null => {
  if (offset + width > end) return 'truncated header';
  const first = bytes[offset] ?? 0;
  if (width === 1 && first <= largestInline) return 'a value that fits the config byte, outside of it';
  return first === 0 ? 'a value with a leading zero byte' : null;
};

/**
 * Reads the header that begins at `offset` and has to end by `end`. Never throws: on the media path a malformed frame is counted.
 */
export const parseHeader = (
  bytes: Uint8Array,
  offset = 0,
  end: number = bytes.length,
): ParsedHeader | HeaderProblem => {
  const config = offset < end ? bytes[offset] : undefined;
  if (config === undefined) return { ok: false, problem: 'truncated header', offset };
  const kidAt = offset + 1;
  const kidWidth = config & 0x80 ? ((config >> 4) & 7) + 1 : 0;
  const ctrAt = kidAt + kidWidth;
  const ctrWidth = config & 0x08 ? (config & 7) + 1 : 0;
  const kidProblem = kidWidth > 0 ? fieldProblem(bytes, kidAt, kidWidth, end) : null;
  if (kidProblem !== null) return { ok: false, problem: kidProblem, offset: kidAt };
  const ctrProblem = ctrWidth > 0 ? fieldProblem(bytes, ctrAt, ctrWidth, end) : null;
  if (ctrProblem !== null) return { ok: false, problem: ctrProblem, offset: ctrAt };
  return {
    ok: true,
    kid: kidWidth > 0 ? readUint64(bytes, kidAt, kidWidth) : config >> 4,
    ctr: ctrWidth > 0 ? readUint64(bytes, ctrAt, ctrWidth) : config & 7,
    end: ctrAt + ctrWidth,
  };
};

/** The header at the start of `bytes`. @throws LatchkeyError `sframe_malformed`, with the offset. */
export const decodeHeader = (bytes: Uint8Array): SframeHeader & { end: number } => {
  const parsed = parseHeader(bytes);
  if (!parsed.ok) throw new LatchkeyError('sframe_malformed', `${parsed.problem} at byte ${parsed.offset}`);
  return { kid: parsed.kid, ctr: parsed.ctr, end: parsed.end };
};
