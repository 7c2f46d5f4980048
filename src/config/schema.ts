// Every setting, its type and what is allowed. config/default.yaml gives each its value and its unit; a test compares the two.

import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { joinPolicies } from '../protocol/names.ts';
import { logLevels } from '../observe/log.ts';
import { outlivesInterval, timers } from '../protocol/timers.ts';
import type { TimerName } from '../protocol/timers.ts';
import {
  autoFlag,
  flag,
  host,
  iceUrls,
  ipAddress,
  networks,
  optionalHost,
  optionalOrigin,
  optionalPath,
  optionalSecret,
  path,
  wholeNumber,
  word,
} from './leaves.ts';

const hourMs = 3_600_000;
const gigabit = 1_000_000_000;
const mebibyte = 1_048_576;

/** 0 would mean "never wait for what must be waited for" in all but these. */
const mayBeZero = new Set<TimerName>([
  'joinWindowMs',
  'departureWindowEvictedMs',
  'departureWindowStageMs',
  'departureWindowViewerMs',
  'mintSpacingMs',
]);

const timerNames = Object.keys(timers) as TimerName[];
const timerSettings = Object.fromEntries(
  timerNames.map((name) => [name, wholeNumber(mayBeZero.has(name) ? 0 : 1, 24 * hourMs)]),
) as Record<TimerName, ReturnType<typeof wholeNumber>>;

export const configShape = z.strictObject({
  http: z.strictObject({
    host: host(),
    port: wholeNumber(0, 65_535),
    publicUrl: optionalOrigin(),
    trustedProxies: networks(),
    tls: z.strictObject({ certFile: optionalPath(), keyFile: optionalPath() }),
    bodyBytes: wholeNumber(1_024, mebibyte),
    requestTimeoutMs: wholeNumber(100, hourMs),
  }),
  api: z.strictObject({ secret: optionalSecret(), secretFile: optionalPath(), pageOverLoopback: flag() }),
  data: z.strictObject({ directory: path() }),
  ledger: z.strictObject({ keepDays: wholeNumber(1, 36_500) }),
  metrics: z.strictObject({
    largeMeeting: wholeNumber(1, 100_000),
    largeMeetings: wholeNumber(0, 1_000),
  }),
  log: z.strictObject({ level: word(...logLevels), pretty: autoFlag() }),
  tokens: z.strictObject({
    defaultTtlSeconds: wholeNumber(1, 31_536_000),
    maxTtlSeconds: wholeNumber(1, 31_536_000),
  }),
  limits: z.strictObject({
    meetings: wholeNumber(1, 100_000),
    participantsPerMeeting: wholeNumber(1, 100_000),
    stagePerMeeting: wholeNumber(1, 100_000),
    connections: wholeNumber(1, 1_000_000),
    joinsAtOnce: wholeNumber(1, 10_000),
    joinsWaiting: wholeNumber(1, 100_000),
    eventLoopDelayMs: wholeNumber(10, 60_000),
    messagesPerSecond: wholeNumber(1, 100_000),
    socketQueueBytes: wholeNumber(65_536, 256 * mebibyte),
    workerLoad: wholeNumber(1, 100),
    consumersPerWorker: wholeNumber(1, 1_000_000),
    egressBitratePerMeeting: wholeNumber(100_000, 1_000 * gigabit),
  }),
  media: z.strictObject({
    workers: wholeNumber(0, 256),
    workerBinary: optionalPath(),
    listenIp: ipAddress(),
    announcedAddress: optionalHost(),
    portBase: wholeNumber(0, 65_535),
    maxIncomingBitrate: wholeNumber(10_000, gigabit),
    initialOutgoingBitrate: wholeNumber(10_000, gigabit),
    keyFrameRequestDelayMs: wholeNumber(0, 60_000),
    loudestFrom: wholeNumber(1, 100_000),
    loudest: wholeNumber(1, 100),
  }),
  turn: z.strictObject({
    urls: iceUrls(),
    secret: optionalSecret(),
    secretFile: optionalPath(),
    ttlSeconds: wholeNumber(60, 604_800),
  }),
  keys: z.strictObject({
    interactiveJoinPolicy: word(...joinPolicies),
    broadcastJoinPolicy: word(...joinPolicies),
  }),
  custodian: z.strictObject({ slots: wholeNumber(256, 16_777_216) }),
  shutdown: z.strictObject({ deadlineMs: wholeNumber(100, hourMs) }),
  timers: z.strictObject(timerSettings),
});

