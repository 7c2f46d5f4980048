// A generator, as the process sees it that runs the load.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { endChild } from './ending.ts';
import { LoadFailure } from './failure.ts';
import type { Answered, Beginning, Question, Questions } from './generatorMessages.ts';

/** As this file is: `.ts` in a checkout, `.js` as published. */
const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const main = new URL(`generator${ending}`, import.meta.url);

/** Of 19. More: a generator that is starved says nothing of the server. */
const niceness = 5;
/** For all of them to leave, in milliseconds. */
const endMs = 15_000;

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (why: Error) => void;
}

export class GeneratorProcess {
  readonly slow: boolean;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onDied: (why: LoadFailure) => void;
  #lastId = 0;
  #dead: LoadFailure | null = null;
  #ending = false;

  constructor(beginning: Beginning, onDied: (why: LoadFailure) => void) {
    this.slow = beginning.lateMs > 0;
    this.#onDied = onDied;
    this.#child = fork(main, [], {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // On a machine that a server shares with it, what is short is to be short for the load.
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, niceness);
    this.#child.on('message', (answered) => this.#answered(answered as Answered));
    this.#child.once('error', (cause) => this.#died(cause.message));
    this.#child.once('exit', (code, signal) => this.#died(`it ended with ${signal ?? code}`));
    // Answered before anything else is asked; what fails there fails with the first join.
    this.ask('begin', beginning).catch(() => undefined);
  }

  /** @throws LoadFailure where it is gone, Error where it made a mistake. */
  ask<Q extends keyof Questions>(question: Q, data: Questions[Q]['ask']): Promise<Questions[Q]['answer']> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      // Its table says what it answers.
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Questions[Q]['answer']), reject });
      this.#child.send({ id, question, data } satisfies Question, (error) => {
        if (error !== null) this.#died(error.message);
      });
    });
  }

  /** Its participants leave first. */
  async end(): Promise<void> {
    this.#ending = true;
    await endChild(this.#child, endMs, () => {
      const leave = this.ask('end', null).catch(() => undefined);
      void leave.then(() => this.#child.connected && this.#child.disconnect());
    });
  }

  #answered(answered: Answered): void {
    const waiting = this.#waiting.get(answered.id);
    this.#waiting.delete(answered.id);
    if ('error' in answered) waiting?.reject(new Error(answered.error));
    else waiting?.resolve(answered.data);
  }

  #died(why: string): void {
    if (this.#dead !== null) return;
    this.#dead = new LoadFailure('broken', `a generator of participants died: ${why}`);
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
    if (!this.#ending) this.#onDied(this.#dead);
  }
}
