// What a server says of its processor time and memory in `GET /metrics`: of its process, and of its workers and custodian where it tells.

const cpu = /^latchkey_(?:process|worker|custodian)_cpu_seconds_total(?:\{[^}]*\})? (\S+)$/gm;
const memory = /^latchkey_(?:process|worker|custodian)_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/gm;

export interface ServerUsage {
  /** Since it started; null where it does not tell. */
  readonly cpuSeconds: number | null;
  readonly rssBytes: number | null;
}

const sumOf = (metrics: string, series: RegExp): number | null => {
  const values = Array.from(metrics.matchAll(series), ([, value]) => Number(value));
  const sum = values.reduce((total, value) => total + value, 0);
  return values.length === 0 || !Number.isFinite(sum) ? null : sum;
};

export const readUsage = (metrics: string): ServerUsage => ({
  cpuSeconds: sumOf(metrics, cpu),
  rssBytes: sumOf(metrics, memory),
});
