// Comings and goings of one moment are said in one sentence, with the key that they brought. After a crowd came there is quiet for a
// while: nobody reads, or listens to, a sentence a second.

import { sayComings } from '../words/comings.ts';

/** Who comes or goes changes the key a little later: so long it is waited for, to be said in the same sentence. */
export const waitMs = 2_000;
/** After a new key, for those who came with the same one; and after a raised hand. */
export const gatherMs = 200;
/** More people than this in one sentence are a crowd. */
export const crowd = 10;
/** No sentence follows that of a crowd sooner. */
export const crowdMs = 10_000;

export interface Gathered {
  readonly joined: string[];
  readonly left: string[];
  readonly raised: string[];
  epoch: number | null;
}

const nothing = (): Gathered => ({ joined: [], left: [], raised: [], epoch: null });

export interface Gatherer {
  add(change: (gathered: Gathered) => void): void;
  close(): void;
}

export const createGatherer = (say: (text: string) => void): Gatherer => {
  let gathered = nothing();
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** ms since 1970: what is gathered now is never said later than this, however much comes. */
  let latest = 0;
  let quietUntil = 0;
  const tell = (): void => {
    timer = undefined;
    const { joined, left, raised } = gathered;
    if (joined.length + left.length + raised.length > crowd) quietUntil = Date.now() + crowdMs;
    const text = sayComings(gathered);
    gathered = nothing();
    say(text);
  };
  return {
    add(change) {
      const now = Date.now();
      if (timer === undefined) latest = now + waitMs;
      change(gathered);
      const complete = gathered.epoch !== null || gathered.raised.length > 0;
      const due = Math.max(quietUntil, complete ? Math.min(latest, now + gatherMs) : latest);
      clearTimeout(timer);
      timer = setTimeout(tell, Math.max(0, due - now));
    },
    close: () => clearTimeout(timer),
  };
};
