// The custodian's time: monotonic for how long a key may be kept, of the wall for what stands in a ledger.

export interface CustodianClock {
  /** Monotonic, in milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Calls `run` once; what is returned calls that off. Keeps no process alive. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: CustodianClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
