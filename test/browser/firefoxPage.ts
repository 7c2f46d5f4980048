// A page in Firefox, with the few verbs that tests use of Playwright's. Functions are sent as text: they see their argument and the
// page, nothing of the test around them. Arguments and results go as JSON.

import { setTimeout as wait } from 'node:timers/promises';
import type { BidiConnection, BidiData } from './firefoxBidi.ts';

/** Between two looks at what is waited for; not in the page, whose own timers may be slowed. */
const lookMs = 50;

type InPage<A, T> = (argument: A) => T | Promise<T>;

export class FirefoxPage {
  /** Uncaught errors, and what was written by console.error. */
  readonly errors: string[] = [];
  readonly #connection: BidiConnection;
  readonly #context: string;
  readonly #userContext: string;
  readonly #unlisten: () => void;

  constructor(connection: BidiConnection, context: string, userContext: string) {
    this.#connection = connection;
    this.#context = context;
    this.#userContext = userContext;
    this.#unlisten = connection.onEvent((method, { source, level, text }) => {
      if (method !== 'log.entryAdded' || level !== 'error') return;
      if ((source as BidiData)['context'] === context) this.errors.push(String(text));
    });
  }

  /** Resolves when it has loaded. */
  async goto(url: string): Promise<void> {
    await this.#connection.send('browsingContext.navigate', {
      context: this.#context,
      url,
      wait: 'complete',
    });
  }

  /** Before any script of the pages that are opened from now on. */
  async addInitScript(script: () => void): Promise<void> {
    await this.#connection.send('script.addPreloadScript', {
      functionDeclaration: String(script),
      contexts: [this.#context],
    });
  }

  async evaluate<T>(run: () => T | Promise<T>): Promise<T>;
  async evaluate<A, T>(run: InPage<A, T>, argument: A): Promise<T>;
  async evaluate<A, T>(run: InPage<A, T>, argument?: A): Promise<T> {
    const { type, result, exceptionDetails } = await this.#connection.send('script.callFunction', {
      functionDeclaration: `async (json) => JSON.stringify({ value: await (${String(run)})(JSON.parse(json)) })`,
      arguments: [{ type: 'string', value: JSON.stringify(argument ?? null) }],
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (type === 'exception') throw new Error(String((exceptionDetails as BidiData)['text']));
    return (JSON.parse(String((result as BidiData)['value'])) as { value: T }).value;
  }

  /** Looks until what it reads is good; the test's time-out bounds it. */
  async until<T>(read: () => T | Promise<T>, good: (value: T) => boolean = Boolean): Promise<T> {
    for (;;) {
      const value = await this.evaluate(read);
      if (good(value)) return value;
      await wait(lookMs);
    }
  }

  /** The window goes, and all that it stored. */
  async close(): Promise<void> {
    this.#unlisten();
    await this.#connection.send('browsingContext.close', { context: this.#context });
    await this.#connection.send('browser.removeUserContext', { userContext: this.#userContext });
  }
}
