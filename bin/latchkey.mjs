#!/usr/bin/env node
// The `latchkey` command. Runs under whatever Node there is (20 or later), finds what the server needs (Node 26, the mediasoup worker)
// and hands over to the command itself: built JavaScript where the package is installed, the sources in a checkout.

import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { runInFront, runMain } from '../deploy/setup/command.mjs';
import { findNode, projectRoot } from '../deploy/setup/places.mjs';
import { environmentFor, prepare, prepareWorker } from '../deploy/setup/prepare.mjs';
import { createReport } from '../deploy/setup/report.mjs';

const sources = join(projectRoot, 'src', 'cli', 'main.ts');
// Node refuses TypeScript below node_modules.
const checkout = existsSync(sources) && !projectRoot.split(sep).includes('node_modules');
// A lookup of a number; sooner than anybody looks whether the port is free again.
const parentCheckMs = 250;
const program = checkout ? sources : join(projectRoot, 'dist', 'cli', 'main.js');

/**
 * `npx latchkey` puts a shell between npm and us. A signal for npm ends that shell, which tells us nothing: its absence must.
 * Not so otherwise: who starts us with nohup or `&` may well leave before us.
 */
const endWithShellOfNpx = () => {
  if (process.env['npm_lifecycle_event'] !== 'npx') return;
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, parentCheckMs);
  watch.unref();
};

/**
 * A load has a server of its own unless it is told of another one.
 * @param {readonly string[]} args
 */
const startsServer = (args) =>
  args[0] === 'serve' ||
  (args[0] === 'load' && !args.some((argument) => argument === '--url' || argument.startsWith('--url=')));

runMain(async () => {
  endWithShellOfNpx();
  const args = process.argv.slice(2);
  const report = createReport();
  let env = process.env;
  // Only a server needs more than Node; `latchkey --help` is no reason to build anything.
  if (startsServer(args) && !args.includes('--help')) {
    const prepared = checkout ? await prepare(projectRoot, report) : await prepareWorker(projectRoot, report);
    env = environmentFor(projectRoot, prepared);
  }
  return await runInFront(findNode(), [program, ...args], { env });
});