export type Config = z.infer<typeof configShape>;

/** What no single setting shows: how they stand to each other. */
const rules: readonly {
  readonly path: string;
  readonly broken: (config: Config) => boolean;
  readonly allowed: string;
}[] = [
  {
    path: 'http.tls',
    broken: ({ http: { tls } }) => (tls.certFile === undefined) !== (tls.keyFile === undefined),
    allowed: 'certFile and keyFile are set together',
  },
  {
    path: 'api.secret',
    broken: ({ api }) => api.secret !== undefined && api.secretFile !== undefined,
    allowed: 'either secret or secretFile is set',
  },
  {
    path: 'turn.secret',
    broken: ({ turn }) => turn.secret !== undefined && turn.secretFile !== undefined,
    allowed: 'either secret or secretFile is set',
  },
  {
    path: 'turn.urls',
    broken: ({ turn: { urls, secret, secretFile } }) =>
      urls.some((url) => url.startsWith('turn')) && secret === undefined && secretFile === undefined,
    allowed: 'set together with turn.secret or turn.secretFile, which the TURN server has too',
  },
  {
    path: 'tokens.defaultTtlSeconds',
    broken: ({ tokens }) => tokens.defaultTtlSeconds > tokens.maxTtlSeconds,
    allowed: 'at most tokens.maxTtlSeconds',
  },
  {
    path: 'media.announcedAddress',
    broken: ({ media }) =>
      (media.listenIp === '0.0.0.0' || media.listenIp === '::') && media.announcedAddress === undefined,
    allowed: 'the address that participants reach, since media.listenIp names none',
  },
  {
    path: 'media.portBase',
    broken: ({ media: { portBase, workers } }) =>
      portBase !== 0 && portBase + (workers === 0 ? availableParallelism() : workers) > 65_536,
    allowed: 'low enough that every worker has a port',
  },
  {
    path: 'timers.receiverGraceMs',
    broken: ({ timers }) => timers.receiverGraceMs <= timers.confirmGraceMs,
    allowed: 'more than timers.confirmGraceMs, or frames of senders within their grace are lost',
  },
  {
    path: 'timers.ackDeadlineEvictedMs',
    broken: ({ timers }) => timers.ackDeadlineEvictedMs > timers.ackDeadlineMs,
    allowed: 'at most timers.ackDeadlineMs: an eviction only shortens',
  },
  {
    path: 'timers.confirmGraceEvictedMs',
    broken: ({ timers }) => timers.confirmGraceEvictedMs > timers.confirmGraceMs,
    allowed: 'at most timers.confirmGraceMs: an eviction only shortens',
  },
  {
    path: 'timers.epochLifeMs',
    broken: ({ timers }) => !outlivesInterval(timers),
    allowed:
      'more than intervalMs + 2 × custodianAnswerMs + 2 × ackDeadlineMs + confirmGraceMs + receiverGraceMs, or senders stop while a rekey goes on',
  },
];

export const configSchema = configShape.superRefine((config, context) => {
  for (const { path, broken, allowed } of rules) {
    if (broken(config)) {
      context.addIssue({ code: 'custom', path: path.split('.'), params: { allowed } });
    }
  }
});

export interface Setting {
  /** As `http.port`. */
  readonly path: string;
  /** As `LATCHKEY_HTTP_PORT`. */
  readonly variable: string;
  readonly schema: z.ZodType;
}

export const variableOf = (path: string): string =>
  `LATCHKEY_${path
    .replaceAll('.', '_')
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`;

const settingsOf = (shape: Readonly<Record<string, z.ZodType>>, above: string): Setting[] =>
  Object.entries(shape).flatMap(([key, schema]) => {
    const path = `${above}${key}`;
    return schema instanceof z.ZodObject
      ? settingsOf(schema.shape, `${path}.`)
      : [{ path, variable: variableOf(path), schema }];
  });

export const settings: readonly Setting[] = settingsOf(configShape.shape, '');
