import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorCodes } from '../../src/protocol/errors.ts';
import { admissionExports, keyMessageTypes } from '../../src/protocol/keyMessages.ts';
import { endReasons } from '../../src/protocol/names.ts';
import { clientNotices, requests, serverNotices } from '../../src/protocol/signaling.ts';
import { limits, timers } from '../../src/protocol/timers.ts';

const text = readFileSync(new URL('../../src/protocol/PROTOCOL.md', import.meta.url), 'utf8');

/** Rows of the table whose heading row begins with these cells, as cells without back quotes. */
const table = (...heading: string[]): string[][] => {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading.join(' | ')} |`));
  assert.notEqual(start, -1, `no table headed ${heading.join(', ')}`);
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const cells = line.split('|').slice(1, -1);
    rows.push(cells.map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')));
  }
  return rows;
};

const number = (cell: string | undefined): number => Number(cell?.replaceAll(',', ''));

/** The names that a list of fields gives: what follows a name (in parentheses, after a colon) explains it. */
const fieldNames = (cell: string | undefined): string[] =>
  (cell ?? '')
    .replaceAll(/\([^)]*\)/g, '')
    .replace(/:.*$/, '')
    .split(',')
    .map((field) => field.trim().replace(/\?$/, ''))
    .filter((field) => field !== '');

const shapeOf = (schema: { shape: object }): string[] => Object.keys(schema.shape);

describe('PROTOCOL.md says what the code does', () => {
  it('lists every error code with who erred, the status and the sentence', () => {
    const rows = table('code', 'by', 'HTTP', 'meaning').map(([code, by, status, meaning]) => [
      code,
      { by, status: number(status), text: meaning },
    ]);
    assert.deepEqual(Object.fromEntries(rows), errorCodes);
  });

  it('lists every timer with its default and the price of changing it', () => {
    const rows = table('timer', 'default').map(([name, value, price]) => [
      name,
      { default: number(value), price },
    ]);
    assert.deepEqual(Object.fromEntries(rows), timers);
  });

  it('lists every limit', () => {
    const rows = table('limit', 'value').map(([name, value]) => [name, number(value)]);
    assert.deepEqual(Object.fromEntries(rows), limits);
  });

  it('lists every request with the fields asked and answered', () => {
    const rows = table('method', 'data', 'answer').map(([method, data, answer]) => [
      method,
      fieldNames(data),
      fieldNames(answer),
    ]);
    const real = Object.entries(requests).map(([method, { ask, answer }]) => [
      method,
      shapeOf(ask),
      shapeOf(answer),
    ]);
    assert.deepEqual(rows, real);
  });

  it('lists every notice of client and server with its fields', () => {
    const [client, server] = text.split('### Notices of the server');
    assert.ok(client !== undefined && server !== undefined);
    const rowsOf = (part: string) =>
      part
        .slice(part.lastIndexOf('| notice |') + 1)
        .match(/^\| `\w+` \|.*$/gm)
        ?.map((row) => row.split('|').slice(1, 3)) ?? [];
    const read = (part: string) =>
      rowsOf(part).map(([name, data]) => [name?.trim().replaceAll('`', ''), fieldNames(data)]);
    const shapes = (notices: Record<string, { shape: object }>) =>
      Object.entries(notices).map(([name, schema]) => [name, shapeOf(schema)]);
    assert.deepEqual(read(client), shapes(clientNotices));
    assert.deepEqual(read(server.split('\n`ended`')[0] ?? ''), shapes(serverNotices));
  });

  it('names every reason for an end, every type of key message and every export label', () => {
    const reasons = /^`ended` has one of the reasons: (.*)\.$/m
      .exec(text)?.[1]
      ?.split(', ')
      .map((reason) => reason.replaceAll('`', ''));
    assert.deepEqual(reasons, endReasons);
    const types = table('message', 'type', 'fields').map(([name, type]) => [name, number(type)]);
    assert.deepEqual(Object.fromEntries(types), keyMessageTypes);
    for (const label of Object.values(admissionExports)) assert.ok(text.includes(`\`${label}\``), label);
  });
});
