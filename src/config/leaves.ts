// The kinds of value that a setting may have, each with the words that tell a person what is allowed.

import { isIP } from 'node:net';
import { z } from 'zod';
import { Secret } from '../observe/secret.ts';

/** What of a setting is not in its type: `allowed` ends the sentence "… is not allowed: it is …". */
interface About {
  readonly allowed: string;
  /** What was given is never shown. */
  readonly secret?: boolean;
}

const about = z.registry<About>();

export const aboutLeaf = (schema: z.ZodType): About => about.get(schema) ?? { allowed: 'something else' };

const leaf = <S extends z.ZodType>(schema: S, allowed: string, secret = false): S => {
  about.add(schema, { allowed, secret });
  return schema;
};

/** `null` in YAML: not set. */
const unset = <S extends z.ZodType>(schema: S) => schema.nullable().transform((value) => value ?? undefined);

export const wholeNumber = (low: number, high: number) =>
  leaf(z.int().min(low).max(high), `a whole number from ${low} to ${high}`);

export const flag = () => leaf(z.boolean(), 'true or false');

export const word = <const W extends readonly [string, ...string[]]>(...words: W) =>
  leaf(z.enum(words), `one of ${words.join(', ')}`);

export const autoFlag = () => leaf(z.union([z.literal('auto'), z.boolean()]), 'true, false or auto');

const pathText = z
  .string()
  .min(1)
  .max(4_096)
  .refine((text) => !text.includes('\0'));

export const path = () => leaf(pathText, 'a path');

export const optionalPath = () => leaf(unset(pathText), 'a path, or null');

/** RFC 1123 §2.1: letters, digits and hyphens, at most 253 characters. */
const hostName = /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*$/i;
const isHost = (text: string): boolean => isIP(text) !== 0 || hostName.test(text);

export const host = () => leaf(z.string().refine(isHost), 'an IP address or a host name');

export const optionalHost = () =>
  leaf(unset(z.string().refine(isHost)), 'an IP address or a host name, or null');

export const ipAddress = () =>
  leaf(
    z.string().refine((text) => isIP(text) !== 0),
    'an IP address',
  );

const asOrigin = (text: string): string | null => {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  return url.href === `${url.origin}/` ? url.origin : null;
};

export const optionalOrigin = () =>
  leaf(
    unset(z.string().refine((text) => asOrigin(text) !== null)).transform((text) =>
      text === undefined ? undefined : (asOrigin(text) ?? undefined),
    ),
    'an http:// or https:// URL without a path, or null',
  );

const networkNames = new Set(['loopback', 'linklocal', 'uniquelocal']);

const isNetwork = (text: string): boolean => {
  if (networkNames.has(text)) return true;
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
};

export const networks = () =>
  leaf(
    z.array(z.string().refine(isNetwork)).max(64),
    'a list of IP addresses, networks as 10.0.0.0/8, loopback, linklocal or uniquelocal',
  );

/** RFC 7064, RFC 7065; no user, no path. */
const iceUrl = /^(?:stuns?|turns?):[\w.-]{1,253}(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?$/;

export const iceUrls = () =>
  leaf(
    z.array(z.string().regex(iceUrl)).max(8),
    'a list of URLs as turn:turn.example.org:3478?transport=udp, turns:… or stun:…',
  );

/** Characters of the shortest secret that is taken: of 64 letters and digits, 192 bits. */
export const shortestSecret = 32;

export const optionalSecret = () =>
  leaf(
    unset(
      z
        .string()
        .min(shortestSecret)
        .max(1_024)
        .regex(/^[\x21-\x7e]+$/),
    ).transform((text) => (text === undefined ? undefined : new Secret(text))),
    `at least ${shortestSecret} printable ASCII characters without spaces, or null`,
    true,
  );
