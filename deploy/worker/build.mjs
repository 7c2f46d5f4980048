// Builds mediasoup-worker by the recipe beside this file.

import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../setup/command.mjs';

// What the compiler takes for the largest of the files; more jobs than memory for them would swap.
const bytesPerJob = 1.2e9;

/**
 * @param {string} mediasoup The folder of the mediasoup package.
 * @param {string} folder An empty one.
 * @param {string} log
 * @param {import('../setup/report.mjs').Progress} progress
 * @returns {Promise<string>} The path of the binary.
 */
export async function buildWorker(mediasoup, folder, log, progress) {
  const recipe = fileURLToPath(new URL('.', import.meta.url));
  const next = [
    'Try again; if it fails alike, use the worker that mediasoup publishes: LATCHKEY_WORKER=download',
    '(it bundles an older OpenSSL), or name your own by MEDIASOUP_WORKER_BIN.',
  ];
  const output = join(folder, 'build');
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / bytesPerJob)));
  const sources = `-DMEDIASOUP_WORKER=${join(mediasoup, 'worker')}`;
  await run('cmake', ['-S', recipe, '-B', output, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', sources], {
    log,
    next,
  });
  await run('cmake', ['--build', output, '--parallel', String(jobs)], {
    log,
    next,
    // The recipe's progress is read from ninja's status; a person's own format would hide it.
    env: { ...process.env, NINJA_STATUS: '[%f/%t] ' },
    onLine(line) {
      const status = /^\[(\d+)\/(\d+)\] /.exec(line);
      if (status !== null) progress(Number(status[1]), Number(status[2]));
    },
  });
  return join(output, 'mediasoup-worker');
}
