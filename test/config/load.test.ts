import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigSources } from '../../src/config/load.ts';
import { settings } from '../../src/config/schema.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
const yaml = (text: string, mode = 0o600): string => {
  const file = join(folder, `${files++}.yaml`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
};

const problemOf = (sources: ConfigSources, code = 'config_invalid'): string => {
  try {
    loadConfig(sources);
  } catch (thrown) {
    assert.ok(thrown instanceof LatchkeyError, String(thrown));
    assert.equal(thrown.code, code);
    return thrown.message;
  }
  return assert.fail('accepted');
};

const withVariables = (environment: Record<string, string>): ConfigSources => ({ environment });

test('a variable is the path in capitals: LATCHKEY_HTTP_PORT sets http.port', () => {
  const { http, media, timers, log } = loadConfig(
    withVariables({
      LATCHKEY_HTTP_PORT: '9090',
      LATCHKEY_HTTP_TLS_CERT_FILE: '/tls/cert.pem',
      LATCHKEY_HTTP_TLS_KEY_FILE: '/tls/key.pem',
      LATCHKEY_HTTP_TRUSTED_PROXIES: 'loopback, 10.0.0.0/8',
      LATCHKEY_HTTP_PUBLIC_URL: 'https://Meet.Example.org/',
      LATCHKEY_MEDIA_ANNOUNCED_ADDRESS: '203.0.113.7',
      LATCHKEY_TIMERS_ACK_DEADLINE_MS: '2500',
      LATCHKEY_LOG_PRETTY: 'false',
      HTTP_PORT: '1',
    }),
  );
  assert.equal(http.port, 9_090);
  assert.deepEqual({ ...http.tls }, { certFile: '/tls/cert.pem', keyFile: '/tls/key.pem' });
  assert.deepEqual(http.trustedProxies, ['loopback', '10.0.0.0/8']);
  assert.equal(http.publicUrl, 'https://meet.example.org');
  assert.equal(media.announcedAddress, '203.0.113.7');
  assert.equal(timers.ackDeadlineMs, 2_500);
  assert.equal(log.pretty, false);
});

test('no two settings share a variable', () => {
  assert.equal(new Set(settings.map(({ variable }) => variable)).size, settings.length);
});

test('the environment wins over the file, the file over the defaults, empty sections and variables set nothing', () => {
  const file = yaml('http:\n  port: 8081\n  host: 127.0.0.2\nlog:\nmedia:\n  workerBinary: /w\n');
  const { http, log, media } = loadConfig({
    file,
    environment: { LATCHKEY_HTTP_PORT: '8082', LATCHKEY_MEDIA_WORKER_BINARY: '' },
  });
  assert.equal(http.port, 8_082);
  assert.equal(http.host, '127.0.0.2');
  assert.equal(log.level, 'info');
  assert.equal(media.workerBinary, undefined);
});

test('LATCHKEY_CONFIG names the file where no option does', () => {
  const file = yaml('http: { port: 8081 }');
  const other = yaml('http: { port: 8082 }');
  assert.equal(loadConfig({ environment: { LATCHKEY_CONFIG: file } }).http.port, 8_081);
  assert.equal(loadConfig({ file: other, environment: { LATCHKEY_CONFIG: file } }).http.port, 8_082);
});

test('what a program sets itself wins over all', () => {
  const { http } = loadConfig({
    environment: { LATCHKEY_HTTP_PORT: '8082' },
    overrides: { http: { port: 0 } },
  });
  assert.equal(http.port, 0);
});

test('settings cannot be changed once they are read', () => {
  const config = loadConfig();
  assert.throws(() => Object.assign(config.http, { port: 1 }), TypeError);
});

test('a wrong value stops the start with its path, what was given, where it came from and what is allowed', () => {
  assert.equal(
    problemOf(withVariables({ LATCHKEY_HTTP_PORT: '99999' })),
    'http.port: 99999 is not allowed (from LATCHKEY_HTTP_PORT); allowed: a whole number from 0 to 65535',
  );
  assert.equal(
    problemOf({ file: yaml('log:\n  level: loud\n') }),
    'log.level: "loud" is not allowed; allowed: one of trace, debug, info, warn, error, fatal, silent',
  );
});

test('all that is wrong is said at once', () => {
  const problem = problemOf({
    file: yaml('http: { port: eighty }\ndata: { directory: 3 }'),
    environment: { LATCHKEY_LIMITS_MEETINGS: '0' },
  });
  assert.deepEqual(
    problem.split('\n').map((line) => line.split(':')[0]),
    ['http.port', 'data.directory', 'limits.meetings'],
  );
});

for (const [path, values] of Object.entries({
  'http.port': [-1, 1.5, '080x', true, null, 65_536],
  'http.host': ['', 'two words', 'http://127.0.0.1', 7],
  'http.publicUrl': [
    'meet.example.org',
    'ftp://meet.example.org',
    'https://meet.example.org/path',
    'https://u:p@m.org',
  ],
  'http.trustedProxies': ['loopback', ['10.0.0.0/33'], ['::/129'], ['somewhere'], [7]],
  'api.pageOverLoopback': ['yes', 1],
  'data.directory': ['', 'a\0b'],
  'log.pretty': ['always'],
  'tokens.defaultTtlSeconds': [0, '1h', 90_000],
  'media.listenIp': ['localhost', '127.0.0.256', '0.0.0.0', '::'],
  'media.portBase': [65_536, -1],
  'custodian.slots': [0, 'many'],
  'timers.ackDeadlineMs': [0, -5, 1e9, '2s'],
  'timers.receiverGraceMs': [2_000],
  'timers.ackDeadlineEvictedMs': [2_001],
  'timers.confirmGraceEvictedMs': [2_001],
  'timers.epochLifeMs': [300_000],
})) {
  test(`${path} refuses ${values.map((value) => JSON.stringify(value)).join(', ')}`, () => {
    for (const value of values) {
      const overrides = path
        .split('.')
        .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
      // What 0.0.0.0 lacks is the address to announce instead.
      const named = value === '0.0.0.0' || value === '::' ? 'media.announcedAddress' : path;
      const problem = problemOf({ overrides });
      assert.ok(problem.startsWith(`${named}: `), problem);
      assert.match(problem, /; allowed: ./);
    }
  });
}

test('ports for every worker must fit below 65536', () => {
  assert.match(
    problemOf({ overrides: { media: { portBase: 65_535, workers: 2 } } }),
    /^media\.portBase: 65535 /,
  );
  assert.equal(loadConfig({ overrides: { media: { portBase: 65_534, workers: 2 } } }).media.portBase, 65_534);
});

test('certificate and key come together', () => {
  const http = { tls: { certFile: '/tls/cert.pem' } };
  assert.match(problemOf({ overrides: { http } }), /^http\.tls: .*certFile and keyFile/);
});

test('unknown settings and variables are refused, with the nearest that there is', () => {
  assert.equal(
    problemOf({ file: yaml('http: { prot: 1 }\nhtpt: {}\n') }),
    'http.prot: there is no such setting; the nearest is http.port\nhtpt: there is no such setting; the nearest is http',
  );
  assert.equal(
    problemOf(withVariables({ LATCHKEY_HTTP_PROT: '1' })),
    'LATCHKEY_HTTP_PROT: sets nothing; the nearest is LATCHKEY_HTTP_PORT',
  );
  assert.equal(problemOf(withVariables({ LATCHKEY_Q: '1' })), 'LATCHKEY_Q: sets nothing');
});

test("the set-up's own variables are no settings and no mistakes", () => {
  assert.equal(
    loadConfig(withVariables({ LATCHKEY_WORKER: 'build', LATCHKEY_TEST_X: '1' })).http.port,
    8_080,
  );
});

const secret = 'not-to-be-shown-0123456789-abcdefgh';

test('a secret is taken, shows itself nowhere, and may be given in one place only', () => {
  const config = loadConfig(withVariables({ LATCHKEY_API_SECRET: secret }));
  assert.ok(config.api.secret?.equals(secret));
  assert.ok(!inspect(config, { depth: null, showHidden: true }).includes(secret));
  assert.ok(!JSON.stringify(config).includes(secret));
  const twice = withVariables({ LATCHKEY_API_SECRET: secret, LATCHKEY_API_SECRET_FILE: '/s' });
  assert.match(problemOf(twice), /^api\.secret: .*either secret or secretFile/);
});

test('no error shows a secret, whatever is wrong with it or around it', () => {
  const short = secret.slice(0, 31);
  const problems = [
    problemOf(withVariables({ LATCHKEY_API_SECRET: short })),
    problemOf({ file: yaml(`api:\n  secret: ${short}\n`) }),
    problemOf({ file: yaml(`api: ${short}\n`) }),
    problemOf({ file: yaml(`${short}\n`) }),
    problemOf({ file: yaml(`api:\n  secret: [${short}]\n`) }),
    problemOf({ file: yaml(`api:\n  secret: ${short}\n  secret: ${short}\n`) }),
    problemOf({ file: yaml(`api:\n  secret: "${short}\n port: [\n`) }),
  ];
  for (const problem of problems) assert.ok(!problem.includes(short), problem);
});

test('a file that holds the secret and that others can read is refused; one without is not', () => {
  assert.match(
    problemOf({ file: yaml(`api: { secret: ${secret} }`, 0o644) }, 'file_too_open'),
    /mode 0644.*chmod 600/,
  );
  assert.equal(loadConfig({ file: yaml('http: { port: 1 }', 0o644) }).http.port, 1);
});

test('a file that is missing, no mapping, not YAML, or full of aliases is named', () => {
  for (const file of [
    join(folder, 'missing.yaml'),
    yaml('- a list'),
    yaml('a: [1'),
    yaml('a: &a [1]\nb: [*a, *a]'),
  ]) {
    assert.ok(problemOf({ file }).startsWith(`${file}: `));
  }
});

test('__proto__ is an unknown setting like any other', () => {
  assert.match(
    problemOf({ file: yaml('__proto__: { polluted: true }') }),
    /^__proto__: there is no such setting/,
  );
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});
