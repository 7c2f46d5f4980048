// The process: reads settings, starts the server, says where it is, ends it in order when asked to.

import { pathToFileURL } from 'node:url';
import type { Logger } from 'pino';
import { loadConfig } from './config/load.ts';
import type { ConfigSources } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { exitCodes } from './exitCodes.ts';
import { createLog } from './observe/log.ts';
import { LatchkeyError, toLatchkeyError } from './protocol/errors.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './server.ts';

/** A second signal ends the process at once, with 128 and its number as shells say it. */
const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const explain = (thrown: unknown): number => {
  if (thrown instanceof LatchkeyError) {
    process.stderr.write(`latchkey: ${thrown.message} (${thrown.code})\n`);
    return thrown.by === 'caller' ? exitCodes.misconfigured : exitCodes.failed;
  }
  process.stderr.write(`latchkey: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  return exitCodes.failed;
};

/** Runs until a signal or a failure of our own, and resolves with the exit code. */
export const serve = async (sources: ConfigSources = {}): Promise<number> => {
  let config: Config;
  let log: Logger;
  let running: RunningServer;
  try {
    config = loadConfig({ environment: process.env, ...sources });
    log = createLog(config.log);
    running = await startServer(config, log, {
      onNewApiSecret: (secret) => process.stdout.write(`API secret: ${secret.revealText()}\n`),
    });
  } catch (thrown) {
    return explain(thrown);
  }
  process.stdout.write(`Latchkey is ready. Open a meeting: ${running.url}\n`);
  return await untilEnded(running, config.shutdown.deadlineMs, log);
};

const untilEnded = (running: RunningServer, deadlineMs: number, log: Logger): Promise<number> =>
  new Promise((resolve) => {
    let ending = false;
    const end = async (code: number): Promise<void> => {
      ending = true;
      // Whatever hangs, the operator's stop is bounded.
      setTimeout(() => process.exit(exitCodes.failed), deadlineMs).unref();
      try {
        await running.close();
        log.info({ event: 'server.stopped', code }, 'every meeting has ended');
        resolve(code);
      } catch (thrown) {
        resolve(explain(thrown));
      }
    };
    for (const [signal, number] of Object.entries(signalNumbers)) {
      // Before mediasoup's own listeners, which end the workers at once: participants are told first.
      process.prependListener(signal, () => {
        if (ending) process.exit(128 + number);
        log.info({ event: 'server.stopping', signal }, 'ending meetings; a second signal ends at once');
        void end(exitCodes.ok);
      });
    }
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (thrown: unknown) => {
        const { code } = toLatchkeyError(thrown);
        log.fatal(
          { event: 'process.failed', kind: event, code, err: thrown },
          'our mistake: ending in order',
        );
        if (!ending) void end(exitCodes.failed);
      });
    }
  });

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await serve();
  // Libraries may hold handles of their own; everything of ours is closed.
  process.exit();
}
