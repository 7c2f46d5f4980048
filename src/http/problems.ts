// Every HTTP error as problem details (RFC 9457), with the protocol's stable code and never more than whoever erred may know.

import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';

export const problemType = 'application/problem+json';

/** What of a body is wrong, and where. */
export interface FieldProblem {
  /** As `cnf.jwk.x`; empty for the body itself. */
  readonly field: string;
  readonly message: string;
}

const fieldProblems = new WeakMap<LatchkeyError, readonly FieldProblem[]>();

const fieldProblemsOf = ({ path, message, ...issue }: z.core.$ZodIssue): FieldProblem[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => ({ field: [...path, key].join('.'), message: 'there is no such field' }))
    : [{ field: path.join('.'), message }];

/** What `schema` makes of `value`. @throws LatchkeyError `malformed`, with a list of what is wrong where. */
export const parseFields = <S extends z.ZodType>(schema: S, value: unknown): z.output<S> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(fieldProblemsOf);
  const error = new LatchkeyError('malformed', 'the request has fields that are missing, wrong or unknown');
  fieldProblems.set(error, problems);
  throw error;
};

/** Errors of express and its body parser carry a status; their messages may quote what was sent. */
const fromStatus = (status: number): LatchkeyError | null => {
  if (status === 413) return new LatchkeyError('too_large', 'the body is larger than allowed');
  if (status === 404) return new LatchkeyError('not_found');
  if (status >= 400 && status < 500)
    return new LatchkeyError('malformed', 'the request cannot be understood');
  return null;
};

const toError = (thrown: unknown): LatchkeyError => {
  const status: unknown = thrown instanceof Error ? Reflect.get(thrown, 'status') : undefined;
  const ofClient = thrown instanceof LatchkeyError || typeof status !== 'number' ? null : fromStatus(status);
  return ofClient ?? toLatchkeyError(thrown);
};

export const sendProblem = (response: Response, error: LatchkeyError): void => {
  const { status, code, message } = error;
  const errors = fieldProblems.get(error);
  response
    .status(status)
    .type(problemType)
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: STATUS_CODES[status] ?? 'Error',
        status,
        detail: message,
        code,
        ...(errors === undefined ? {} : { errors }),
      }),
    );
};

export const noSuchRoute: RequestHandler = () => {
  throw new LatchkeyError('not_found');
};

/** The last handler: whatever was thrown or rejected above. */
export const answerProblems =
  (log: Logger): ErrorRequestHandler =>
  (thrown: unknown, _request, response, _next) => {
    const error = toError(thrown);
    if (error.by === 'internal') log.error({ event: 'http.failed', err: thrown }, 'a request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // RFC 9110 §11.6.1: a 401 says how to authenticate.
    if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    sendProblem(response, error);
  };
