// What a megabyte must look like whose bits are independent and fair: monobit, runs and block frequency of NIST SP 800-22 (§2.1, §2.3,
// §2.2), chi-square over bytes and serial correlation (Knuth, The Art of Computer Programming 2, §3.3). Each gives the
// probability of something at least as unlikely, two-sided: too even is as suspect as uneven.

/** Complementary error function: by its series near 0, by its continued fraction (Lentz) elsewhere. */
const erfc = (x: number): number => {
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 80; n >= 1; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
};

/** P(|Z| ≥ |z|) of a standard normal Z. */
export const normalTails = (z: number): number => erfc(Math.abs(z) / Math.SQRT2);

/** Of a chi-square with so many degrees of freedom, all of them many: Wilson and Hilferty's cube root. */
const chiSquareTails = (value: number, freedom: number): number => {
  const spread = 2 / (9 * freedom);
  return normalTails((Math.cbrt(value / freedom) - (1 - spread)) / Math.sqrt(spread));
};

const onesIn = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);
/** Changes from bit to bit within a byte. */
const changesIn = Uint8Array.from({ length: 256 }, (_, byte) => onesIn[(byte ^ (byte >> 1)) & 0x7f] ?? 0);

const onesOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + (onesIn[byte] as number), 0);

const monobit = (bytes: Uint8Array): number => {
  const bits = bytes.length * 8;
  return normalTails((2 * onesOf(bytes) - bits) / Math.sqrt(bits));
};

const runs = (bytes: Uint8Array): number => {
  const bits = bytes.length * 8;
  const share = onesOf(bytes) / bits;
  const even = share * (1 - share);
  let changes = 0;
  for (const [at, byte] of bytes.entries()) {
    changes += changesIn[byte] as number;
    // From the last bit of the one before to the first of this one, most significant first.
    if (at > 0) changes += ((bytes[at - 1] as number) & 1) ^ (byte >> 7);
  }
  return normalTails((changes + 1 - 2 * bits * even) / (2 * Math.sqrt(bits) * even));
};

/** Bytes of one block: 128 bits. */
const blockBytes = 16;

const blockFrequency = (bytes: Uint8Array): number => {
  const blocks = Math.floor(bytes.length / blockBytes);
  let sum = 0;
  for (let block = 0; block < blocks; block++) {
    const ones = onesOf(bytes.subarray(block * blockBytes, (block + 1) * blockBytes));
    sum += (ones / (8 * blockBytes) - 0.5) ** 2;
  }
  return chiSquareTails(4 * 8 * blockBytes * sum, blocks);
};

const byteFrequency = (bytes: Uint8Array): number => {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1;
  const expected = bytes.length / 256;
  return chiSquareTails(
    counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0),
    255,
  );
};

/** Of each byte with the one `lag` before it. */
const correlation = (bytes: Uint8Array, lag: number): number => {
  const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;
  let products = 0;
  let squares = 0;
  for (const [at, byte] of bytes.entries()) {
    squares += (byte - mean) ** 2;
    if (at >= lag) products += (byte - mean) * ((bytes[at - lag] as number) - mean);
  }
  return normalTails((products / squares) * Math.sqrt(bytes.length - lag));
};

/** A neighbour, and the same byte of the key before. */
const lags = [1, 32];

export const statistics: Readonly<Record<string, (bytes: Uint8Array) => number>> = {
  monobit,
  runs,
  'block frequency': blockFrequency,
  'byte frequency': byteFrequency,
  // As many times as unlikely as there were chances.
  'serial correlation': (bytes) =>
    Math.min(1, lags.length * Math.min(...lags.map((lag) => correlation(bytes, lag)))),
};
