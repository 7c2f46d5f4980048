// Ending a child process in order, and in any case.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** After `withinMs` it is killed. Resolves when it is gone. */
export const endChild = async (child: ChildProcess, withinMs: number, ask: () => void): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const kill = setTimeout(() => child.kill('SIGKILL'), withinMs);
  ask();
  await exited;
  clearTimeout(kill);
};
