// What one worker takes of the machine: processor time, which the worker tells cumulatively, and memory, which the system tells.

import { readFile } from 'node:fs/promises';
import type { Worker } from 'mediasoup/types';

/** The share is that of the last so many samples, one a second: shorter ones follow every burst. */
const samplesKept = 5;

interface Sample {
  readonly atMs: number;
  readonly cpuMs: number;
}

/** Of now; `ru_maxrss`, where the system has no such file, is the most that there ever was. */
const residentBytes = async (pid: number, mostKilobytes: number): Promise<number> => {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? mostKilobytes) * 1_024;
  } catch {
    return mostKilobytes * 1_024;
  }
};

export class WorkerUsage {
  readonly #worker: Worker;
  readonly #nowMs: () => number;
  #samples: Sample[] = [];
  #asking = false;
  rssBytes = 0;

  constructor(worker: Worker, nowMs: () => number) {
    this.#worker = worker;
    this.#nowMs = nowMs;
  }

  get cpuSeconds(): number {
    return (this.#samples.at(-1)?.cpuMs ?? 0) / 1_000;
  }

  /** 0 to 1, of one core. */
  get cpuShare(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return Math.min(1, Math.max(0, (last.cpuMs - first.cpuMs) / (last.atMs - first.atMs)));
  }

  /** One question at a time: a worker that is slow to answer is not asked more. */
  async sample(): Promise<void> {
    if (this.#asking || this.#worker.closed) return;
    this.#asking = true;
    try {
      const usage = await this.#worker.getResourceUsage();
      this.#samples.push({ atMs: this.#nowMs(), cpuMs: usage.ru_utime + usage.ru_stime });
      this.#samples = this.#samples.slice(-samplesKept);
      this.rssBytes = await residentBytes(this.#worker.pid, usage.ru_maxrss);
    } catch (cause) {
      // Gone while it was asked.
      if (!this.#worker.closed) throw cause;
    } finally {
      this.#asking = false;
    }
  }
}
