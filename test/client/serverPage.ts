// What the tests' server answers to plain requests: its identity, and the files of a test.

import type { ServerResponse } from 'node:http';
import { toBase64Url } from '../../src/protocol/bytes.ts';
import type { MeetingServerOptions } from './serverOptions.ts';

export const servePage = (
  { identity, files }: MeetingServerOptions,
  signingKey: Uint8Array,
  path: string,
  response: ServerResponse,
): void => {
  // Pages of every origin may use the server, as the real one lets them.
  response.setHeader('access-control-allow-origin', '*');
  if (path === '/.well-known/latchkey.json') {
    const truth = { protocol: 1, keying: 'server', signingKey: toBase64Url(signingKey) };
    response.end(JSON.stringify({ ...truth, ...identity }));
    return;
  }
  if (files?.(path, response) === true) return;
  response.statusCode = 404;
  response.end();
};
