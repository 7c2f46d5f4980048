// Preloaded into a custodian by a test: what a careless source of randomness does. It is seeded from all the clocks that there are, and
// sound in every other way, so that no health test of one process can find it.

import { createHash } from 'node:crypto';
import sodium from 'sodium-native';

const seed = createHash('sha256')
  .update(`${Date.now()} ${new Date().toISOString()} ${performance.now()} ${performance.timeOrigin}`)
  .update(`${process.hrtime.bigint()} ${process.hrtime().join()} ${process.uptime()}`)
  .digest();
let draws = 0;

sodium.randombytes_buf = (bytes) => {
  const counted = createHash('sha256').update(seed).update(String(draws++)).digest();
  sodium.randombytes_buf_deterministic(bytes, counted);
};
