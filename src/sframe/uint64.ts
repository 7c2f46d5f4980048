// Unsigned integers of 64 bits, which RFC 9605 allows for KID and CTR. Up to 2^53 − 1 such a value is a number, above it a
// bigint: one value has one representation, so `===` compares, and a media path, whose values are small, never makes a bigint.

export type Uint64 = number | bigint;

const maxUint64 = 2n ** 64n - 1n;
const two32 = 2 ** 32;

/** The one representation of `value`. @throws RangeError beyond 64 bits, below 0 or for a number that is no safe integer. */
export const uint64 = (value: number | bigint): Uint64 => {
  if (
    typeof value === 'bigint' ? value < 0n || value > maxUint64 : !Number.isSafeInteger(value) || value < 0
  ) {
    throw new RangeError(`"value" expected an integer of 64 bits, got ${value}`);
  }
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
};

const highHalf = (value: Uint64): number =>
  typeof value === 'bigint' ? Number(value >> 32n) : Math.floor(value / two32);

// `>>> 0` of a safe integer is its remainder modulo 2^32, also above 2^32 (ECMA-262, ToUint32).
const lowHalf = (value: Uint64): number =>
  typeof value === 'bigint' ? Number(value & 0xffff_ffffn) : value >>> 0;

const bytesOfHalf = (half: number): number => (half === 0 ? 0 : 4 - (Math.clz32(half) >> 3));

/** The fewest bytes that hold the value; 0 for 0. */
export const uint64Bytes = (value: Uint64): number => {
  const high = highHalf(value);
  return high === 0 ? bytesOfHalf(lowHalf(value)) : 4 + bytesOfHalf(high);
};

/** Writes the lowest `width` (1 … 8) bytes of the value, big-endian, at `offset`. */
export const writeUint64 = (out: Uint8Array, offset: number, value: Uint64, width: number): void => {
  const high = highHalf(value);
  const low = lowHalf(value);
  for (let i = 0; i < width; i++) {
    const place = width - 1 - i;
    out[offset + i] = place < 4 ? low >>> (8 * place) : high >>> (8 * (place - 4));
  }
};

/** Reads `width` (1 … 8) bytes, big-endian, from `offset`; the caller has looked that they are there. */
export const readUint64 = (bytes: Uint8Array, offset: number, width: number): Uint64 => {
  let high = 0;
  let low = 0;
  for (let i = 0; i < width; i++) {
    const byte = bytes[offset + i] ?? 0;
    if (width - i > 4) high = high * 256 + byte;
    else low = low * 256 + byte;
  }
  return high < 2 ** 21 ? high * two32 + low : (BigInt(high) << 32n) | BigInt(low);
};
