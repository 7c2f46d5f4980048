// What Linux knows of a process: proc(5).

import { readFileSync, readdirSync } from 'node:fs';

export interface ProcessName {
  readonly pid: number;
  /** At most 15 characters. */
  readonly name: string;
}

const pageBytes = 4_096;

/** Of its stat, after the name, which may hold anything. Null: gone while we looked. */
const statOf = (pid: number): { name: string; fields: string[] } | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), fields: stat.slice(end + 2).split(' ') };
  } catch {
    return null;
  }
};

export const childrenOf = (parent: number): ProcessName[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .flatMap((pid) => {
      const stat = statOf(pid);
      return stat === null || Number(stat.fields[1]) !== parent ? [] : [{ pid, name: stat.name }];
    });

/**
 * Milliseconds of processor that its threads have used, to the nanosecond: the ticks of `stat` are too coarse for what takes a few of them.
 * Threads that ended count no more; none of the processes that are measured ends any.
 */
export const cpuMsOf = (pid: number): number => {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e6;
};

export const residentBytesOf = (pid: number): number =>
  pageBytes * Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
