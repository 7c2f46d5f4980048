// The wiring: settings in, a running server out. Everything that the parts need of one another is handed to them here.

import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { ensureApiSecret, ensureTokenKey } from './auth/secrets.ts';
import { TokenService } from './auth/tokens.ts';
import { packageFolder, packageVersion } from './config/package.ts';
import type { Config } from './config/schema.ts';
import { ensureDataFolder } from './config/secretFile.ts';
import { CustodianKeeper } from './custodian/keeper.ts';
import { ensureSigningKey } from './custodian/signingKey.ts';
import { allowsPageOverLoopback } from './http/access.ts';
import { createApp } from './http/app.ts';
import { closeHttpServer, createHttpServer, listen } from './http/listen.ts';
import { isLoopbackHost } from './http/loopback.ts';
import { TapLimit } from './media/tapLimit.ts';
import { MediaWorkers } from './media/workers.ts';
import { MeetingDirectory } from './meeting/directory.ts';
import { LedgerStore } from './meeting/ledgerStore.ts';
import type { MeetingEvents } from './meeting/meetingContext.ts';
import { createMetrics } from './observe/metrics.ts';
import type { Metrics } from './observe/metrics.ts';
import type { Secret } from './observe/secret.ts';
import { SignalingServer } from './signaling/signalingServer.ts';

export interface RunningServer {
  /** What people open. */
  readonly url: string;
  readonly apiSecret: Secret;
  /** Ends meetings in order: participants told, keys wiped, processes gone. Idempotent. */
  close(): Promise<void>;
}

export interface StartOptions {
  /** An API secret was made: to be shown this once, at once, since the start may still fail and the file stays. */
  readonly onNewApiSecret?: (secret: Secret) => void;
}

/** Things to undo, the newest first. */
class Undoing {
  readonly #steps: (() => void | Promise<void>)[] = [];

  add(step: () => void | Promise<void>): void {
    this.#steps.unshift(step);
  }

