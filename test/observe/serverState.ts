// A server's state at a scrape, for tests: a meeting in which everything happens, and two workers.

import type { MeetingState, ServerState, WorkerLoad } from '../../src/observe/scrape.ts';

export const meetingState = (change: Partial<MeetingState> = {}): MeetingState => ({
  id: 'allHands',
  kind: 'broadcast',
  participants: { host: 1, presenter: 4, viewer: 995 },
  waiting: { lobby: 3, backstage: 0 },
  epoch: { number: 12, ageMs: 2_500 },
  epochsHeld: 2,
  lagging: 5,
  paused: 1,
  ...change,
});

export const workerLoad = (index: number, change: Partial<WorkerLoad> = {}): WorkerLoad => ({
  index,
  usage: { cpuSeconds: 10, residentBytes: 50_000_000, load: 0.5 },
  routers: 1,
  transports: 502,
  producers: 5,
  consumers: 2_500,
  pipes: 5,
  ...change,
});

export const serverState = (change: Partial<ServerState> = {}): ServerState => ({
  meetings: [meetingState()],
  workers: [workerLoad(0), workerLoad(1)],
  custodian: { slots: { used: 100, total: 1_000 }, usage: { cpuSeconds: 3, residentBytes: 40_000_000 } },
  sockets: 1_003,
  busy: [],
  ...change,
});
