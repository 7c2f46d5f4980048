// Processes of a bench: each answers questions over its IPC channel, and ends with it.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

interface Question {
  readonly id: number;
  readonly ask: string;
  readonly data: unknown;
}

interface Answer {
  readonly id: number;
  readonly data?: unknown;
  readonly error?: string;
}

type Table = Readonly<Record<string, (data: never) => unknown>>;

/** In the child: answers by its table until the channel closes, and `end`s then. */
export const answerBy = (table: Table, end: () => void = () => process.exit(0)): void => {
  process.on('message', ({ id, ask, data }: Question) => {
    const answer = async (): Promise<Answer> => {
      try {
        const handle = table[ask] as ((data: unknown) => unknown) | undefined;
        if (handle === undefined) throw new Error(`there is no question ${ask}`);
        return { id, data: await handle(data) };
      } catch (thrown) {
        return { id, error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) };
      }
    };
    void answer().then((answered) => process.connected && process.send?.(answered));
  });
  process.on('disconnect', end);
};

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Each line that it writes to stdout; by default nobody reads them. */
  readonly onOutput?: (text: string) => void;
}

/** In the bench. */
export class Child {
  readonly process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (data: unknown) => void; reject: (why: Error) => void }>();
  readonly #exited: Promise<unknown>;
  #lastId = 0;
  #ended: Error | null = null;

  constructor(file: URL, { args = [], execArgv = [], env = {}, onOutput }: ChildOptions = {}) {
    this.process = fork(file, args, {
      execArgv: [...execArgv, ...profiling()],
      serialization: 'advanced',
      stdio: ['ignore', onOutput === undefined ? 'ignore' : 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.#exited = once(this.process, 'exit');
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text));
    this.process.on('message', (answer) => this.#answered(answer as Answer));
    this.process.once('exit', (code, signal) => {
      this.#ended = new Error(`${file.pathname} ended: ${signal ?? code}`);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    });
  }

  /** Rejects never. */
  get exited(): Promise<unknown> {
    return this.#exited;
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** What it answers is what its table says: the caller knows its type. */
  ask<T>(ask: string, data: unknown = null): Promise<T> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as T), reject });
      this.process.send({ id, ask, data });
    });
  }

  async end(): Promise<void> {
    if (this.process.connected) this.process.disconnect();
    const kill = setTimeout(() => this.process.kill('SIGKILL'), endMs);
    await this.#exited;
    clearTimeout(kill);
  }

  #answered({ id, data, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(data);
    else waiting?.reject(new Error(error));
  }
}

/** `BENCH_PROFILE=FOLDER`: where each process leaves a profile of its processor time (open it with Chromium's developer tools). */
const profiling = (): string[] => {
  const folder = process.env['BENCH_PROFILE'];
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
};

/** To end in order. */
const endMs = 10_000;
