// Sources of bytes for the tests of randomness: one that is sound and the same in every run, and what can be wrong with one.

import sodium from 'sodium-native';

export type Draw = (bytes: Buffer) => void;

/** ChaCha20 (libsodium's randombytes_buf_deterministic) over a seed that counts on. */
export const seeded = (seed: number): Draw => {
  const key = Buffer.alloc(sodium.randombytes_SEEDBYTES);
  key.writeUInt32LE(seed >>> 0, 0);
  let draws = 0;
  return (bytes) => {
    key.writeUInt32LE(draws++, 4);
    sodium.randombytes_buf_deterministic(bytes, key);
  };
};

/** Sound for so many bytes, then otherwise. */
export const after = (soundBytes: number, sound: Draw, broken: Draw): Draw => {
  let drawn = 0;
  return (bytes) => {
    (drawn < soundBytes ? sound : broken)(bytes);
    drawn += bytes.length;
  };
};

export const stuckAt =
  (value: number): Draw =>
  (bytes) =>
    void bytes.fill(value);

/** The same stretch of sound bytes again and again. */
export const periodic = (source: Draw, period: number): Draw => {
  const stretch = Buffer.alloc(period);
  source(stretch);
  let at = 0;
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = stretch[at++ % period] as number;
  };
};

/** Each byte becomes `change` of it and the one before, of one in `every` at random. */
export const bent = (
  source: Draw,
  every: number,
  change: (byte: number, before: number, chance: number) => number,
): Draw => {
  const chances = Buffer.alloc(4);
  let before = 0;
  return (bytes) => {
    source(bytes);
    for (let i = 0; i < bytes.length; i++) {
      source(chances);
      const chance = chances.readUInt32LE(0);
      if (chance % every === 0) bytes[i] = change(bytes[i] as number, before, Math.floor(chance / every));
      before = bytes[i] as number;
    }
  };
};
