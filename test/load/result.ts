// A result in which nothing happened.

import type { LoadResult } from '../../src/load/result.ts';

const never = { p50Ms: null, p99Ms: null };
const none = { count: 0, ...never };

export const emptyResult: LoadResult = {
  joins: {
    ok: 0,
    failed: {},
    ...never,
    retried: 0,
    silent: 0,
    stages: { token: never, transport: never, admission: never, activation: never, firstFrame: never },
  },
  rekeys: none,
  exposure: none,
  epochs: { ...none, missed: 0 },
  packets: { sent: 0, received: 0, lost: 0, unexplained: 0 },
  frames: {
    sealed: 0,
    unsealed: 0,
    opened: 0,
    failed: {
      beforeFirstEpoch: 0,
      missingKey: 0,
      badTag: 0,
      replayed: 0,
      staleEpoch: 0,
      foreignOrigin: 0,
      malformed: 0,
    },
  },
  ended: {},
  slow: {
    participants: 0,
    joins: { ok: 0, failed: {}, ...never },
    epochs: { ...none, missed: 0 },
    ended: {},
  },
  server: { cpuSeconds: null, rssBytes: null },
  generator: { processes: 0, cpuSeconds: 0, rssBytes: 0, socketDrops: null },
  seconds: 0,
  seed: 1,
};
