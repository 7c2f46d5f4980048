// What is published works: packed from this tree, installed by a plain `npm install` in an empty folder, served, used as a library.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot, requirePackage } from '../../deploy/setup/places.mjs';
import { findWorker } from '../../deploy/worker/obtain.mjs';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'latchkey-pack-'));
const source = join(folder, 'source');
const user = join(folder, 'user');

/** This tree as git would clone it, changes included; what npm installed is shared. */
const copyTree = (): void => {
  const options = { cwd: projectRoot, encoding: 'utf8' } as const;
  const files = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    options,
  );
  for (const file of new Set(files.split('\0'))) {
    if (file !== '' && existsSync(join(projectRoot, file)))
      cpSync(join(projectRoot, file), join(source, file));
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(source, 'node_modules'));
};

/** As a person's shell would have it: nothing of ours on the path, no worker named, the system's Node where there is one. */
const userEnvironment = (): NodeJS.ProcessEnv => {
  const { MEDIASOUP_WORKER_BIN: _, ...env } = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
  );
  const node = dirname(process.env['npm_node_execpath'] ?? process.execPath);
  return {
    ...env,
    PATH: [node, ...(env['PATH'] ?? '').split(':').filter((entry) => !entry.includes('node_modules'))].join(
      ':',
    ),
    npm_config_prefer_offline: 'true',
    LATCHKEY_HTTP_PORT: '0',
    LATCHKEY_MEDIA_PORT_BASE: '0',
    LATCHKEY_MEDIA_WORKERS: '1',
    LATCHKEY_LOG_PRETTY: 'false',
    LATCHKEY_DATA_DIRECTORY: join(folder, 'data'),
  };
};

interface Serving {
  readonly child: ChildProcess;
  readonly url: string;
  /** Resolves when every process that held its output is gone. */
  readonly closed: Promise<unknown>;
}

const serve = async (t: TestContext, command: string, args: readonly string[]): Promise<Serving> => {
  const child = spawn(command, args, {
    cwd: user,
    env: userEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const lines: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        const found = /Open a meeting: (http:\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    child.once('close', () => reject(new Error(`ended before it was ready:\n${lines.join('\n')}`)));
  });
  t.after(() => child.kill('SIGTERM'));
  return { child, url, closed };
};

suite('the published package', () => {
  before(async () => {
    copyTree();
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: source,
      env: userEnvironment(),
    });
    // The set-up's messages stay off stdout, or this is no JSON.
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    cpSync(join(folder, filename), join(user, 'latchkey.tgz'));
    await run('npm', ['install', './latchkey.tgz'], { cwd: user, env: userEnvironment() });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('holds what it needs to run and nothing else', () => {
    const installed = join(user, 'node_modules', 'latchkey');
    const inside = ['LICENSE', 'bin', 'config', 'deploy', 'dist', 'package.json'];
    assert.deepEqual(
      inside.filter((name) => !existsSync(join(installed, name))),
      [],
    );
    assert.deepEqual(
      readdirSync(installed).filter((name) => ['src', 'test', '.ci', 'node_modules'].includes(name)),
      [],
    );
    assert.equal(existsSync(join(user, 'node_modules', 'mediasoup')), false);
  });
  test('serves, and ends with code 0 on SIGTERM', async (t) => {
    assert.ok(findWorker(projectRoot) !== undefined, 'no worker here: npm test makes one');
    const serving = await serve(t, join(user, 'node_modules/.bin/latchkey'), ['serve']);
    const answer = await fetch(new URL('/healthz', serving.url));
    assert.equal(answer.status, 200);
    const sdk = await fetch(new URL('/sdk/latchkey.js', serving.url));
    assert.match(sdk.headers.get('content-type') ?? '', /javascript/);
    serving.child.kill('SIGTERM');
    assert.deepEqual(await serving.closed, [0, null]);
  });
  test('leaves nothing running when npx, which started it, is told to end', async (t) => {
    const serving = await serve(t, 'npx', ['latchkey', 'serve']);
    serving.child.kill('SIGTERM');
    await serving.closed;
    await assert.rejects(fetch(new URL('/healthz', serving.url)), TypeError);
  });
  test('is a library with types', async () => {
    const program = [
      "import { joinMeeting, LatchkeyError } from 'latchkey/client';",
      "import type { Meeting } from 'latchkey/client';",
      'export const join = (token: string): Promise<Meeting> => joinMeeting({ url: location.origin, token });',
      'export const idOf = (meeting: Meeting): string => meeting.id;',
      '// @ts-expect-error: types are there, or this were no mistake',
      'export const wrong: number = joinMeeting;',
      'export { LatchkeyError };',
    ];
    writeFileSync(join(user, 'page.ts'), program.join('\n'));
    const tsc = join(requirePackage('typescript'), 'bin', 'tsc');
    for (const resolution of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ] as const) {
      const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
      const how = ['--module', resolution[0], '--moduleResolution', resolution[1]];
      await run(process.execPath, [tsc, ...options, ...how, 'page.ts'], { cwd: user });
    }
    const files = ['latchkey/client', 'latchkey/client/sframeWorker.js'].map(
      (name) => `import.meta.resolve('${name}')`,
    );
    writeFileSync(join(user, 'resolve.mjs'), `console.log([${files.join(', ')}].join('\\n'))`);
    const { stdout } = await run(process.execPath, ['resolve.mjs'], { cwd: user });
    for (const url of stdout.trim().split('\n')) assert.ok(existsSync(new URL(url)), url);
  });
});
