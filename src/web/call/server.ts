// The three requests that the page makes of the HTTP API. The API secret, where a person gave one, lives in this closure
// alone: it ends with the page.

import { isErrorCode, LatchkeyError } from '../../protocol/errors.ts';
import type { Role } from '../../protocol/names.ts';

export interface Server {
  createMeeting(): Promise<string>;
  createToken(meetingId: string, name: string, role: Role): Promise<{ token: string; expiresAt: number }>;
  useSecret(secret: string): void;
  readonly hasSecret: boolean;
}

/** Problem details (RFC 9457) with the protocol's code; what has none came from something between here and the server. */
const errorFrom = async (response: Response): Promise<LatchkeyError> => {
  const body: unknown = await response.json().catch(() => null);
  const code: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'code') : null;
  if (isErrorCode(code)) return new LatchkeyError(code);
  return new LatchkeyError(response.status >= 500 ? 'connection_lost' : 'internal');
};

const textField = (body: unknown, name: string): string => {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : null;
  if (typeof value !== 'string') throw new LatchkeyError('internal');
  return value;
};

export const createServer = (): Server => {
  let authorization: string | null = null;

  const post = async (path: string, body: unknown): Promise<unknown> => {
    const request: RequestInit = {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(authorization === null ? {} : { Authorization: authorization }),
      },
      body: JSON.stringify(body),
      cache: 'no-store',
    };
    const response = await fetch(path, request).catch((cause: unknown) => {
      throw new DOMException(String(cause), 'NetworkError');
    });
    if (response.ok) return response.json();
    const error = await errorFrom(response);
    if (error.code === 'unauthorized') authorization = null; // a wrong one is not tried twice
    throw error;
  };

  return {
    createMeeting: async () => textField(await post('/v1/meetings', {}), 'id'),
    createToken: async (meetingId, name, role) => {
      const body = await post(`/v1/meetings/${encodeURIComponent(meetingId)}/tokens`, { name, role });
      return { token: textField(body, 'token'), expiresAt: Date.parse(textField(body, 'expiresAt')) };
    },
    useSecret: (secret) => {
      // Anything else could not travel in a header (RFC 6750 §2.1), and so is not the secret.
      if (!/^[\x21-\x7e]{1,1024}$/.test(secret)) throw new LatchkeyError('unauthorized');
      authorization = `Bearer ${secret}`;
    },
    get hasSecret() {
      return authorization !== null;
    },
  };
};
