// Every metric that is exported, in one place, each with its unit in its name and labels whose values are a closed, small
// set: nothing that a peer chooses becomes a label. METRICS.md is the same table for people; a test compares them.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export const metricsPrefix = 'latchkey_';

/** From the quickest rekey on loopback to the longest deadline of the protocol. */
const rekeyBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10];
/** From an eviction on loopback to a silent departure's bound. */
const exposureBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 30];
/** Starting the process takes most of it. */
const recoveryBuckets = [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30];
const joinBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Of answers that ask nothing of anybody else, up to what people notice. */
const answerBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** prom-client's own that `promtool check metrics` refuses: gauges that end like counters. */
const refusedDefaults = ['active_handles_total', 'active_requests_total', 'active_resources_total'];

const meetingMetrics = (registers: Registry[]) => ({
  meetings: new Gauge({
    name: 'latchkey_meetings',
    help: 'Meetings with somebody in them.',
    labelNames: ['kind'],
    registers,
  }),
  participants: new Gauge({
    name: 'latchkey_participants',
    help: 'Participants in all meetings.',
    labelNames: ['role'],
    registers,
  }),
  /** `result`: `ok` or an error's code. */
  joins: new Counter({
    name: 'latchkey_joins_total',
    help: 'Attempts to join, by how they ended: ok or the code of the error.',
    labelNames: ['result'],
    registers,
  }),
  joinSeconds: new Histogram({
    name: 'latchkey_join_seconds',
    help: 'From a join request to its answer, where it succeeded.',
    buckets: joinBuckets,
    registers,
  }),
  departures: new Counter({
    name: 'latchkey_departures_total',
    help: 'Participants gone, by cause.',
    labelNames: ['cause'],
    registers,
  }),
});

const keyMetrics = (registers: Registry[]) => ({
  rekeySeconds: new Histogram({
    name: 'latchkey_rekey_seconds',
    help: 'From the mint of an epoch to its activation.',
    labelNames: ['trigger'],
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
  /** `result`: `inOrder` or `outOfOrder`: a counter below one that was seen before, as reordering networks make them. */
  framesInspected: new Counter({
    name: 'latchkey_frames_inspected_total',
    help: 'Frames whose headers the watch on senders looked at, by whether their counters rose.',
    labelNames: ['result'],
    registers,
  }),
  sendersRefused: new Counter({
    name: 'latchkey_senders_refused_total',
    help: 'Participants removed because of what they sent, by what was wrong with it.',
    labelNames: ['kind'],
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

const custodianMetrics = (registers: Registry[]) => ({
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
});

const ledgerMetrics = (registers: Registry[]) => ({
  ledgerFailures: new Counter({
    name: 'latchkey_ledger_failures_total',
    help: 'Times that a ledger could not be written or an old one not removed; the meetings went on.',
    registers,
  }),
});

const serverMetrics = (registers: Registry[]) => ({
  workers: new Gauge({
    name: 'latchkey_media_workers',
    help: 'Media workers that run.',
    registers,
  }),
  sockets: new Gauge({
    name: 'latchkey_signaling_sockets',
    help: 'WebSockets open, joined or not.',
    registers,
  }),
  signalingErrors: new Counter({
    name: 'latchkey_signaling_errors_total',
    help: 'Error replies and connections ended for an error, by code.',
    labelNames: ['code'],
    registers,
  }),
  httpRequests: new Counter({
    name: 'latchkey_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['route', 'method', 'status'],
    registers,
  }),
  httpSeconds: new Histogram({
    name: 'latchkey_http_request_seconds',
    help: 'From an HTTP request to the end of its answer.',
    labelNames: ['route'],
    buckets: answerBuckets,
    registers,
  }),
});

const buildInfo = (registers: Registry[], version: string): void => {
  new Gauge({
    name: 'latchkey_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);
};

export interface MetricsOptions {
  readonly version: string;
  /** Memory, processor and event loop of this process too; once a process is enough. */
  readonly process?: boolean;
}

export const createMetrics = ({ version, process: ofProcess = true }: MetricsOptions) => {
  const registry = new Registry();
  const registers = [registry];
  if (ofProcess) {
    collectDefaultMetrics({ register: registry, prefix: metricsPrefix });
    for (const name of refusedDefaults) registry.removeSingleMetric(`${metricsPrefix}nodejs_${name}`);
  }
  buildInfo(registers, version);
  const collectors: (() => Promise<void>)[] = [];
  return {
    ...meetingMetrics(registers),
    ...keyMetrics(registers),
    ...custodianMetrics(registers),
    ...ledgerMetrics(registers),
    ...serverMetrics(registers),
    contentType: registry.contentType,
    /** `collect` sets, before each scrape, what is cheaper to ask for than to follow. It does not reject. */
    onScrape: (collect: () => Promise<void>): void => void collectors.push(collect),
    /** The text that Prometheus scrapes. */
    expose: async (): Promise<string> => {
      await Promise.all(collectors.map((collect) => collect()));
      return registry.metrics();
    },
    /** Name, type, help and labels of all of them. */
    describe: () => registry.getMetricsAsArray(),
  };
};

export type Metrics = ReturnType<typeof createMetrics>;
