// Child processes of set-up, and what becomes of them when somebody presses Ctrl-C or sends a signal.
//
// Every child gets a session of its own, so that only this process signals it. Otherwise a Ctrl-C reaches the server up to three
// times (from the terminal, from npm, which repeats it to its script, and from here), and the server takes a second signal as
// "stop at once". And should this process be killed without a chance to say so, a guard ends the child.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { SetupError, createReport, reportFailure } from './report.mjs';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */
/** @typedef {(signal: NodeJS.Signals) => void} OnSignal */

// One gesture reaches us more than once: see above. Shorter than anybody presses Ctrl-C twice on purpose.
const sameGestureMs = 500;
// Of a failed tool's output: some name their reason first (npm), most last.
const headLines = 8;
const tailLines = 20;

/** @type {Map<ChildProcess, OnSignal>} */
const running = new Map();
/** @type {NodeJS.Signals | undefined} The signal on which set-up is stopping. */
let stopping;

class Stopped extends Error {}

/**
 * Runs a program of set-up: prints failures for people, ends children on signals, sets the exit code.
 * @param {() => Promise<number | void>} main Resolves with the exit code.
 */
export function runMain(main) {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      stopping = signal;
      if (running.size === 0) dieBy(signal);
      for (const onSignal of running.values()) onSignal(signal);
    });
  }
  main().then(
    (code) => process.exit(code ?? 0),
    (error) => {
      if (error instanceof Stopped && stopping !== undefined) return dieBy(stopping);
      reportFailure(error);
      process.exit(1);
    },
  );
}

/**
 * Ends this process as the signal would have, so that whoever waits for it sees the truth.
 * @param {NodeJS.Signals} signal
 */
function dieBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @param {OnSignal} [onSignal] By default the child and all of its own are asked to end.
 */
function start(command, args, options, onSignal) {
  const child = spawn(command, args, { ...options, detached: true });
  running.set(child, onSignal ?? (() => signalGroup(child, 'SIGTERM')));
  child.once('close', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/**
 * Sends SIGTERM, once, when this process ends without having seen the child's end, by SIGKILL say. The guard is a shell that reads from
 * a pipe of ours: its end of file is our end. (PR_SET_PDEATHSIG is no substitute: it signals as often as this process has threads.)
 * @param {ChildProcess} child
 * @param {'child' | 'group'} whom
 */
function guard(child, whom) {
  if (child.pid === undefined) return;
  const target = whom === 'group' ? `-${child.pid}` : `${child.pid}`;
  const script = 'read -r _; kill -s TERM -- "$1"';
  const shell = spawn('sh', ['-c', script, 'sh', target], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.once('exit', () => shell.kill('SIGKILL'));
}

/**
 * @param {ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function signalGroup(child, signal) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}

/**
 * Runs a tool to its end. Its output goes to `log` (a file) and, line by line, to `onLine`; nobody else sees it unless it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, log?: string, onLine?: (line: string) => void, onSignal?: OnSignal, next?: string[] }} [options]
 *   `next`: what a person should do when it fails.
 */
export async function run(command, args, options = {}) {
  const { cwd, env = process.env, log, onLine, onSignal, next = [] } = options;
  const file = log === undefined ? undefined : openSync(log, 'a');
  /** @type {string[]} */
  const head = [];
  /** @type {string[]} */
  const tail = [];
  try {
    if (file !== undefined) writeSync(file, `$ ${command} ${args.join(' ')}\n`);
    const child = start(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] }, onSignal);
    // Who has an answer of its own to signals (apt-get) is let finish whatever happens.
    if (onSignal === undefined) guard(child, 'group');
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text) => {
        if (file !== undefined) writeSync(file, text);
        const lines = (rest + text).split(/[\r\n]+/);
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (head.length < headLines) head.push(line);
          else tail.push(line);
          if (tail.length > tailLines) tail.shift();
          onLine?.(line);
        }
      });
    }
    const ended = await endOf(child, command);
    if (stopping !== undefined) throw new Stopped();
    if (ended.code !== 0) {
      const how = ended.signal === null ? `ended with code ${ended.code}` : `was ended by ${ended.signal}`;
      const where = log === undefined ? [] : [`Its whole output: ${log}`];
      throw new SetupError(
        `${command} ${args[0] ?? ''} ${how}.\n${[...head, ...tail].map((line) => `  | ${line}`).join('\n')}`,
        [...where, ...next],
      );
    }
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Runs what the person asked for (the server, the tests), with our output. Signals are passed on, each gesture once.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} Its exit code. If a signal ended it, this process ends by the same one.
 */
export async function runInFront(command, args, options = {}) {
  let lastSignalAt = Number.NEGATIVE_INFINITY;
  const child = start(command, args, { ...options, stdio: 'inherit' }, (signal) => {
    const now = performance.now();
    if (now - lastSignalAt < sameGestureMs) return;
    lastSignalAt = now;
    // A closed terminal is no reason to cut people off in the middle of a word: SIGHUP asks for the orderly end as well.
    child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
  });
  guard(child, 'child');
  const ended = await endOf(child, command);
  if (ended.signal !== null) dieBy(ended.signal);
  return ended.code ?? 1;
}

/**
 * @param {ChildProcess} child
 * @param {string} command
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
function endOf(child, command) {
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) =>
      reject(new SetupError(`${command} cannot be started: ${error.message}`, [])),
    );
  });
}

/**
 * The standard output of a command that answers at once; undefined when it is missing or fails.
 * @param {string} command
 * @param {readonly string[]} args
 */
export function outputOf(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return result.status === 0 ? result.stdout : undefined;
}

/**
 * Holds an exclusive lock while `work` runs. flock(1) keeps it: the kernel releases it when we end, however we end, so that there is
 * no stale lock to judge.
 * @template T
 * @param {string} file In a folder that exists.
 * @param {string} what Said while waiting: what another process is doing.
 * @param {() => Promise<T>} work
 * @param {import('./report.mjs').Report} [report]
 * @returns {Promise<T>}
 */
export async function withLock(file, what, work, report = createReport()) {
  // The holder lives until its standard input closes: at our word below, or with us.
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const waiting = setTimeout(() => report.say(`waiting: another process is ${what}`), sameGestureMs);
  const ended = endOf(holder, 'flock');
  try {
    const held = new Promise((resolve) => holder.stdout.once('data', () => resolve(true)));
    if ((await Promise.race([held, ended])) !== true) {
      throw new SetupError(`The lock ${file} cannot be taken.`, ['Make its folder writable for you.']);
    }
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
    await ended;
  }
}
