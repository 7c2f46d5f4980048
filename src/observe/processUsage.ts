// What a process took of the machine, as Linux tells it in /proc (proc(5)): of children, whom `process.cpuUsage` does not count.

import { readFile } from 'node:fs/promises';

export interface ProcessUsage {
  /** User and system time since it began. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** USER_HZ: 100 on everything that Node runs on, whatever the kernel's own clock is. */
const ticksPerSecond = 100;

/** `/proc/PID/stat`: the 14th and 15th field. The second is the program's name in brackets, which may hold spaces and brackets. */
export const parseCpuSeconds = (stat: string): number => {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11] ?? Number.NaN), Number(fields[12] ?? Number.NaN)];
  if (!Number.isInteger(user) || !Number.isInteger(system)) throw new RangeError('no times in stat');
  return (user + system) / ticksPerSecond;
};

/** `/proc/PID/status`, which counts in kB; `statm` counts in pages, and nothing tells Node how large they are. */
export const parseResidentBytes = (status: string): number => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  // A process that has ended and is not waited for has no memory, and no such line.
  return kilobytes === undefined ? 0 : Number(kilobytes) * 1_024;
};

/** Null: it is gone, or this system has no /proc. */
export const readProcessUsage = async (pid: number): Promise<ProcessUsage | null> => {
  try {
    const [stat, status] = await Promise.all(
      ['stat', 'status'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1')),
    );
    return { cpuSeconds: parseCpuSeconds(stat ?? ''), residentBytes: parseResidentBytes(status ?? '') };
  } catch (thrown) {
    const code: unknown = thrown instanceof Error ? Reflect.get(thrown, 'code') : undefined;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw thrown;
  }
};

export interface MeteredUsage extends ProcessUsage {
  /** Share of one core since it was read before; 0 the first time. */
  readonly load: number;
}

/** Load wants two readings: this remembers the first. One for each who reads, or they take each other's span. */
export class UsageMeter {
  readonly #pid: number;
  #before: { readonly cpuSeconds: number; readonly atMs: number } | null = null;

  constructor(pid: number) {
    this.#pid = pid;
  }

  async read(nowMs: () => number): Promise<MeteredUsage | null> {
    const usage = await readProcessUsage(this.#pid);
    return usage === null ? null : this.#metered(usage, nowMs());
  }

  #metered(usage: ProcessUsage, atMs: number): MeteredUsage {
    const before = this.#before;
    const elapsedSeconds = before === null ? 0 : (atMs - before.atMs) / 1_000;
    this.#before = { cpuSeconds: usage.cpuSeconds, atMs };
    if (before === null || elapsedSeconds <= 0) return { ...usage, load: 0 };
    return { ...usage, load: Math.max(0, usage.cpuSeconds - before.cpuSeconds) / elapsedSeconds };
  }
}
