// What a test may have its server do otherwise.

import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import type { Answer } from '../../src/protocol/signaling.ts';
import type { Member } from './member.ts';

/** What `intercept` answers to have the socket cut instead of an answer sent. */
export const cut = Symbol('cut');

/** … to have no answer sent for now. */
export const held = Symbol('held');

/** … and to have it refused. */
export class Refused {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, retryAfterMs?: number) {
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface MeetingServerOptions {
  readonly automatic?: boolean;
  readonly timers?: Partial<Answer<'join'>['timers']>;
  /** What `/.well-known/latchkey.json` says instead of the truth. */
  readonly identity?: Record<string, unknown>;
  /** Answers before anything else does: an answer, a string to send as it is, `cut`, `held`, `Refused`, or undefined to go on. */
  readonly intercept?: (member: Member, method: string, ask: unknown) => unknown;
  /** That the socket is cut after this was done, instead of an answer sent. */
  readonly loses?: (member: Member, method: string) => boolean;
  /** What a stranger's `challenge` is answered, where that is not a challenge. */
  readonly challenged?: () => typeof cut | Refused | undefined;
  /** Changes what `join` is answered. */
  readonly tamper?: (answer: Answer<'join'>) => Answer<'join'>;
  /** False: it does not say that it speaks `latchkey.1`. */
  readonly subprotocol?: boolean;
  readonly files?: (path: string, response: ServerResponse) => boolean;
}
