// Who the server says it is: `/.well-known/latchkey.json`. Over https, and unless pinned, its signing key is believed as far as
// the certificate is.

import { z } from 'zod';
import { equalBytes, fromBase64Url } from '../../protocol/bytes.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import { lengths, protocolVersion } from '../../protocol/names.ts';
import { endpoint } from './signaling.ts';

const schema = z.object({ protocol: z.int(), keying: z.literal('server'), signingKey: z.string() });

/**
 * The server's Ed25519 key, 32 bytes.
 * @throws LatchkeyError `connection_lost`, `malformed`, `unsupported_protocol`, `key_message_forged` where it is not `pinned`.
 */
export const fetchSigningKey = async (
  url: string,
  pinned: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> => {
  const identity = schema.safeParse(await fetchJson(endpoint(url, '.well-known/latchkey.json'), signal));
  if (!identity.success) throw new LatchkeyError('malformed', 'this server does not say who it is');
  if (identity.data.protocol !== protocolVersion) throw new LatchkeyError('unsupported_protocol');
  const signingKey = fromBase64Url(identity.data.signingKey);
  if (signingKey?.length !== lengths.publicKey) {
    throw new LatchkeyError('malformed', 'the signing key is not one of Ed25519');
  }
  if (pinned !== undefined && !equalBytes(pinned, signingKey)) {
    throw new LatchkeyError('key_message_forged', 'this is not the server whose key was pinned');
  }
  return signingKey;
};

const fetchJson = async (url: string, signal: AbortSignal): Promise<unknown> => {
  let response: Response;
  try {
    response = await fetch(url, {
      signal,
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new LatchkeyError('connection_lost', 'the server could not be reached', { cause });
  }
  if (!response.ok) throw new LatchkeyError('connection_lost', `the server answered ${response.status}`);
  try {
    return await response.json();
  } catch (cause) {
    signal.throwIfAborted();
    throw new LatchkeyError('malformed', 'this server does not say who it is', { cause });
  }
};
