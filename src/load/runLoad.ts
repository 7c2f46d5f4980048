// A load from its beginning to its end: the server, its own or one that runs, the meeting, the run, and all of it undone again.

import { assertPeerPackage } from './peerPackage.ts';
import type { LoadFailure } from './failure.ts';
import { LoadRun } from './loadRun.ts';
import type { Progress } from './loadRun.ts';
import type { LoadOptions } from './options.ts';
import { OwnServer } from './ownServer.ts';
import type { LoadResult } from './result.ts';
import { ServerApi } from './serverApi.ts';

export interface LoadHooks {
  /** Aborted: the run stops in order, and what it found so far is the result. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** @throws LoadFailure, LatchkeyError with the server's code. */
export const runLoad = async (options: LoadOptions, hooks: LoadHooks): Promise<LoadResult> => {
  await assertPeerPackage();
  const died = Promise.withResolvers<never>();
  // Looked at from the moment on in which there is something to race with.
  died.promise.catch(() => undefined);
  const ends: (() => Promise<void>)[] = [];
  try {
    return await Promise.race([start(options, hooks, died.reject, ends), died.promise]);
  } finally {
    for (const end of ends) await end();
  }
};

/** What is to be undone is put before what was there. */
const start = async (
  options: LoadOptions,
  hooks: LoadHooks,
  onDied: (why: LoadFailure) => void,
  ends: (() => Promise<void>)[],
): Promise<LoadResult> => {
  const { url, apiSecret } = options.target ?? (await ownServer(options, onDied, ends));
  const api = new ServerApi(url, apiSecret);
  const existing = options.target?.meeting ?? null;
  const meeting = existing ?? (await api.createMeeting(options.kind));
  const kind = existing === null ? options.kind : await api.kindOf(existing);
  // It may be gone, with its server.
  if (existing === null) ends.unshift(() => api.endMeeting(meeting).catch(() => undefined));
  const run = new LoadRun({ ...hooks, options: { ...options, kind }, api, url, meeting, onDied });
  ends.unshift(() => run.end());
  return await run.run();
};

const ownServer = async (
  { participants }: LoadOptions,
  onDied: (why: LoadFailure) => void,
  ends: (() => Promise<void>)[],
): Promise<OwnServer> => {
  const server = await OwnServer.start(participants, onDied);
  ends.unshift(() => server.end());
  return server;
};
