// Continuous health tests of a source of random bytes: NIST SP 800-90B §4.4.1 (repetition count), §4.4.2 (adaptive proportion), and, as
// §4.3 allows, one of our own for a source that begins again: a fork, a restored machine, a seed that is a time.
//
// The source is the kernel's generator, whose output has full entropy while it works: the tests need not measure it but notice that it
// broke. So they are set for 6 bits of the 8 in each byte. With alpha = 2⁻⁴⁰ at those 6 bits a sound source, at 8, raises a false
// alarm once in 2⁵⁶ bytes by repetition (2,000 years of a megabyte a second) and once in 2⁹⁸ windows by proportion, while a stuck
// byte is noticed after 8 and a value that is 17 times too frequent within a few windows. A defect that leaves 6 bits a
// byte is not seen here: the statistics over a megabyte in the tests see smaller ones.
//
// What they remember of the bytes, the last one and the one that is counted, stands in guarded memory: at most 16 of a key's 256 bits.

import sodium from 'sodium-native';
import { LatchkeyError } from '../protocol/errors.ts';

/** Bits of each byte that are claimed. */
export const claimedBits = 6;
/** −log₂ of the chance of a false alarm, for each test, of a source that just has what is claimed. */
export const falseAlarmBits = 40;
/** §4.4.2: samples of one window where a sample has more than two values. */
export const windowSamples = 512;

/** log C(trials, successes) for every number of successes. */
const logChoices = (trials: number): number[] => {
  const choices = [0];
  for (let k = 1; k <= trials; k++) choices.push((choices[k - 1] ?? 0) + Math.log((trials - k + 1) / k));
  return choices;
};

/** P(X ≥ k) for every k, of `trials` with probability `p` each: summed from the rarest, far below what 1 − P(X < k) could tell. */
export const binomialTails = (trials: number, p: number): number[] => {
  const tails: number[] = [];
  let sum = 0;
  for (const [k, choices] of [...logChoices(trials).entries()].toReversed()) {
    sum += Math.exp(choices + k * Math.log(p) + (trials - k) * Math.log1p(-p));
    tails[k] = sum;
  }
  return tails;
};

/** §4.4.1: so many equal samples in a row are a failure. */
export const repetitionCutoffFor = (claimed: number, alarmBits: number): number =>
  1 + Math.ceil(alarmBits / claimed);

/** §4.4.2: 1 + the least k with P(X > k) ≤ alpha, X being how often one value occurs in a window: so many equal samples are a failure. */
export const proportionCutoffFor = (claimed: number, alarmBits: number): number =>
  1 + binomialTails(windowSamples, 2 ** -claimed).findLastIndex((tail) => tail > 2 ** -alarmBits);

export const repetitionCutoff = repetitionCutoffFor(claimedBits, falseAlarmBits);
export const proportionCutoff = proportionCutoffFor(claimedBits, falseAlarmBits);

/** Draws among which a repeated one is found. */
export const rememberedDraws = 4_096;
const digestBytes = sodium.crypto_generichash_BYTES_MIN;

/** The tests over one source, in the order of its bytes. */
export class HealthTests {
  /** The last sample, and the one whose equals are counted in this window. */
  readonly #samples = sodium.sodium_malloc(2);
  #run = 0;
  #inWindow = 0;
  #equal = 0;
  /** Keyed hashes of the last draws, each at a place that it determines. */
  readonly #digests = sodium.sodium_malloc(rememberedDraws * digestBytes);
  readonly #digest = sodium.sodium_malloc(digestBytes);
  readonly #digestKey: Buffer;

  /** `digestKey`: 32 bytes of guarded memory; what is remembered of a draw says nothing about it without them. */
  constructor(digestKey: Buffer) {
    this.#digestKey = digestKey;
    sodium.sodium_memzero(this.#digests);
  }

  /** @throws LatchkeyError `randomness_failed` */
  take(draw: Buffer): void {
    for (const sample of draw) {
      this.#countRepetition(sample);
      this.#countProportion(sample);
    }
    this.#findRepeat(draw);
  }

  #countRepetition(sample: number): void {
    this.#run = this.#run > 0 && this.#samples[0] === sample ? this.#run + 1 : 1;
    this.#samples[0] = sample;
    if (this.#run >= repetitionCutoff) fail('a byte repeats');
  }

  #countProportion(sample: number): void {
    if (this.#inWindow === 0) {
      this.#samples[1] = sample;
      this.#equal = 0;
    }
    if (this.#samples[1] === sample) this.#equal++;
    if (this.#equal >= proportionCutoff) fail('a byte is too frequent');
    this.#inWindow = (this.#inWindow + 1) % windowSamples;
  }

  /**
   * Two draws are equal by chance once in 2¹²⁸. A repeat may be missed where another draw has taken its place since, in one of two cases if
   * there were 2,800 between; whoever begins again repeats more than one.
   */
  #findRepeat(draw: Buffer): void {
    if (draw.length < digestBytes) return;
    sodium.crypto_generichash(this.#digest, draw, this.#digestKey);
    const place = (this.#digest.readUInt16LE(0) % rememberedDraws) * digestBytes;
    const there = this.#digests.subarray(place, place + digestBytes);
    if (sodium.sodium_memcmp(there, this.#digest)) fail('a draw repeats');
    there.set(this.#digest);
  }
}

const fail = (why: string): never => {
  throw new LatchkeyError('randomness_failed', `the source of random keys failed its health test: ${why}`);
};