  /** Every step is tried. @throws the first failure. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0)) {
      try {
        await step();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

export const startServer = async (
  config: Config,
  log: Logger,
  options: StartOptions = {},
): Promise<RunningServer> => {
  const undoing = new Undoing();
  try {
    return await start(config, log, options, undoing);
  } catch (thrown) {
    await undoing.run();
    throw thrown;
  }
};

const start = async (
  config: Config,
  log: Logger,
  options: StartOptions,
  undoing: Undoing,
): Promise<RunningServer> => {
  const data = resolve(config.data.directory);
  ensureDataFolder(data);
  const api = ensureApiSecret(config.api, data);
  if (api.created) options.onNewApiSecret?.(api.secret);
  const tokens = new TokenService(ensureTokenKey(data), config.tokens);
  const metrics = createMetrics({ version: packageVersion });

  // Before whatever writes into it, so that it is closed after that.
  const ledgers = startLedgers(config, data, { metrics, log });
  undoing.add(() => ledgers.close());
  const keeper = await startKeys(config, data, log);
  undoing.add(() => keeper.close());
  undoing.add(() => endLedgers(ledgers, log));
  const workers = await startMedia(config, log);
  undoing.add(() => workers.close());

  let custodians = 0;
  const directory = new MeetingDirectory(
    {
      custodian: () => keeper.current(),
      custodianNumber: () => custodians,
      ledgers,
      workers,
      tapLimit: new TapLimit(),
      mediaLimits: config.media,
      maxParticipants: config.limits.participantsPerMeeting,
      log,
      events: countMeetings(metrics),
      nowMs: () => performance.now(),
    },
    {
      joinPolicy: {
        interactive: config.keys.interactiveJoinPolicy,
        broadcast: config.keys.broadcastJoinPolicy,
      },
      timers: config.timers,
    },
    { maxMeetings: config.limits.meetings, idleMs: idleMeetingMs, onEnded: (id) => tokens.forgetMeeting(id) },
  );
  keeper.onLost = () => {
    custodians++;
    metrics.custodianRestarts.inc();
    directory.custodianLost();
  };
  keeper.onReplaced = () => directory.custodianBack();
  const signaling = openSignaling(config, { tokens, directory, metrics, log });
  let draining = false;
  metrics.onScrape(() => collect(metrics, { keeper, workers, directory, signaling }));

  const expectedWorkers = workers.alive;
  const app = createApp({
    access: { secret: api.secret, pageOverLoopback: allowsPageOverLoopback(config) },
    tokens,
    meetings: directory,
    ledgers,
    bodyBytes: config.http.bodyBytes,
    metrics,
    version: packageVersion,
    signingKey: keeper.publicKey,
    readiness: () => {
      const reasons = [
        ...(draining ? ['draining'] : []),
        ...(keeper.up ? [] : ['the custodian is being started again']),
        ...(workers.alive < expectedWorkers ? ['a media worker is being started again'] : []),
      ];
      return { ready: reasons.length === 0, reasons };
    },
    log,
    trustedProxies: config.http.trustedProxies,
    tls: config.http.tls.certFile !== undefined,
    pages: resolve(packageFolder, 'dist'),
  });
  const http = { ...config.http, maxConnections: config.limits.connections };
  const server = createHttpServer(http, app);
  signaling.attach(server);
  undoing.add(() => closeHttpServer(server, httpGraceMs));
  undoing.add(() => signaling.close());
  undoing.add(() => {
    draining = true;
    directory.close();
  });
  const url = await listen(server, http);
  log.info({ event: 'server.started', url, version: packageVersion }, 'listening');
  if (isPlainBeyondLoopback(config)) {
    log.warn(
      { event: 'server.plain', host: config.http.host },
      'browsers give camera and microphone to pages over HTTPS only: set http.tls, or http.publicUrl behind a proxy that has it',
    );
  }
  return {
    url,
    apiSecret: api.secret,
    close: () => undoing.run(),
  };
};

const isPlainBeyondLoopback = ({ http }: Config): boolean =>
  !isLoopbackHost(http.host) && http.tls.certFile === undefined && http.publicUrl === undefined;

/** A meeting that nobody joined for a day may make room for another. */
const idleMeetingMs = 86_400_000;
/** HTTP requests that are under way at the end may take this long. */
const httpGraceMs = 500;

const startKeys = async (config: Config, data: string, log: Logger): Promise<CustodianKeeper> => {
  const signingKeyFile = resolve(data, 'signing-key.pem');
  await ensureSigningKey(signingKeyFile);
  return await CustodianKeeper.start({
    signingKeyFile,
    slots: config.custodian.slots,
    answerMs: config.timers.custodianAnswerMs,
    log,
  });
};

const startLedgers = (
  config: Config,
  data: string,
  { metrics, log }: { metrics: Metrics; log: Logger },
): LedgerStore =>
  new LedgerStore({
    folder: resolve(data, 'ledgers'),
    keepDays: config.ledger.keepDays,
    now: () => Date.now(),
    onFailed: (error) => {
      metrics.ledgerFailures.inc();
      log.error(
        { event: 'ledger.failed', code: error.code, err: error },
        'a ledger is not kept as it should be',
      );
    },
    onSwept: (removed) => {
      if (removed > 0) log.info({ event: 'ledger.swept', removed }, 'old ledgers removed');
    },
  });

/** The custodian signs the end of each, so it goes after them. It answers in time, or is taken for dead: this ends. */
const endLedgers = async (ledgers: LedgerStore, log: Logger): Promise<void> => {
  const { running } = ledgers;
  if (running > 0) log.info({ event: 'ledgers.ending', running }, 'the ends of ledgers are being signed');
  await ledgers.noneRuns();
};

const startMedia = ({ media }: Config, log: Logger): Promise<MediaWorkers> =>
  MediaWorkers.start({ ...media, workerBin: media.workerBinary }, log);

const countMeetings = (metrics: Metrics): MeetingEvents => ({
  minted: (trigger) => metrics.epochsMinted.inc({ trigger }),
  activated: (trigger, ms) => metrics.rekeySeconds.observe({ trigger }, ms / 1_000),
  exposure: (ms) => metrics.exposureSeconds.observe(ms / 1_000),
  departed: (cause) => metrics.departures.inc({ cause }),
  recovered: (ms) => metrics.recoverySeconds.observe(ms / 1_000),
  resumed: (result) => metrics.resumes.inc({ result }),
  readmitted: (reason) => metrics.readmissions.inc({ reason }),
  inspected: (frames, outOfOrder) => {
    metrics.framesInspected.inc({ result: 'inOrder' }, frames - outOfOrder);
    metrics.framesInspected.inc({ result: 'outOfOrder' }, outOfOrder);
  },
  senderRefused: (kind) => metrics.sendersRefused.inc({ kind }),
});

const openSignaling = (
  { limits, timers }: Config,
  {
    tokens,
    directory,
    metrics,
    log,
  }: { tokens: TokenService; directory: MeetingDirectory; metrics: Metrics; log: Logger },
): SignalingServer =>
  new SignalingServer({
    context: {
      tokens,
      directory,
      onJoin: (result, ms) => {
        metrics.joins.inc({ result });
        if (result === 'ok') metrics.joinSeconds.observe(ms / 1_000);
      },
    },
    limits: {
      messagesPerSecond: limits.messagesPerSecond,
      socketQueueBytes: limits.socketQueueBytes,
      joinTimeoutMs: timers.joinTimeoutMs,
      pingMs: timers.pingMs,
      maxConnections: limits.connections,
    },
    log,
    onError: (code) => metrics.signalingErrors.inc({ code }),
  });

const collect = async (
  metrics: Metrics,
  parts: {
    keeper: CustodianKeeper;
    workers: MediaWorkers;
    directory: MeetingDirectory;
    signaling: SignalingServer;
  },
): Promise<void> => {
  const census = parts.directory.census();
  for (const [kind, count] of Object.entries(census.meetings)) metrics.meetings.set({ kind }, count);
  for (const [role, count] of Object.entries(census.participants)) metrics.participants.set({ role }, count);
  metrics.epochsHeld.set(census.epochsHeld);
  metrics.lagging.set(census.lagging);
  metrics.paused.set(census.paused);
  metrics.workers.set(parts.workers.alive);
  metrics.sockets.set(parts.signaling.connections);
  metrics.custodianUp.set(parts.keeper.up ? 1 : 0);
  if (!parts.keeper.up) return;
  try {
    const { slotsUsed, slotsTotal } = await parts.keeper.current().statistics();
    metrics.custodianSlots.set({ state: 'used' }, slotsUsed);
    metrics.custodianSlots.set({ state: 'free' }, slotsTotal - slotsUsed);
  } catch (thrown) {
    // Lost while it was asked: the next scrape says so.
    metrics.custodianUp.set(0);
    if (parts.keeper.up) throw thrown;
  }
};
