// The log: one line per event, named by the stable word in `event` ('meeting.created'), JSON or, in a terminal, for people.
// It goes to standard error, so that standard output holds nothing but what the start has to say. What may not be read is
// taken out by its type, wherever it stands: a Secret, a key object, any bytes at all.

import { KeyObject } from 'node:crypto';
import { isatty } from 'node:tty';
import { pino, destination } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { LatchkeyError } from '../protocol/errors.ts';
import { Secret } from './secret.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogSettings {
  readonly level: LogLevel;
  /** `auto`: pretty when standard error is a terminal. */
  readonly pretty: 'auto' | boolean;
}

/** Deeper than this nothing is written: a line is one event, not a dump of the program. */
const maxDepth = 6;
/** Causes shown of one error. */
const maxCauses = 4;

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** `value` as it may be written: without secrets, keys, bytes, or depth. */
export const redact = (value: unknown, depth = 0): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return value.toJSON();
  if (value instanceof KeyObject || value instanceof CryptoKey) return '[key]';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return `[${value.byteLength} bytes]`;
  }
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return value;
  if (depth >= maxDepth) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (!isPlain(value)) return `[${value.constructor?.name ?? 'object'}]`;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, depth + 1)]));
};

/** Of an error only what everybody sets: own properties may hold whatever the thrower had in its hands. */
const describeError = (error: Error, depth: number): Record<string, unknown> => {
  const code: unknown = error instanceof LatchkeyError ? error.code : Reflect.get(error, 'code');
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause instanceof Error && depth < maxCauses
      ? { cause: describeError(error.cause, depth + 1) }
      : {}),
  };
};

const redactFields = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, redact(value)]));

const options = (level: LogLevel): LoggerOptions => ({
  level,
  // Neither process id nor host: whoever collects the lines knows both.
  base: null,
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: (label) => ({ level: label }), log: redactFields },
  // pino's own would copy every property of an error; `redact` has done what is to be done.
  serializers: { err: (value: unknown) => value },
});

const standardError = 2;

/** One line at a time, as it comes: pino-pretty's own stream would answer later, and lose the last lines of a failing process. */
const forPeople = (target: DestinationStream, colorize: boolean): DestinationStream => {
  const pretty = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: '{event} {msg}',
    ignore: 'event',
  });
  return { write: (line) => target.write(pretty(line)) };
};

/** pino formats the bindings of its first logger only, not of its children: they are redacted on their way in. */
const redactChildren = (log: Logger): Logger => {
  const child = log.child.bind(log);
  return Object.assign(log, {
    child: (bindings: Record<string, unknown>, options?: object): Logger => {
      const made: unknown = child(redactFields(bindings), options);
      return redactChildren(made as Logger);
    },
  });
};

/** `stream` takes the place of standard error, in tests. */
export const createLog = (settings: LogSettings, stream?: DestinationStream): Logger => {
  const pretty = settings.pretty === 'auto' ? stream === undefined && isatty(standardError) : settings.pretty;
  // Written before the call returns, for the same reason.
  const target = stream ?? destination({ fd: standardError, sync: true });
  return redactChildren(
    pino(options(settings.level), pretty ? forPeople(target, stream === undefined) : target),
  );
};
