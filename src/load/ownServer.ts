// A server for one load: a process of its own on free ports of loopback, its data in a folder that goes with it. Settings are Latchkey's
// defaults, and whatever LATCHKEY_… in the environment says; what would lead elsewhere is not taken over.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Secret } from '../observe/secret.ts';
import { endChild } from './ending.ts';
import { LoadFailure } from './failure.ts';

/** As this file is: `.ts` in a checkout, `.js` as published. */
const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const main = new URL(`../main${ending}`, import.meta.url);
const endWithParent = new URL(`endWithParent${ending}`, import.meta.url).href;

/** A start takes a second or two. */
const startMs = 60_000;
/** More than its own deadline for the end. */
const endMs = 10_000;
/** Lines of its log that are kept for when it fails. */
const mostLines = 20;
const leastConnections = 10_000;

const foreign = new Set([
  'LATCHKEY_CONFIG',
  'LATCHKEY_HTTP_PUBLIC_URL',
  'LATCHKEY_HTTP_TRUSTED_PROXIES',
  'LATCHKEY_HTTP_TLS_CERT_FILE',
  'LATCHKEY_HTTP_TLS_KEY_FILE',
  'LATCHKEY_API_SECRET_FILE',
  'LATCHKEY_MEDIA_ANNOUNCED_ADDRESS',
]);

const environment = (
  apiSecret: Secret,
  folder: string,
  participants: number,
): Record<string, string | undefined> => ({
  LATCHKEY_LOG_LEVEL: 'warn',
  LATCHKEY_LIMITS_PARTICIPANTS_PER_MEETING: String(Math.max(1_000, participants)),
  // A socket each, and the requests for tokens and keys beside it.
  LATCHKEY_LIMITS_CONNECTIONS: String(Math.max(leastConnections, 4 * participants)),
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.has(name))),
  LATCHKEY_HTTP_HOST: '127.0.0.1',
  LATCHKEY_HTTP_PORT: '0',
  LATCHKEY_MEDIA_LISTEN_IP: '127.0.0.1',
  LATCHKEY_MEDIA_PORT_BASE: '0',
  LATCHKEY_DATA_DIRECTORY: folder,
  LATCHKEY_API_SECRET: apiSecret.revealText(),
  LATCHKEY_LOG_PRETTY: 'false',
});

export class OwnServer {
  readonly url: string;
  readonly apiSecret: Secret;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #ending = false;

  private constructor(
    url: string,
    apiSecret: Secret,
    child: ChildProcess,
    folder: string,
    onDied: (why: LoadFailure) => void,
  ) {
    this.url = url;
    this.apiSecret = apiSecret;
    this.#child = child;
    this.#folder = folder;
    child.once('exit', (code, signal) => {
      if (!this.#ending) onDied(new LoadFailure('broken', `the server ended with ${signal ?? code}`));
    });
  }

  /** @throws LoadFailure with what it said last. */
  static async start(participants: number, onDied: (why: LoadFailure) => void): Promise<OwnServer> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-load-'));
    const apiSecret = new Secret(randomBytes(32).toString('base64url'));
    const child = fork(main, [], {
      execArgv: ['--import', endWithParent],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: environment(apiSecret, folder, participants),
    });
    try {
      return new OwnServer(await urlOf(child), apiSecret, child, folder, onDied);
    } catch (thrown) {
      await remove(folder);
      throw thrown;
    }
  }

  async end(): Promise<void> {
    this.#ending = true;
    await endChild(this.#child, endMs, () => this.#child.kill('SIGTERM'));
    await remove(this.#folder);
  }
}

const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

/** What it prints when it is ready. Its output is read on, or it would stand still. */
const urlOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const last: string[] = [];
    const hangs = setTimeout(() => child.kill('SIGKILL'), startMs);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        const url = /^Latchkey is ready\. .*?(https?:\/\/\S+)/.exec(line)?.[1];
        if (url !== undefined) {
          clearTimeout(hangs);
          resolve(url.replace(/\/$/, ''));
        }
        last.push(line);
        if (last.length > mostLines) last.shift();
      });
    }
    const failed = (why: string): void =>
      reject(new LoadFailure('unavailable', `the server did not start: ${why}\n${last.join('\n')}`));
    child.once('error', (error) => failed(error.message));
    child.once('close', (code, signal) => failed(`it ended with ${signal ?? code}`));
  });
