// Every metric that is exported, by subject in metrics/, each with its unit in its name and labels whose values are a closed, small
// set: nothing that a peer chooses becomes a label. METRICS.md is the same table for people; a test compares them. What happens is
// counted through counts.ts, what is there is set at each scrape through scrape.ts.

import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { custodianMetrics, ledgerMetrics } from './metrics/custodian.ts';
import { keyMetrics } from './metrics/keys.ts';
import { largeMeetingMetrics } from './metrics/largeMeetings.ts';
import { mediaMetrics } from './metrics/media.ts';
import { meetingMetrics } from './metrics/meetings.ts';
import { serverMetrics } from './metrics/server.ts';

export const metricsPrefix = 'latchkey_';

/** prom-client's own that `promtool check metrics` refuses: gauges that end like counters. */
const refusedDefaults = ['active_handles_total', 'active_requests_total', 'active_resources_total'];

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
    ...mediaMetrics(registers),
    large: largeMeetingMetrics(registers),
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
