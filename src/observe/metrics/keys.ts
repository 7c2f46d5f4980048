// Metrics of keys: epochs, how long they take to be used by all, how long the departed could still listen.

import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** From the quickest rekey on loopback to the longest deadline of the protocol. */
const rekeyBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10];
/** From an eviction on loopback to a silent departure's bound. */
const exposureBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 30];

export const keyMetrics = (registers: Registry[]) => ({
  rekeySeconds: new Histogram({
    name: 'latchkey_rekey_seconds',
    help: 'From the mint of an epoch to its activation.',
    labelNames: ['trigger'],
    buckets: rekeyBuckets,
    registers,
  }),
  acknowledgementSeconds: new Histogram({
    name: 'latchkey_acknowledgement_seconds',
    help: 'From the sending of a rekey to the acknowledgement of one participant that was connected meanwhile.',
    buckets: rekeyBuckets,
    registers,
  }),
  exposureSeconds: new Histogram({
    name: 'latchkey_exposure_seconds',
    help: 'From the cut of a departure until every unpaused sender confirmed an epoch that the departed cannot derive.',
    buckets: exposureBuckets,
    registers,
  }),
  epochsMinted: new Counter({
    name: 'latchkey_epochs_minted_total',
    help: 'Epochs minted, by what caused them.',
    labelNames: ['trigger'],
    registers,
  }),
  epochsHeld: new Gauge({
    name: 'latchkey_epochs_held',
    help: 'Epochs minted and not yet retired, in all meetings.',
    registers,
  }),
  /** `result`: `ok`, `refused` (no proof, or too late) or `expired` (nobody came back). */
  resumes: new Counter({
    name: 'latchkey_resumes_total',
    help: 'Lost connections, by whether they came back: ok, refused or expired.',
    labelNames: ['result'],
    registers,
  }),
  readmissions: new Counter({
    name: 'latchkey_readmissions_total',
    help: 'Participants admitted anew over their open connections, by why.',
    labelNames: ['reason'],
    registers,
  }),
  lagging: new Gauge({
    name: 'latchkey_participants_lagging',
    help: 'Participants that missed an acknowledgement deadline and have not caught up.',
    registers,
  }),
  paused: new Gauge({
    name: 'latchkey_participants_paused',
    help: 'Senders paused by the server because they have not confirmed the active epoch.',
    registers,
  }),
});
