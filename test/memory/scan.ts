// Looks through a process' memory in a thread of its own: it takes seconds, and a participant that does not answer for so long is
// taken for gone.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Needle, Scan } from './scanWorker.ts';

export type { Needle, Scan } from './scanWorker.ts';

/** The names of those needles that stand in the process' memory, with the form; and how much was looked through. */
export const scanMemory = async (pid: number, needles: readonly Needle[]): Promise<Scan> => {
  const worker = new Worker(new URL('scanWorker.ts', import.meta.url), { workerData: { pid, needles } });
  const [scan] = (await once(worker, 'message')) as [Scan];
  await worker.terminate();
  return scan;
};
