// The process: reads settings, starts the server, says where it is, ends it in order when asked to.

import { pathToFileURL } from 'node:url';
import { loadConfig } from './config/load.ts';
import type { ConfigSources } from './config/load.ts';
import { createLog } from './observe/log.ts';
import { LatchkeyError } from './protocol/errors.ts';
import { startServer } from './server.ts';

/** sysexits.h's EX_CONFIG for what the operator can mend, EX_SOFTWARE for what we must. */
export const exitCodes = { ok: 0, failed: 70, misconfigured: 78 } as const;

const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

const explain = (thrown: unknown): number => {
  if (thrown instanceof LatchkeyError) {
    process.stderr.write(`latchkey: ${thrown.message} (${thrown.code})\n`);
    return thrown.by === 'caller' ? exitCodes.misconfigured : exitCodes.failed;
  }
  process.stderr.write(`latchkey: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  return exitCodes.failed;
};

/** Runs until a signal. Does not return before the process ends, but where the start fails: then with its exit code. */
export const serve = async (sources: ConfigSources = {}): Promise<number> => {
  let config;
  let server;
  try {
    config = loadConfig({ environment: process.env, ...sources });
    server = await startServer(config, createLog(config.log));
  } catch (thrown) {
    return explain(thrown);
  }
  const running = server;
  const { deadlineMs } = config.shutdown;
  if (running.apiSecretIsNew) process.stdout.write(`API secret: ${running.apiSecret.revealText()}\n`);
  process.stdout.write(`Latchkey is ready. Open a meeting: ${running.url}\n`);

  return await new Promise<number>((resolve) => {
    let ending = false;
    const end = async (code: number): Promise<void> => {
      ending = true;
      // Whatever hangs, the operator's stop is bounded.
      setTimeout(() => process.exit(exitCodes.failed), deadlineMs).unref();
      try {
        await running.close();
        resolve(code);
      } catch (thrown) {
        resolve(explain(thrown));
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (ending) process.exit(128 + signalNumbers[signal]);
        void end(exitCodes.ok);
      });
    }
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (thrown: unknown) => {
        explain(thrown);
        if (!ending) void end(exitCodes.failed);
      });
    }
  });
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await serve();
  // Libraries may hold handles of their own; everything of ours is closed.
  process.exit();
}
