// One socket to the tests' server: who comes over it, and what it is answered.

import type { WebSocket } from 'ws';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import type { Role } from '../../src/protocol/names.ts';
import type { Method } from '../../src/protocol/signaling.ts';
import type { Member } from './member.ts';
import type { Refused } from './serverOptions.ts';

export interface Answering {
  readonly id: number;
  readonly member: Member;
  readonly method: Method;
  readonly ask: unknown;
  readonly answer: unknown;
}

export interface Visit {
  readonly socket: WebSocket;
  member: Member | null;
  /** For one resume. */
  challenge: Uint8Array | null;
}

export const refusal = (id: number, { code, retryAfterMs }: Refused): string =>
  JSON.stringify({ id, ok: false, error: { code, message: code, retryAfterMs } });

export const claimsIn = (token: string): { name: string; role: Role } => {
  const bytes = fromBase64Url(token.split('.')[1] ?? '') ?? new Uint8Array();
  return JSON.parse(new TextDecoder().decode(bytes)) as { name: string; role: Role };
};
