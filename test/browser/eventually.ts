// Waiting for what a browser, or anything else that must be asked, comes to show: it is asked again and again until it is so.

import { setTimeout as wait } from 'node:timers/promises';

const lookMs = 100;

/** @returns what was good. @throws after `withinMs`, saying what was read last. */
export const eventually = async <T>(
  what: string,
  withinMs: number,
  read: () => T | Promise<T>,
  good: (value: T) => boolean,
): Promise<T> => {
  const began = performance.now();
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    if (performance.now() - began > withinMs)
      throw new Error(`not within ${withinMs} ms: ${what}; it was ${JSON.stringify(value)}`);
    await wait(lookMs);
  }
};
