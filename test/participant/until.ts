// Waiting for a fact that nothing announces: it is looked at again and again, some forty times a second.

const lookMs = 25;

/** @throws after `withinMs`, saying what did not come true. */
export const until = async (what: string, withinMs: number, isTrue: () => boolean): Promise<void> => {
  const began = performance.now();
  while (!isTrue()) {
    if (performance.now() - began > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, lookMs));
  }
};
