// What a load asks of a server's HTTP interface, as an application would.

import { z } from 'zod';
import type { Secret } from '../observe/secret.ts';
import { isErrorCode, LatchkeyError } from '../protocol/errors.ts';
import { meetingKinds } from '../protocol/names.ts';
import type { MeetingKind, Role } from '../protocol/names.ts';
import { LoadFailure } from './failure.ts';

/** A kept-alive connection may be closed at its other end in the moment in which it is used again. */
const attempts = 3;
const answerMs = 30_000;

const problem = z.object({ code: z.string(), detail: z.string().optional() });
const meetingAnswer = z.object({ id: z.string(), kind: z.enum(meetingKinds) });
const tokenAnswer = z.object({ token: z.string() });

/** The server has no room now. */
export class Busy extends Error {
  readonly retryAfterMs: number | null;

  constructor(retryAfterMs: number | null) {
    super('busy');
    this.retryAfterMs = retryAfterMs;
  }
}

/** RFC 9110 §10.2.3, in seconds: a date says nothing to clocks that differ. */
const retryAfterOf = (response: Response): number | null => {
  const seconds = response.headers.get('retry-after');
  return seconds !== null && /^\d+$/.test(seconds) ? 1_000 * Number(seconds) : null;
};

const refusal = async (path: string, response: Response): Promise<Error> => {
  const parsed = problem.safeParse(await response.json().catch(() => null));
  const { code, detail } = parsed.success ? parsed.data : { code: '', detail: undefined };
  if (code === 'busy') return new Busy(retryAfterOf(response));
  if (isErrorCode(code)) return new LatchkeyError(code, detail);
  return new LoadFailure('unavailable', `${path}: the server answered ${response.status}`);
};

export class ServerApi {
  readonly #url: string;
  readonly #secret: Secret;

  constructor(url: string, secret: Secret) {
    this.#url = url.replace(/\/*$/, '');
    this.#secret = secret;
  }

  async createMeeting(kind: MeetingKind): Promise<string> {
    const response = await this.#ask('POST', '/v1/meetings', { kind, name: 'Load' });
    return meetingAnswer.parse(await response.json()).id;
  }

  async kindOf(meeting: string): Promise<MeetingKind> {
    const response = await this.#ask('GET', `/v1/meetings/${encodeURIComponent(meeting)}`);
    return meetingAnswer.parse(await response.json()).kind;
  }

  async endMeeting(meeting: string): Promise<void> {
    await this.#ask('DELETE', `/v1/meetings/${meeting}`);
  }

  /** @throws Busy, LatchkeyError with the server's code, as the others do. */
  async token(meeting: string, name: string, role: Role): Promise<string> {
    const response = await this.#ask('POST', `/v1/meetings/${meeting}/tokens`, { name, role });
    return tokenAnswer.parse(await response.json()).token;
  }

  async ledger(meeting: string): Promise<string> {
    return await (await this.#ask('GET', `/v1/meetings/${meeting}/ledger`)).text();
  }

  async metrics(): Promise<string> {
    return await (await this.#ask('GET', '/metrics')).text();
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await this.#fetch(method, path, body);
    if (!response.ok) throw await refusal(path, response);
    return response;
  }

  async #fetch(method: string, path: string, body: unknown): Promise<Response> {
    for (let left = attempts; ; left--) {
      try {
        return await fetch(`${this.#url}${path}`, {
          method,
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${this.#secret.revealText()}`,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(answerMs),
        });
      } catch (cause) {
        if (left <= 1)
          throw new LoadFailure('unavailable', `the server ${this.#url} could not be reached`, { cause });
      }
    }
  }
}
