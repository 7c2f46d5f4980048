// What every error over HTTP must look like (RFC 9457), whatever it is about.

import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
import { errorCodes } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import type { Answer } from './testServer.ts';

/** Checks its form and code; gives the fields that it complains about. */
export const assertProblem = (answer: Answer, code: ErrorCode, about?: string): string[] => {
  const problem = answer.json();
  assert.equal(problem['code'], code, about ?? answer.text);
  const { status } = errorCodes[code];
  assert.equal(answer.status, status);
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json\b/);
  assert.equal(problem['type'], 'about:blank');
  assert.equal(problem['status'], status);
  assert.equal(problem['title'], STATUS_CODES[status]);
  assert.equal(typeof problem['detail'], 'string');
  const known = new Set(['type', 'title', 'status', 'detail', 'code', 'errors']);
  assert.deepEqual(
    Object.keys(problem).filter((key) => !known.has(key)),
    [],
  );
  const errors = (problem['errors'] ?? []) as { field: string; message: string }[];
  for (const { message } of errors) assert.ok(message.length > 0);
  return errors.map(({ field }) => field);
};
