// Every timer of the protocol, with its default and the price of changing it. PROTOCOL.md shows the same table; a test compares them.

export const timers = {
  joinWindowMs: { default: 200, price: 'longer: fewer rekeys in a join storm, later first picture' },
  departureWindowEvictedMs: { default: 0, price: 'longer: more exposure' },
  departureWindowStageMs: { default: 250, price: 'longer: more exposure' },
  departureWindowViewerMs: { default: 1_000, price: 'longer: more exposure' },
  ackDeadlineMs: { default: 2_000, price: 'longer: one slow sender delays all' },
  ackDeadlineEvictedMs: { default: 500, price: 'shorter: slow participants lag after an eviction' },
  confirmGraceMs: { default: 2_000, price: 'shorter: slow senders are muted for a moment' },
  confirmGraceEvictedMs: { default: 500, price: 'shorter: slow senders are muted after an eviction' },
  receiverGraceMs: { default: 3_000, price: 'shorter: frames in flight are lost' },
  mintSpacingMs: { default: 250, price: 'longer: churn waits; shorter: more epochs alive at once' },
  custodianAnswerMs: { default: 1_000, price: 'shorter: a busy machine is taken for a dead custodian' },
  intervalMs: { default: 300_000, price: 'longer: a stolen session key opens more' },
  epochLifeMs: { default: 450_000, price: 'shorter: senders stop sooner when the server is silent' },
  freshForMs: {
    default: 10_000,
    price: 'longer: who joins reads back further, where the join policy is `first`',
  },
  renewalIntervalMs: { default: 3_600_000, price: 'longer: what was stolen from the custodian opens more' },
  renewalSpreadMs: { default: 300_000, price: 'shorter: a renewal costs more at a time' },
  readmitDeadlineMs: { default: 2_000, price: 'shorter: slow participants are left behind by a renewal' },
  lagLimitMs: { default: 30_000, price: 'shorter: slow participants are admitted anew more often' },
  resumeWindowMs: { default: 10_000, price: 'longer: a silent departure is noticed later' },
  joinTimeoutMs: { default: 10_000, price: 'shorter: slow networks cannot join' },
  pingMs: { default: 5_000, price: 'longer: a silent departure is noticed later' },
} as const satisfies Record<string, { default: number; price: string }>;

export type TimerName = keyof typeof timers;
export type Timers = { readonly [name in TimerName]: number };

export const defaultTimers: Timers = Object.fromEntries(
  Object.entries(timers).map(([name, { default: value }]) => [name, value]),
) as Timers;

/** An epoch must live until the next one is in use, however slowly that comes: a mint that is late, the deadline, the graces. */
export const outlivesInterval = (timers: Timers): boolean =>
  timers.epochLifeMs >
  timers.intervalMs +
    2 * timers.custodianAnswerMs +
    2 * timers.ackDeadlineMs +
    timers.confirmGraceMs +
    timers.receiverGraceMs;

/** Numbers of the protocol that are not times. */
export const limits = {
  /** Share of the others (not senders) whose acknowledgement activates an epoch. */
  ackQuorum: 0.98,
  /** Epochs that a participant holds at most; a sender's counters stay apart by epoch mod 256. */
  heldEpochs: 16,
  /** Rekeys kept, as ciphertext, for those who resume; whoever lacks more is admitted anew. */
  keptRekeys: 64,
  /** Bytes of one JSON message from a client. */
  messageBytes: 65_536,
  /** Messages that break the protocol before the connection is ended. */
  errorsPerConnection: 16,
  /** Messages a second and connection, on average; the bucket holds twice as many. */
  messagesPerSecond: 100,
  /** Bytes waiting in one socket before the client is dropped as too slow. */
  socketQueueBytes: 1_048_576,
  /** Notices of who came, went or changed, a second and connection, at most. */
  rosterDeltasPerSecond: 4,
  /** Of those who wait before the door, as many are named to hosts; the others are counted. */
  guestsNamed: 100,
  /** Milliseconds between two reports of a client that are looked at. */
  reportMs: 5_000,
  /** Characters of a participant's or meeting's name. */
  nameLength: 80,
} as const;
