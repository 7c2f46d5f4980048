// Starts the custodian and talks to it. Requests are answered in any order, each within a time after which nothing is known of
// the custodian any more: it is ended, and whoever waits is told.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Custodian } from './custodian.ts';
import { custodianMessages, response } from './messages.ts';
import type { CustodianAnswer, CustodianAsk, CustodianMethod, Response } from './messages.ts';

export interface CustodianSettings {
  /** PKCS#8 PEM of an Ed25519 key; made by `ensureSigningKey`. */
  readonly signingKeyFile: string;
  /** 32-byte keys that fit; about 1.4 for each participant. */
  readonly slots: number;
  /** How long an answer may take, in milliseconds. */
  readonly answerMs: number;
  readonly log: Logger;
}

/** Starting takes longer than answering: modules are read and the slab is locked. */
const startMs = 20_000;

/** As this file is: `.ts` in a checkout, `.js` as published. */
const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const main = fileURLToPath(new URL(`main${ending}`, import.meta.url));

/** The package's own files and its dependencies', which may stand beside it. */
const readable = (signingKeyFile: string): string[] => {
  const source = realpathSync(fileURLToPath(new URL('../', import.meta.url)));
  const modules = ['sodium-native', 'zod'].map((name) =>
    realpathSync(fileURLToPath(import.meta.resolve(name))).replace(/^(.*\/node_modules)\/.*$/, '$1'),
  );
  const manifest = realpathSync(fileURLToPath(new URL('../../package.json', import.meta.url)));
  // sodium-native's loader looks whether this is Alpine before it chooses its binary.
  const system = ['/proc/self/status', '/etc/alpine-release'];
  return [source, manifest, ...new Set(modules), realpathSync(signingKeyFile), ...system];
};

const nodeArguments = (settings: CustodianSettings): string[] => [
  '--permission',
  ...readable(settings.signingKeyFile).map((path) => `--allow-fs-read=${path}`),
  '--allow-addons',
  '--disable-sigusr1',
  '--disable-proto=throw',
  '--disallow-code-generation-from-strings',
  '--no-warnings',
  main,
  settings.signingKeyFile,
  String(settings.slots),
];

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: LatchkeyError) => void;
  readonly timer: NodeJS.Timeout;
}

class CustodianClient implements Custodian {
  readonly pid: number;
  readonly publicKey: Uint8Array;
  readonly #child: ChildProcess;
  readonly #answerMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners: ((reason: Error) => void)[] = [];
  readonly #exited: Promise<void>;
  #lost: LatchkeyError | null = null;
  #closing = false;
  #nextId = 1;

  constructor(child: ChildProcess, publicKey: Uint8Array, answerMs: number) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.publicKey = publicKey;
    this.#answerMs = answerMs;
    child.on('message', (message) => this.#receive(message));
    child.on('error', (cause) => this.#end(new LatchkeyError('custodian_lost', undefined, { cause })));
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#end(new LatchkeyError('custodian_lost', `the custodian ended: ${signal ?? code}`));
        resolve();
      });
    });
  }

  openMeeting(ask: CustodianAsk<'openMeeting'>) {
    return this.#ask('openMeeting', ask);
  }

  admit(ask: CustodianAsk<'admit'>) {
    return this.#ask('admit', ask);
  }

  rekey(ask: Parameters<Custodian['rekey']>[0]) {
    return this.#ask('rekey', { ...ask, joins: [...ask.joins], departures: [...ask.departures] });
  }

  signTransport(ask: Parameters<Custodian['signTransport']>[0]) {
    return this.#ask('signTransport', { ...ask, fingerprints: ask.fingerprints.map((one) => ({ ...one })) });
  }

  async closeMeeting(ask: CustodianAsk<'closeMeeting'>): Promise<void> {
    await this.#ask('closeMeeting', ask);
  }

  statistics() {
    return this.#ask('statistics', {});
  }

  onLost(listener: (reason: Error) => void): void {
    if (this.#closing) return;
    if (this.#lost === null) this.#listeners.push(listener);
    else listener(this.#lost);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#end(new LatchkeyError('custodian_lost', 'the custodian was closed'));
    if (this.#child.connected) this.#child.disconnect();
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), this.#answerMs);
    await this.#exited;
    clearTimeout(kill);
  }

  #ask<M extends CustodianMethod>(method: M, data: CustodianAsk<M>): Promise<CustodianAnswer<M>> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const id = this.#nextId++;
    const answered = new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => this.#stalled(method), this.#answerMs);
      this.#waiting.set(id, { resolve, reject, timer });
    });
    this.#child.send({ id, method, data });
    return answered.then((answer) => custodianMessages[method].answer.parse(answer) as CustodianAnswer<M>);
  }

  /** Whether it did what it was asked is not known: it must not go on with keys that nobody follows. */
  #stalled(method: CustodianMethod): void {
    this.#end(new LatchkeyError('custodian_timeout', `the custodian did not answer ${method} in time`));
    this.#child.kill('SIGKILL');
  }

  #receive(message: unknown): void {
    const parsed = response.safeParse(message);
    if (!parsed.success || !('id' in parsed.data)) return;
    const answer = parsed.data;
    const waiting = answer.id === null ? undefined : this.#waiting.get(answer.id);
    if (waiting === undefined || answer.id === null) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if (answer.ok) waiting.resolve(answer.data);
    else waiting.reject(new LatchkeyError(answer.error.code, answer.error.message));
  }

  #end(reason: LatchkeyError): void {
    if (this.#lost !== null) return;
    this.#lost = reason;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#waiting.clear();
    if (this.#closing) return;
    for (const listener of this.#listeners) listener(reason);
  }
}

const firstMessage = (child: ChildProcess): Promise<Extract<Response, { ready: true }>> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail('it did not start in time'), startMs);
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new LatchkeyError('custodian_lost', `the custodian did not start: ${why}`));
    };
    child.once('error', ({ message }) => fail(message));
    child.once('exit', (code, signal) => fail(`it ended with ${signal ?? code}`));
    child.once('message', (message) => {
      clearTimeout(timer);
      const parsed = response.safeParse(message);
      if (parsed.success && 'ready' in parsed.data) resolve(parsed.data);
      else fail('it said something else first');
    });
  });

/** @throws LatchkeyError `custodian_lost` where it does not start. */
export const startCustodian = async (settings: CustodianSettings): Promise<Custodian> => {
  // The shell only sets the limit that Node cannot: no core file ever holds a key.
  const command = ['-c', 'ulimit -c 0 && exec "$@"', 'sh', process.execPath, ...nodeArguments(settings)];
  const child = spawn('/bin/sh', command, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: {},
    cwd: '/',
  });
  try {
    const { publicKey, lockedBytes, slabBytes } = await firstMessage(child);
    if (lockedBytes < slabBytes) {
      settings.log.warn(
        { event: 'custodian.unlocked', lockedBytes, slabBytes },
        'key memory could not be locked whole: raise the limit (ulimit -l, LimitMEMLOCK)',
      );
    }
    settings.log.info({ event: 'custodian.started', custodian: child.pid, lockedBytes }, 'custodian started');
    return new CustodianClient(child, publicKey, settings.answerMs);
  } catch (thrown) {
    child.kill('SIGKILL');
    throw thrown;
  }
};
