// The command line as somebody types it: a process, its output, its exit code.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { packageFolder, packageVersion } from '../../src/config/package.ts';
import { settings } from '../../src/config/schema.ts';
import { exitCodes } from '../../src/exitCodes.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const top = mkdtempSync(join(tmpdir(), 'latchkey-cli-'));
after(() => rmSync(top, { recursive: true }));

let folder = top;
beforeEach(() => {
  folder = mkdtempSync(join(top, 'test-'));
});

/** This process' environment without settings: what is set around the tests is not what is tried. */
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !settings.some(({ variable }) => variable === name)),
);

const start = (args: readonly string[], variables: Record<string, string> = {}, nodeArgs: string[] = []) => {
  const child = spawn(process.execPath, [...nodeArgs, main, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A server that hangs fails its test instead of holding up all.
    timeout: 60_000,
    killSignal: 'SIGKILL',
    env: { ...inherited, LATCHKEY_HTTP_PORT: '0', LATCHKEY_MEDIA_PORT_BASE: '0', ...variables },
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const url = /^Latchkey is ready.* (http\S+)$/m.exec(output.out)?.[1];
      if (url !== undefined) resolve(url);
    });
    void ended.then((code) => reject(new Error(`ended with ${code}: ${output.out}${output.err}`)));
  });
  return { child, output, ended, ready };
};

const run = async (args: readonly string[], variables: Record<string, string> = {}) => {
  const { output, ended, ready } = start(args, variables);
  ready.catch(() => undefined);
  return { code: await ended, ...output };
};

test('--version prints the version', async () => {
  assert.deepEqual(await run(['--version']), { code: 0, out: `${packageVersion}\n`, err: '' });
});

test('--help names the commands, examples and every exit code of theirs', async () => {
  const { ok, unmet, usage, broken, noInput, unavailable, failed, unfinished, misconfigured } = exitCodes;
  const helps = [
    [['--help'], /latchkey serve --config production\.yaml/, Object.values(exitCodes)],
    [['serve', '--help'], /latchkey serve --config production\.yaml/, [ok, usage, failed, misconfigured]],
    [
      ['ledger', 'verify', '--help'],
      /latchkey ledger verify --key KEY meeting\.jsonl/,
      [ok, usage, broken, noInput, unfinished],
    ],
    [
      ['load', '--help'],
      /latchkey load --participants 500 --publishers 5/,
      [ok, unmet, usage, unavailable, failed, misconfigured],
    ],
  ] as const;
  for (const [args, example, codes] of helps) {
    const { code, out, err } = await run(args);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, example);
    const named = [...out.matchAll(/^  (\d+)  /gm)].map(([, exitCode]) => Number(exitCode));
    assert.deepEqual(named, [...codes]);
  }
});

test('a mistake on the command line is explained, and ends with the code for it', async () => {
  const mistakes = [
    [],
    ['sevre'],
    ['serve', '--confgi', 'x'],
    ['serve', '--config'],
    ['serve', 'more'],
    ['ledger'],
    ['ledger', 'verfiy'],
    ['ledger', 'verify'],
    ['ledger', 'verify', 'one', 'two'],
    ['ledger', 'verify', '--key', 'short', 'one'],
    ['load', '--participants', '0'],
    ['load', '--participants', '10', '--publishers', '11'],
    ['load', '--kind', 'webinar'],
    ['load', '--slow', '101%'],
    ['load', '--duration', '60'],
    ['load', '--expect', 'joins.p99<5'],
    ['load', '--secret-file', 'secret'],
    ['load', '--meeting', 'meeting'],
    ['load', '--url', 'meet.example.org'],
  ];
  for (const args of mistakes) {
    const { code, out, err } = await run(args);
    assert.deepEqual([code, out], [exitCodes.usage, ''], args.join(' '));
    assert.match(err, /Usage|latchkey --help tells more/);
  }
});

test('serve runs until it is told to stop; stdout holds the secret once and one link, nothing else', async () => {
  const first = start(['serve']);
  const url = await first.ready;
  assert.equal((await fetch(`${url}readyz`)).status, 200);
  first.child.kill('SIGTERM');
  assert.equal(await first.ended, exitCodes.ok);
  assert.match(first.output.out, /^API secret: [\w-]{43}\nLatchkey is ready\. Open a meeting: http:\S+\n$/);
  const data = join(folder, '.latchkey');
  assert.equal(statSync(data).mode & 0o777, 0o700);

  const second = start(['serve']);
  await second.ready;
  second.child.kill('SIGINT');
  assert.equal(await second.ended, exitCodes.ok);
  assert.match(second.output.out, /^Latchkey is ready\..*\n$/);
  for (const line of second.output.err.trim().split('\n'))
    assert.equal(typeof JSON.parse(line), 'object', line);
});

