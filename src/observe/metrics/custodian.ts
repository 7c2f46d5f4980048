// Metrics of the process that holds the keys, and of the ledgers that say what it did.

import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** Starting the process takes most of it. */
const recoveryBuckets = [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30];

export const custodianMetrics = (registers: Registry[]) => ({
  custodianUp: new Gauge({
    name: 'latchkey_custodian_up',
    help: '1 while the process that holds the keys answers, else 0.',
    registers,
  }),
  custodianRestarts: new Counter({
    name: 'latchkey_custodian_restarts_total',
    help: 'Times that the process that holds the keys was lost, all keys with it, and had to be started again.',
    registers,
  }),
  recoverySeconds: new Histogram({
    name: 'latchkey_custodian_recovery_seconds',
    help: 'From the loss of the custodian until a running meeting has an epoch of the next one in use.',
    buckets: recoveryBuckets,
    registers,
  }),
  custodianSlots: new Gauge({
    name: 'latchkey_custodian_slots',
    help: '32-byte slots of locked memory, used and free.',
    labelNames: ['state'],
    registers,
  }),
  custodianCpu: new Counter({
    name: 'latchkey_custodian_cpu_seconds_total',
    help: 'CPU time of the process that holds the keys, and of those that it replaced.',
    registers,
  }),
  custodianMemory: new Gauge({
    name: 'latchkey_custodian_resident_memory_bytes',
    help: 'Resident memory of the process that holds the keys.',
    registers,
  }),
});

export const ledgerMetrics = (registers: Registry[]) => ({
  ledgerFailures: new Counter({
    name: 'latchkey_ledger_failures_total',
    help: 'Times that a ledger could not be written or an old one not removed; the meetings went on.',
    registers,
  }),
});
