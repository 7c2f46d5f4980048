// The wiring: settings in, a running server out. Everything that the parts need of one another is handed to them here.

import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { ensureApiSecret, ensureTokenKey, readTurnSecret } from './auth/secrets.ts';
import { TokenService } from './auth/tokens.ts';
import { TurnCredentials } from './auth/turnCredentials.ts';
import { Collector } from './collect.ts';
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
import { Happenings } from './meeting/happenings.ts';
import { LedgerStore } from './meeting/ledgerStore.ts';
import { ClientReports } from './observe/clientReports.ts';
import { createCounts } from './observe/counts.ts';
import type { Counts } from './observe/counts.ts';
import { EventLoopDelay } from './observe/eventLoop.ts';
import { createMetrics } from './observe/metrics.ts';
import { Scrape } from './observe/scrape.ts';
import type { Secret } from './observe/secret.ts';
import { JoinGate } from './signaling/joinGate.ts';
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
  const counts = createCounts(metrics);
  const loop = new EventLoopDelay();
  undoing.add(() => loop.close());

  // Before whatever writes into it, so that it is closed after that.
  const ledgers = startLedgers(config, data, { counts, log });
  undoing.add(() => ledgers.close());
  const keeper = await startKeys(config, data, log);
  undoing.add(() => keeper.close());
  undoing.add(() => endLedgers(ledgers, log));
  const workers = await startMedia(config, log);
  undoing.add(() => workers.close());

  const happenings = new Happenings(
    () => Date.now(),
    (thrown) => log.error({ event: 'follower.failed', err: thrown }, 'a follower of meetings failed'),
  );
  let custodians = 0;
  const directory = new MeetingDirectory(
    {
      custodian: () => keeper.current(),
      custodianNumber: () => custodians,
      ledgers,
      workers,
      tapLimit: new TapLimit(),
      mediaLimits: { ...config.media, egressBitrate: config.limits.egressBitratePerMeeting },
      log,
      events: counts,
      tell: (meeting, told) => happenings.tell(meeting, told),
      nowMs: () => performance.now(),
    },
    {
      joinPolicy: {
        interactive: config.keys.interactiveJoinPolicy,
        broadcast: config.keys.broadcastJoinPolicy,
      },
      timers: config.timers,
      limits: {
        participants: config.limits.participantsPerMeeting,
        stage: config.limits.stagePerMeeting,
      },
    },
    { maxMeetings: config.limits.meetings, idleMs: idleMeetingMs, onEnded: (id) => tokens.forgetMeeting(id) },
  );
  keeper.onLost = () => {
    custodians++;
    counts.custodianLost();
    directory.custodianLost();
  };
  keeper.onReplaced = () => directory.custodianBack();
  const gate = new JoinGate({
    atOnce: config.limits.joinsAtOnce,
    waiting: config.limits.joinsWaiting,
    full: () => {
      if (workers.full) return 'workers';
      return loop.delay.p99Ms > config.limits.eventLoopDelayMs ? 'eventLoop' : null;
    },
  });
  const signaling = openSignaling(config, { tokens, directory, gate, happenings, counts, log });
  let draining = false;
  const scrape = new Scrape(metrics, config.metrics);
  const collector = new Collector({ keeper, workers, directory, signaling, gate }, counts);
  metrics.onScrape(async () => scrape.set(await collector.state()));

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
  { counts, log }: { counts: Counts; log: Logger },
): LedgerStore =>
  new LedgerStore({
    folder: resolve(data, 'ledgers'),
    keepDays: config.ledger.keepDays,
    now: () => Date.now(),
    onFailed: (error) => {
      counts.ledgerFailed();
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

const startMedia = ({ media, limits }: Config, log: Logger): Promise<MediaWorkers> => {
  const { workerLoad, consumersPerWorker } = limits;
  return MediaWorkers.start({ ...media, workerBin: media.workerBinary, workerLoad, consumersPerWorker }, log);
};

const openSignaling = (
  { limits, timers, turn }: Config,
  {
    tokens,
    directory,
    gate,
    happenings,
    counts,
    log,
  }: {
    tokens: TokenService;
    directory: MeetingDirectory;
    gate: JoinGate;
    happenings: Happenings;
    counts: Counts;
    log: Logger;
  },
): SignalingServer => {
  const credentials = new TurnCredentials({ ...turn, secret: readTurnSecret(turn) });
  return new SignalingServer({
    context: {
      tokens,
      directory,
      gate,
      iceServers: (participantId) => credentials.issue(participantId),
      events: counts,
      createReports: () => new ClientReports(counts),
      tell: (meeting, told) => happenings.tell(meeting, told),
    },
    limits: {
      messagesPerSecond: limits.messagesPerSecond,
      socketQueueBytes: limits.socketQueueBytes,
      joinTimeoutMs: timers.joinTimeoutMs,
      pingMs: timers.pingMs,
      maxConnections: limits.connections,
    },
    log,
    onError: (code) => counts.signalingError(code),
  });
};