test('serve takes the file that --config names', async () => {
  const file = join(folder, 'own.yaml');
  writeFileSync(file, `data: { directory: ${join(folder, 'elsewhere')} }\nlog: { level: fatal }\n`);
  const server = start(['serve', '--config', file]);
  await server.ready;
  server.child.kill('SIGTERM');
  assert.equal(await server.ended, exitCodes.ok);
  assert.equal(server.output.err, '');
  assert.ok(statSync(join(folder, 'elsewhere', 'api-secret')).isFile());
});

test('what the operator can mend ends with its own code, in one plain message', async () => {
  const open = join(folder, 'open');
  writeFileSync(open, 's'.repeat(43));
  chmodSync(open, 0o644);
  const cases: readonly (readonly [args: string[], variables: Record<string, string>, message: RegExp])[] = [
    [[], { LATCHKEY_HTTP_PORT: 'eighty' }, /http\.port: "eighty" is not allowed \(from LATCHKEY_HTTP_PORT\)/],
    [[], { LATCHKEY_HTTP_PROT: '1' }, /nearest is LATCHKEY_HTTP_PORT/],
    [['--config', join(folder, 'missing.yaml')], {}, /missing\.yaml: ENOENT/],
    [[], { LATCHKEY_API_SECRET_FILE: open }, /others can use this secret file \(mode 0644\).*file_too_open/],
    [[], { LATCHKEY_DATA_DIRECTORY: '/proc/latchkey' }, /\/proc\/latchkey: cannot be made/],
  ];
  for (const [args, variables, message] of cases) {
    const { code, out, err } = await run(['serve', ...args], variables);
    assert.deepEqual([code, out], [exitCodes.misconfigured, ''], err);
    assert.match(err, message);
    assert.doesNotMatch(err, / {4}at /);
  }
});

test('a secret that was made is shown even where the start fails afterwards', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const port = String((taken.address() as AddressInfo).port);
  const { code, out, err } = await run(['serve'], { LATCHKEY_HTTP_PORT: port });
  taken.close();
  assert.equal(code, exitCodes.misconfigured);
  assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another program`));
  const secret = readFileSync(join(folder, '.latchkey', 'api-secret'), 'utf8').trim();
  assert.equal(out, `API secret: ${secret}\n`);
});

for (const [what, code] of [
  ['an exception that nobody caught', 'throw new Error("nobody caught this")'],
  ['a rejection that nobody caught', 'void Promise.reject(new Error("nobody caught this"))'],
] as const) {
  test(`${what} is logged with its code and ends the server in order, with the code for our mistakes`, async () => {
    // Loaded into the server before it starts: the mistake happens when the test says so.
    const mistake = `data:text/javascript,process.on('SIGUSR2', () => { ${code} })`;
    const server = start(['serve'], {}, ['--import', mistake]);
    await server.ready;
    server.child.kill('SIGUSR2');
    assert.equal(await server.ended, exitCodes.failed);
    const lines = server.output.err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const failed = lines.find(({ event }) => event === 'process.failed');
    assert.equal(failed?.['level'], 'fatal');
    assert.equal(failed['code'], 'internal');
    assert.match(JSON.stringify(failed), /nobody caught this/);
    // In order: what dies because we end it is not reported as lost.
    assert.equal(lines.at(-1)?.['event'], 'server.stopped');
    assert.ok(!lines.some(({ event }) => event === 'custodian.lost' || event === 'worker.died'));
  });
}

test('the example for production is explained where its files are missing', async () => {
  const file = join(packageFolder, 'config', 'production.yaml');
  const { code, err } = await run(['serve', '--config', file], {
    LATCHKEY_DATA_DIRECTORY: folder,
    LATCHKEY_API_SECRET_FILE: join(folder, 'no-secret'),
  });
  assert.equal(code, exitCodes.misconfigured);
  assert.match(err, /no-secret: cannot be read \(ENOENT\)/);
});
