// `npm test`: makes ready what is missing, then type check, lint, format check and all tests.
// `npm test -- test/sframe` runs only the test files whose path has that in it; what begins with `-` goes to `node --test`.

import { join } from 'node:path';
import { runInFront, runMain } from './command.mjs';
import { projectRoot } from './places.mjs';
import { environmentFor, prepare } from './prepare.mjs';
import { SetupError, createReport, seconds } from './report.mjs';
import { testFiles } from './testFiles.mjs';
import { ensureTestPackages } from './testPackages.mjs';

// No test may hold CI up for ever. Applies to a file as a whole too; the slowest (a clean clone, packed and installed) takes a few minutes.
const testTimeoutMs = 900_000;

/** @type {readonly (readonly [string, string, ...string[]])[]} */
const checks = [
  ['types of the Node sources', 'tsc', '-p', 'tsconfig.json'],
  ['types of the pure sources', 'tsc', '-p', 'tsconfig.pure.json'],
  ['types of the browser sources', 'tsc', '-p', 'tsconfig.browser.json'],
  ['types of the set-up', 'tsc', '-p', 'tsconfig.setup.json'],
  ['lint', 'oxlint', '--type-aware'],
  ['format', 'oxfmt', '--check'],
];

runMain(async () => {
  const report = createReport();
  const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
  const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
  const files = testFiles(projectRoot, filters);
  if (files.together.length + files.alone.length === 0) {
    throw new SetupError(`No test file has ${filters.join(' or ')} in its path.`, [
      'Name a folder or file below test/.',
    ]);
  }

  const prepared = await prepare(projectRoot, report);
  const folders = await ensureTestPackages(report);
  const env = environmentFor(projectRoot, prepared);
  env['PATH'] = [env['PATH'], ...folders].join(':');

  /** @type {string[]} */
  const failed = [];
  /** @type {(name: string, command: string, args: readonly string[]) => Promise<void>} */
  const check = async (name, command, args) => {
    const started = performance.now();
    report.say(`${name}: ${[command.replace(/^.*\//, ''), ...args.slice(0, 4)].join(' ')}`);
    const code = await runInFront(command, args, { cwd: projectRoot, env });
    report.say(`${name}: ${code === 0 ? 'good' : 'FAILED'} after ${seconds(performance.now() - started)}`);
    if (code !== 0) failed.push(name);
  };

  if (filters.length === 0) {
    for (const [name, tool, ...args] of checks)
      await check(name, join(projectRoot, 'node_modules', '.bin', tool), args);
  } else {
    report.say(`only the tests of ${filters.join(', ')}: no type check, lint or format check`);
  }
  for (const [name, jobs, paths] of /** @type {const} */ ([
    ['tests', 2, files.together],
    ['tests with browsers and real workers', 1, files.alone],
  ])) {
    if (paths.length === 0) continue;
    const common = [
      '--test',
      '--test-reporter=spec',
      `--test-timeout=${testTimeoutMs}`,
      `--test-concurrency=${jobs}`,
    ];
    await check(name, prepared.node, [...common, ...options, ...paths]);
  }
  if (failed.length > 0) throw new SetupError(`Failed: ${failed.join(', ')}.`, []);
});
