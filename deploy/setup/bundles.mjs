// What browsers load: the meeting page and the SDK, built by Vite when their sources changed.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './command.mjs';
import { findNode, hashOf, requirePackage } from './places.mjs';

/**
 * @typedef {object} Bundle
 * @property {string} name
 * @property {string} config Vite's configuration.
 * @property {string} output The folder it fills.
 */

/** @type {readonly Bundle[]} */
export const bundles = [
  { name: 'meeting page', config: 'src/web/vite.config.ts', output: 'dist/web' },
  { name: 'SDK', config: 'src/client/browser/vite.config.ts', output: 'dist/sdk' },
];

// All that either bundle can import, and what decides how it is compiled.
const sources = [
  'src/client',
  'src/keys',
  'src/protocol',
  'src/sframe',
  'src/web',
  'package-lock.json',
  'tsconfig.base.json',
  'tsconfig.browser.json',
];

/** @param {string} root */
export function staleBundles(root) {
  const hash = hashOf(root, sources);
  return bundles.filter(
    (bundle) => existsSync(join(root, bundle.config)) && builtFrom(root, bundle) !== hash,
  );
}

/**
 * @param {string} root
 * @param {import('./report.mjs').Report} report
 */
export async function ensureBundles(root, report) {
  const hash = hashOf(root, sources);
  for (const bundle of staleBundles(root)) {
    await report.step(
      bundle.name,
      `${bundle.output}, built by Vite because its sources are new here`,
      async () => {
        rmSync(stampOf(root, bundle), { force: true });
        // Chunks of an earlier build have names of their own and would stay.
        rmSync(join(root, bundle.output), { recursive: true, force: true });
        const vite = join(requirePackage('vite', root), 'bin', 'vite.js');
        await run(findNode(root), [vite, 'build', '--config', bundle.config, '--logLevel', 'warn'], {
          cwd: root,
          env: { ...process.env, NODE_ENV: 'production' },
          next: ['Mend what the lines above name, and start again.'],
        });
        mkdirSync(dirname(stampOf(root, bundle)), { recursive: true });
        writeFileSync(stampOf(root, bundle), hash);
      },
    );
  }
}

/**
 * @param {string} root
 * @param {Bundle} bundle
 */
function builtFrom(root, bundle) {
  const stamp = stampOf(root, bundle);
  return existsSync(stamp) && existsSync(join(root, bundle.output)) ? readFileSync(stamp, 'utf8') : undefined;
}

// Beside the folder, not in it: what is in it is served and published.
/**
 * @param {string} root
 * @param {Bundle} bundle
 */
function stampOf(root, bundle) {
  return join(root, 'node_modules', '.cache', 'latchkey', `${bundle.output.replaceAll('/', '-')}.sha256`);
}
