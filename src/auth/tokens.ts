// Tokens: who may join which meeting, as what, until when. JWTs (RFC 7519) under HS256 with a key of their own, which signs
// nothing else and from which no media key is derived. Best practices of RFC 8725: one algorithm, an explicit type, issuer
// and audience checked, claims of exactly one shape.
//
// A token names its meeting's id. Ids are random and never given twice, so a token dies with its meeting, and a server that
// was started again, which knows neither old meetings nor which of their tokens were spent, admits nobody by one.

import { randomBytes } from 'node:crypto';
import { SignJWT, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { lengths, roles } from '../protocol/names.ts';
import type { Role } from '../protocol/names.ts';
import { limits } from '../protocol/timers.ts';
import type { Secret } from '../observe/secret.ts';
import { SpentTokens } from './spentTokens.ts';

export const tokenIssuer = 'latchkey';
export const tokenAudience = 'latchkey/join';
const tokenType = 'latchkey+jwt';
const algorithm = 'HS256';
/** RFC 7518 §3.2: at least as long as the hash. */
export const tokenKeyBytes = 32;
/** Characters of a token, as in the join request; base64url of a name of 80 characters at its longest is well below. */
const longestToken = 4_096;

/** RFC 7515 §7.1. jose takes several spellings of the last character; a token of ours has one. */
const isCompact = (token: string): boolean => {
  const parts = token.split('.');
  return parts.length === 3 && parts.every((part) => fromBase64Url(part) !== null);
};

const isKey = (text: string): boolean => fromBase64Url(text)?.length === lengths.publicKey;

/** RFC 7800 §3.2 with RFC 8037's OKP key: nothing but the public half. */
export const confirmationSchema = z.strictObject({
  jwk: z.strictObject({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    x: z.string().max(64).refine(isKey, 'base64url of 32 bytes'),
  }),
});
export type Confirmation = z.infer<typeof confirmationSchema>;

/** A name as people may see it: no control characters, nothing that turns the direction of the text around it. */
export const displayName = z
  .string()
  .min(1)
  .max(limits.nameLength)
  .refine((text) => text.trim() === text && text.isWellFormed(), 'no spaces around it, no lone surrogates')
  .refine((text) => !/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u.test(text), 'no control characters');

const claimsSchema = z.strictObject({
  iss: z.literal(tokenIssuer),
  aud: z.literal(tokenAudience),
  meeting: z.string().min(1).max(64),
  name: displayName,
  role: z.enum(roles),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().min(1).max(64),
  cnf: confirmationSchema.optional(),
});

export interface TokenClaims {
  /** `jti`: stands in the admission, and is spent by joining. */
  readonly tokenId: string;
  /** Its id. */
  readonly meeting: string;
  readonly name: string;
  readonly role: Role;
  /** Seconds since 1970. */
  readonly expiresAtSeconds: number;
  readonly confirmation?: Confirmation | undefined;
}

export interface TokenRequest {
  /** Its id. */
  readonly meeting: string;
  readonly name: string;
  readonly role: Role;
  readonly ttlSeconds?: number | undefined;
  readonly confirmation?: Confirmation | undefined;
}

export interface TokenSettings {
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

export class TokenService {
  readonly #key: Secret;
  readonly #settings: TokenSettings;
  readonly #nowMs: () => number;
  readonly #spent: SpentTokens;

  /** `nowMs`: wall time, since expiry is. */
  constructor(key: Secret, settings: TokenSettings, nowMs: () => number = Date.now) {
    if (key.reveal().length !== tokenKeyBytes) throw new RangeError(`"key" expected ${tokenKeyBytes} bytes`);
    this.#key = key;
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#spent = new SpentTokens();
  }

  /** @throws LatchkeyError `malformed` where the time to live is longer than allowed. */
  async issue(request: TokenRequest): Promise<{ token: string; tokenId: string; expiresAt: Date }> {
    const { defaultTtlSeconds, maxTtlSeconds } = this.#settings;
    const ttlSeconds = request.ttlSeconds ?? defaultTtlSeconds;
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > maxTtlSeconds) {
      throw new LatchkeyError('malformed', `ttl: a whole number of seconds from 1 to ${maxTtlSeconds}`);
    }
    const issuedAt = Math.floor(this.#nowMs() / 1_000);
    const claims = claimsSchema.parse({
      iss: tokenIssuer,
      aud: tokenAudience,
      meeting: request.meeting,
      name: request.name,
      role: request.role,
      iat: issuedAt,
      exp: issuedAt + ttlSeconds,
      jti: toBase64Url(randomBytes(16)),
      ...(request.confirmation === undefined ? {} : { cnf: request.confirmation }),
    });
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: algorithm, typ: tokenType })
      .sign(this.#key.reveal());
    return { token, tokenId: claims.jti, expiresAt: new Date(claims.exp * 1_000) };
  }

  /**
   * What the token says, if it is ours, in time and, where `meeting` is given, for that meeting. Does not spend it.
   * @throws LatchkeyError `token_missing`, `token_invalid`, `token_expired`, `token_foreign`
   */
  async verify(token: string, meeting?: string): Promise<TokenClaims> {
    if (token === '') throw new LatchkeyError('token_missing');
    const claims = await this.#open(token);
    if (meeting !== undefined && claims.meeting !== meeting) throw new LatchkeyError('token_foreign');
    return claims;
  }

  /**
   * Marks the token as used: synchronous, so that of two joins with one token one is refused whatever they await.
   * @throws LatchkeyError `token_replayed`; `token_expired`; `rate_limited` where more are in use than can be remembered.
   */
  spend(claims: TokenClaims): void {
    this.#spent.spend(claims, Math.floor(this.#nowMs() / 1_000));
  }

  /** The meeting is over: its tokens are refused without being remembered. */
  forgetMeeting(meeting: string): void {
    this.#spent.forgetMeeting(meeting);
  }

  async #open(token: string): Promise<TokenClaims> {
    if (token.length > longestToken || !isCompact(token)) throw new LatchkeyError('token_invalid');
    let payload: unknown;
    try {
      const verified = await jwtVerify(token, this.#key.reveal(), {
        algorithms: [algorithm],
        typ: tokenType,
        issuer: tokenIssuer,
        audience: tokenAudience,
        currentDate: new Date(this.#nowMs()),
      });
      payload = verified.payload;
    } catch (cause) {
      // The signature is checked before the claims: an expired token is one that we made. jose's error carries the
      // payload, which is no business of a log: the cause ends here.
      throw new LatchkeyError(cause instanceof errors.JWTExpired ? 'token_expired' : 'token_invalid');
    }
    const parsed = claimsSchema.safeParse(payload);
    if (!parsed.success) throw new LatchkeyError('token_invalid');
    const { jti, meeting, name, role, exp, cnf } = parsed.data;
    return {
      tokenId: jti,
      meeting,
      name,
      role,
      expiresAtSeconds: exp,
      ...(cnf === undefined ? {} : { confirmation: cnf }),
    };
  }
}
