// Runs in the custodian's place, with its flags and as its user, and tries what the custodian must not be able to do. Answers for
// each attempt how it failed; `done` where it did not.

import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { resolve4 } from 'node:dns/promises';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import inspector from 'node:inspector';
import { leaveRoot } from '../../src/custodian/ownUser.ts';

const [, , folder = '', ownFile = '', port = ''] = process.argv;

const attempts: Record<string, () => unknown> = {
  'connect by TCP': () => once(connect(Number(port), '127.0.0.1'), 'connect'),
  'fetch by HTTP': () => once(get(`http://127.0.0.1:${port}`), 'response'),
  'fetch()': () => fetch(`http://127.0.0.1:${port}`),
  'listen on TCP': () => once(createServer().listen(0, '127.0.0.1'), 'listening'),
  'listen on a Unix socket': () => once(createServer().listen(`${folder}/socket`), 'listening'),
  'bind UDP': () => once(createSocket('udp4').bind(0, '127.0.0.1'), 'listening'),
  'resolve a name': () => resolve4('localhost'),
  'write a file': () => writeFileSync(`${folder}/written`, 'x'),
  'append to its own source': () => appendFileSync(ownFile, ''),
  'make a folder': () => mkdirSync(`${folder}/made`),
  'remove a file': () => rmSync(`${folder}/key.pem`),
  'open /dev/shm': () => openSync('/dev/shm/latchkey-probe', 'w'),
  'read /etc/passwd': () => readFileSync('/etc/passwd'),
  'read /proc/self/mem': () => openSync('/proc/self/mem', 'r'),
  "read its control process' environment": () => readFileSync(`/proc/${process.ppid}/environ`),
  'list a folder': () => readdirSync('/'),
  'read sources that are not its own': () =>
    readFileSync(new URL('../../src/meeting/meeting.ts', import.meta.url)),
  'read packages that are not its own': () =>
    readFileSync(new URL('../../node_modules/ws/package.json', import.meta.url)),
  'spawn a child': () => once(spawn('/bin/true'), 'spawn'),
  'run a program': () => execFileSync('/bin/true'),
  'start a thread': () => once(new Worker('0', { eval: true }), 'online'),
  'open an inspector': () => inspector.open(0),
  // oxlint-disable-next-line typescript/no-implied-eval -- that it fails is the point
  'evaluate text': () => new Function('return 1')() as unknown,
  'use __proto__': () => Reflect.get({}, '__proto__'),
  'signal its control process': () => process.kill(process.ppid, 0),
  'become root again': () => process.setuid?.(0),
};

/** Some of what Node denies it throws where nobody can catch it. */
let uncaught: (thrown: unknown) => void = () => undefined;
process.on('uncaughtException', (thrown) => uncaught(thrown));

const outcomeOf = async (attempt: () => unknown): Promise<string> => {
  try {
    const elsewhere = new Promise((_, reject) => {
      uncaught = reject;
    });
    await Promise.race([attempt(), elsewhere]);
    return 'done';
  } catch (thrown) {
    const code: unknown = Reflect.get(Object(thrown), 'code');
    const cause: unknown = Reflect.get(Object(Reflect.get(Object(thrown), 'cause')), 'code');
    return String(code ?? cause ?? (thrown instanceof Error ? thrown.name : thrown));
  }
};

const user = leaveRoot();
const outcomes: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) outcomes[name] = await outcomeOf(attempt);
process.send?.({
  outcomes,
  user,
  environment: Object.keys(process.env),
  inspectorUrl: inspector.url() ?? null,
});
process.on('disconnect', () => process.exit(0));
