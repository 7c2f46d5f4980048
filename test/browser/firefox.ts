// Debian's Firefox with fake devices, driven over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/): a moving picture and a beep,
// no permission questions. What it would say to anybody beyond this machine ends at a proxy of ours, which writes it down.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BidiConnection } from './firefoxBidi.ts';
import { FirefoxPage } from './firefoxPage.ts';
import { preferencesFile } from './firefoxPreferences.ts';
import { StrayRequests } from './firefoxStrayRequests.ts';

/** To end by itself when it is asked; then it is killed. */
const endMs = 5_000;

export class Firefox {
  readonly #connection: BidiConnection;
  readonly #process: FirefoxProcess;
  readonly #stray: StrayRequests;

  private constructor(connection: BidiConnection, process: FirefoxProcess, stray: StrayRequests) {
    this.#connection = connection;
    this.#process = process;
    this.#stray = stray;
  }

  static async launch(): Promise<Firefox> {
    const stray = await StrayRequests.listen();
    let process: FirefoxProcess | null = null;
    try {
      process = await FirefoxProcess.start(stray.port);
      const connection = await BidiConnection.open(await process.address());
      await connection.send('session.new', { capabilities: {} });
      await connection.send('session.subscribe', { events: ['log.entryAdded'] });
      return new Firefox(connection, process, stray);
    } catch (thrown) {
      await process?.end();
      stray.close();
      throw thrown;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Everything of it: profile, caches, temporary files. */
  get folder(): string {
    return this.#process.folder;
  }

  /** What it asked of anybody but this machine: `METHOD target`. */
  get strayRequests(): readonly string[] {
    return this.#stray.seen;
  }

  /** A window of its own, with cookies and storage of its own, so that none is slowed for being in the background. */
  async newPage(): Promise<FirefoxPage> {
    const { userContext } = await this.#connection.send('browser.createUserContext', {});
    const made = await this.#connection.send('browsingContext.create', { type: 'window', userContext });
    return new FirefoxPage(this.#connection, String(made['context']), String(userContext));
  }

  /** Resolves when the page has loaded. */
  async open(url: string): Promise<FirefoxPage> {
    const page = await this.newPage();
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.#connection.send('browser.close', {}).catch(() => undefined);
    this.#connection.close();
    await this.#process.end();
    this.#stray.close();
  }
}

/** Firefox and the processes that it starts: one process group, one folder, both gone at the end. */
class FirefoxProcess {
  readonly folder: string;
  /** Of its first process, and the group's number. */
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #killWithUs = (): void => {
    this.#kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  };
  /** A signal to us is none to the group: it is passed on, and then does to us what it does to others. */
  readonly #signalled = (signal: NodeJS.Signals): void => {
    this.#killWithUs();
    this.#listen('off');
    process.kill(process.pid, signal);
  };

  private constructor(folder: string, child: ChildProcess) {
    // Group 0 would be our own.
    if (child.pid === undefined) throw new Error('Firefox has no process id');
    this.folder = folder;
    this.pid = child.pid;
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#listen('on');
  }

  static async start(proxyPort: number): Promise<FirefoxProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-firefox-'));
    const [profile, temporary] = [join(folder, 'profile'), join(folder, 'tmp')];
    await Promise.all([mkdir(profile), mkdir(temporary)]);
    await writeFile(join(profile, 'user.js'), preferencesFile(proxyPort));
    const program = process.env['LATCHKEY_TEST_FIREFOX'] ?? '/usr/bin/firefox-esr';
    const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0'];
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        TMPDIR: temporary,
        LC_ALL: 'C.UTF-8',
        // Without a desktop session there is no message bus to start or find.
        NO_AT_BRIDGE: '1',
        // It would rather crash than reach anybody; with it, the address of its settings' server may be set.
        MOZ_DISABLE_NONLOCAL_CONNECTIONS: '1',
      },
    });
    try {
      await once(child, 'spawn');
    } catch (thrown) {
      await rm(folder, { recursive: true, force: true });
      throw thrown;
    }
    return new FirefoxProcess(folder, child);
  }

  /** Where it listens, as it says on standard error. */
  address(): Promise<string> {
    return new Promise((resolve, reject) => {
      const said: string[] = [];
      const { stderr } = this.#child;
      if (stderr === null) throw new Error('no standard error');
      createInterface(stderr).on('line', (line) => {
        if (said.push(line) > 20) said.shift();
        const [, address] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
        if (address !== undefined) resolve(address);
      });
      void this.#exited.then(() => reject(new Error(`Firefox ended:\n${said.join('\n')}`)));
    });
  }

  /** It was asked to end before, or never will be: then it is killed after a while. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.#kill(), endMs);
    await this.#exited;
    clearTimeout(timer);
    this.#kill();
    this.#listen('off');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #listen(what: 'on' | 'off'): void {
    process[what]('exit', this.#killWithUs);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process[what](signal, this.#signalled);
  }

  /** The group: its content processes too. */
  #kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (thrown) {
      // Nobody is left in it.
      if (!(thrown instanceof Error && Reflect.get(thrown, 'code') === 'ESRCH')) throw thrown;
    }
  }
}
