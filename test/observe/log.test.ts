import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import type { Logger } from 'pino';
import { createLog } from '../../src/observe/log.ts';
import type { LogSettings } from '../../src/observe/log.ts';
import { Secret } from '../../src/observe/secret.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const text = 'correct-horse-battery-staple';

const captured = (
  settings: LogSettings = { level: 'info', pretty: false },
): { log: Logger; lines: string[]; last: () => Record<string, unknown> } => {
  const lines: string[] = [];
  const log = createLog(settings, { write: (line) => void lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
};

test('an event is one line of JSON with its name, level, time and fields', () => {
  const { log, lines, last } = captured();
  log.info({ event: 'meeting.created', meeting: 'm-1' }, 'meeting\ncreated');
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.trimEnd().includes('\n'), false);
  const { time, ...rest } = last();
  assert.ok(Number.isFinite(Date.parse(String(time))));
  assert.deepEqual(rest, {
    level: 'info',
    event: 'meeting.created',
    meeting: 'm-1',
    msg: 'meeting\ncreated',
  });
});

test('secrets, keys and bytes are taken out by their type, wherever they stand', () => {
  const { log, lines } = captured();
  const bytes = Buffer.from(text);
  const places = {
    secret: new Secret(text),
    key: createSecretKey(bytes),
    bytes,
    array: new Uint8Array(bytes),
    view: new DataView(new Uint8Array(bytes).buffer),
    nested: { list: [{ secret: new Secret(text) }, bytes] },
    map: new Map([['secret', text]]),
  };
  log.info({ event: 'test.fields', ...places });
  log.child({ ...places }).info({ event: 'test.bindings' });
  log.child({ meeting: 'm-1' }).child(places).info({ event: 'test.bindings' });
  log.info({ event: 'test.format' }, 'with %s and %o', new Secret(text), new Secret(text));
  for (const line of lines) {
    for (const form of [text, bytes.toString('hex'), bytes.toString('base64'), JSON.stringify(bytes)]) {
      assert.ok(!line.includes(form), line);
    }
    assert.ok(!line.includes(bytes.join(',')), line);
    assert.match(line, /\[secret\]/);
  }
  assert.equal(lines.length, 4);
});

test('of an error only name, code, message, stack and causes are written, not what it carries', () => {
  const { log, last } = captured();
  const cause = Object.assign(new Error('refused by the system'), { code: 'EACCES', payload: text });
  log.error({ event: 'test.failed', err: new LatchkeyError('config_invalid', 'no good', { cause }) });
  const written = JSON.stringify(last());
  assert.ok(!written.includes(text));
  const err = last()['err'] as Record<string, unknown>;
  assert.equal(err['code'], 'config_invalid');
  assert.equal((err['cause'] as Record<string, unknown>)['code'], 'EACCES');
});

test('an error alone is written the same way', () => {
  const { log, last } = captured();
  log.error(Object.assign(new Error('alone'), { payload: text }));
  assert.equal(last()['msg'], 'alone');
  assert.ok(!JSON.stringify(last()).includes(text));
});

test('what refers to itself is cut off, not followed for ever', () => {
  const { log, lines } = captured();
  const circle: Record<string, unknown> = {};
  circle['circle'] = circle;
  log.info({ event: 'test.circle', circle });
  assert.match(lines[0] ?? '', /\[deeper\]/);
});

test('below its level nothing is written', () => {
  const { log, lines } = captured({ level: 'warn', pretty: false });
  log.info({ event: 'test.quiet' });
  log.warn({ event: 'test.loud' });
  assert.equal(lines.length, 1);
});

test('for people the event and its message stand in one line, redacted just as well', () => {
  const { log, lines } = captured({ level: 'info', pretty: true });
  log.info({ event: 'meeting.created', secret: new Secret(text) }, 'a meeting');
  const all = lines.join('');
  assert.match(all, /INFO.*meeting\.created a meeting/);
  assert.ok(!all.includes(text));
});
