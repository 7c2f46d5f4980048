// Proof of possession: a token that names a participant's Ed25519 key (`cnf`, RFC 7800) admits only whoever signs the join
// with it. The signature covers the token and the ephemeral X25519 key of this one join, so neither can be swapped.

import { createPublicKey, verify } from 'node:crypto';
import { fromBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { joinSignatureInput } from '../protocol/keyMessages.ts';
import { lengths } from '../protocol/names.ts';
import type { TokenClaims } from './tokens.ts';

export interface SignedJoin {
  /** As it was sent. */
  readonly token: string;
  /** Ed25519, 64 bytes as base64url. */
  readonly signature?: string | undefined;
}

/**
 * A signature that the token does not ask for proves nothing and is not looked at.
 * @param publicKey the participant's ephemeral X25519 key, 32 bytes
 * @throws LatchkeyError `token_unbound`
 */
export const verifyJoinSignature = (
  { confirmation }: Pick<TokenClaims, 'confirmation'>,
  { token, signature: text }: SignedJoin,
  publicKey: Uint8Array,
): void => {
  if (confirmation === undefined) return;
  const signature = text === undefined ? null : fromBase64Url(text);
  if (signature?.length !== lengths.signature) throw new LatchkeyError('token_unbound');
  const { kty, crv, x } = confirmation.jwk;
  let good: boolean;
  try {
    const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
    good = verify(null, joinSignatureInput({ token, publicKey }), key, signature);
  } catch (cause) {
    throw new LatchkeyError('token_unbound', undefined, { cause });
  }
  if (!good) throw new LatchkeyError('token_unbound');
};
