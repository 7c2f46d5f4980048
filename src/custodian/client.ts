// Starts the custodian and talks to it. Requests are answered in any order, each within a time after which nothing is known of
// the custodian any more: it is ended, and whoever waits is told.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Custodian } from './custodian.ts';
import { launchCustodian } from './launch.ts';
import type { LaunchSettings } from './launch.ts';
import { custodianMessages, response } from './messages.ts';
import type { CustodianAnswer, CustodianAsk, CustodianMethod, Response } from './messages.ts';

export interface CustodianSettings extends LaunchSettings {
  /** How long an answer may take, in milliseconds. */
  readonly answerMs: number;
  readonly log: Logger;
  /** How long an answer took, refusals too, as whoever asked saw it. */
  readonly onAnswered?: (method: CustodianMethod, ms: number) => void;
}

/** Starting takes longer than answering: modules are read and the slab is locked. */
const startMs = 20_000;

interface Waiting {
  readonly method: CustodianMethod;
  readonly askedMs: number;
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: LatchkeyError) => void;
  readonly timer: NodeJS.Timeout;
}

class CustodianClient implements Custodian {
  readonly pid: number;
  readonly publicKey: Uint8Array;
  readonly #child: ChildProcess;
  readonly #settings: CustodianSettings;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners: ((reason: Error) => void)[] = [];
  readonly #exited: Promise<void>;
  #lost: LatchkeyError | null = null;
  #closing = false;
  #nextId = 1;

  constructor(child: ChildProcess, publicKey: Uint8Array, settings: CustodianSettings) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.publicKey = publicKey;
    this.#settings = settings;
    child.on('message', (message) => this.#receive(message));
    child.on('error', (cause) => this.#abandon(new LatchkeyError('custodian_lost', undefined, { cause })));
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

  async withdraw({ meeting, leases }: Parameters<Custodian['withdraw']>[0]): Promise<void> {
    await this.#ask('withdraw', { meeting, leases: [...leases] });
  }

  verifyResume(ask: CustodianAsk<'verifyResume'>) {
    return this.#ask('verifyResume', ask);
  }

  closeMeeting(ask: CustodianAsk<'closeMeeting'>) {
    return this.#ask('closeMeeting', ask);
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
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), this.#settings.answerMs);
    await this.#exited;
    clearTimeout(kill);
  }

  async #ask<M extends CustodianMethod>(method: M, data: CustodianAsk<M>): Promise<CustodianAnswer<M>> {
    if (this.#lost !== null) throw this.#lost;
    const id = this.#nextId++;
    const answered = new Promise<unknown>((resolve, reject) => {
      const timer = this.#timer(id, method);
      this.#waiting.set(id, { method, askedMs: performance.now(), resolve, reject, timer });
    });
    this.#child.send({ id, method, data });
    const parsed = custodianMessages[method].answer.safeParse(await answered);
    if (parsed.success) return parsed.data as CustodianAnswer<M>;
    throw this.#abandon(new LatchkeyError('custodian_lost', `the custodian's answer to ${method} is none`));
  }

  /** When it fires late, since we were busy ourselves, the answer may lie in the channel: that is read before anybody is blamed. */
  #timer(id: number, method: CustodianMethod): NodeJS.Timeout {
    const stalled = (): void => {
      if (!this.#waiting.has(id)) return;
      this.#abandon(new LatchkeyError('custodian_timeout', `the custodian did not answer ${method} in time`));
    };
    return setTimeout(() => setImmediate(() => setImmediate(stalled)), this.#settings.answerMs);
  }

  /** Whether it did what it was asked is not known: it must not go on with keys that nobody follows. */
  #abandon(reason: LatchkeyError): LatchkeyError {
    this.#end(reason);
    this.#child.kill('SIGKILL');
    return reason;
  }

  #receive(message: unknown): void {
    const parsed = response.safeParse(message);
    if (!parsed.success) return;
    if ('notice' in parsed.data) warnIfUnlocked(parsed.data, this.#settings.log);
    if (!('id' in parsed.data)) return;
    const answer = parsed.data;
    const waiting = answer.id === null ? undefined : this.#waiting.get(answer.id);
    if (waiting === undefined || answer.id === null) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    this.#settings.onAnswered?.(waiting.method, performance.now() - waiting.askedMs);
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
    const fail = (error: LatchkeyError): void => {
      clearTimeout(timer);
      reject(error);
    };
    const lost = (why: string): void =>
      fail(new LatchkeyError('custodian_lost', `the custodian did not start: ${why}`));
    const timer = setTimeout(() => lost('it took too long'), startMs);
    child.once('error', ({ message }) => lost(message));
    child.once('exit', (code, signal) => lost(`it ended with ${signal ?? code}`));
    child.once('message', (message) => {
      clearTimeout(timer);
      const parsed = response.safeParse(message);
      if (parsed.success && 'ready' in parsed.data) resolve(parsed.data);
      else if (parsed.success && 'error' in parsed.data) {
        fail(new LatchkeyError(parsed.data.error.code, parsed.data.error.message));
      } else lost('it said something else first');
    });
  });

/** Said at the start, and each time that the slab grew: what the log shows last is how it is. */
const warnIfUnlocked = (
  { lockedBytes, slabBytes }: { readonly lockedBytes: number; readonly slabBytes: number },
  log: Logger,
): void => {
  if (lockedBytes >= slabBytes) return;
  log.warn(
    { event: 'custodian.unlocked', lockedBytes, slabBytes },
    'key memory could not be locked whole: raise the limit (ulimit -l, LimitMEMLOCK)',
  );
};

/** Characters of a line that a dying custodian may leave in our log. */
const maxLineLength = 500;

/** It writes nothing itself; Node does, about what it could not bear. */
const logErrors = (child: ChildProcess, log: Logger): void => {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.error({ event: 'custodian.said', line: line.slice(0, maxLineLength) }, 'the custodian said');
  });
};

/** @throws LatchkeyError `custodian_lost`, or what the custodian itself cannot start for (`config_invalid`). */
export const startCustodian = async (settings: CustodianSettings): Promise<Custodian> => {
  const { log } = settings;
  const child = launchCustodian(settings);
  logErrors(child, log);
  try {
    const ready = await firstMessage(child);
    const { publicKey, user, lockedBytes } = ready;
    warnIfUnlocked(ready, log);
    if (user === 0) {
      log.warn(
        { event: 'custodian.root' },
        'the custodian runs as root: it could not take a user of its own here',
      );
    }
    log.info({ event: 'custodian.started', custodian: child.pid, user, lockedBytes }, 'custodian started');
    return new CustodianClient(child, publicKey, settings);
  } catch (thrown) {
    child.kill('SIGKILL');
    throw thrown;
  }
};
