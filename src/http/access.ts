// Who may use the API: whoever shows its secret, and, for what the page needs, this server's own page over loopback.
//
// The exception lets somebody who started Latchkey on their machine open a meeting by clicking. Every condition below closes
// one way in for somebody else, and all must hold:
//   - the server listens on loopback alone, no public URL and no trusted proxy are configured: nobody was told that
//     anything stands before it; and the peer's address is loopback: no other machine connects directly;
//   - no header of a forwarding proxy, and HTTP/1.1: a proxy on this machine that was not configured also connects from
//     loopback, for strangers. (A tunnel that passes bytes as they come cannot be told from a browser; who runs one for
//     others sets api.pageOverLoopback to false, as production.yaml does, or http.publicUrl.)
//   - Host is a loopback name with our port: in DNS rebinding a stranger's page reaches us under the stranger's name, and a
//     browser lets no page choose Host;
//   - Sec-Fetch-Site is same-origin: a browser sets it, no page can, and it is absent from programs that are not browsers:
//     those have the secret's file to read, or have no business here. Cross-site requests (CSRF) say cross-site; another
//     server on another port of this machine says same-site;
//   - Origin is ours, and is there on everything that changes something: the older sign of the same, checked as well;
//   - no Authorization: who shows a secret is judged by it, so that a wrong one is never accepted.
// Other people with accounts on this machine who run a program of their own can forge all of this: they can make meetings
// and tokens, which ends with api.pageOverLoopback set to false. They can neither end meetings nor list them.

import type { Request, RequestHandler } from 'express';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Secret } from '../observe/secret.ts';
import { isLoopbackAddress, isLoopbackHost } from './loopback.ts';

export interface AccessSettings {
  readonly secret: Secret;
  /** The settings allow the exception; see above. */
  readonly pageOverLoopback: boolean;
}

export interface Access {
  /** Whoever shows the API secret. */
  readonly secret: RequestHandler;
  /** Or this server's own page over loopback. */
  readonly secretOrOwnPage: RequestHandler;
}

const forwarding = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-original-host',
  'cf-connecting-ip',
  'true-client-ip',
] as const;

/** `host:port` as a browser writes it for a server on loopback at this port. */
const isOwnHost = (host: string, scheme: string, port: number | undefined): boolean => {
  const url = URL.parse(`${scheme}://${host}`);
  // What is not plainly a host and a port (a path, a user, a second spelling of either) is not what a browser sends.
  if (url === null || url.host !== host.toLowerCase()) return false;
  const standard = scheme === 'https' ? 443 : 80;
  return isLoopbackHost(url.hostname) && (url.port === '' ? standard : Number(url.port)) === port;
};

const changesNothing = (method: string): boolean => method === 'GET' || method === 'HEAD';

export const isOwnPageOverLoopback = (request: Request): boolean => {
  const { socket, headers, httpVersion, method } = request;
  const scheme = 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http';
  const { host, origin } = headers;
  if (!isLoopbackAddress(socket.remoteAddress) || !isLoopbackAddress(socket.localAddress)) return false;
  if (httpVersion !== '1.1' || forwarding.some((name) => headers[name] !== undefined)) return false;
  if (host === undefined || !isOwnHost(host, scheme, socket.localPort)) return false;
  if (headers['sec-fetch-site'] !== 'same-origin') return false;
  return origin === undefined ? changesNothing(method) : origin === `${scheme}://${host.toLowerCase()}`;
};

/** RFC 6750 §2.1; the scheme's name in any case. */
const bearer = /^bearer +([\x21-\x7e]{1,1024})$/i;

const showsSecret = (authorization: string | undefined, secret: Secret): boolean => {
  const given = authorization === undefined ? undefined : bearer.exec(authorization)?.[1];
  return given !== undefined && secret.equals(given);
};

export const createAccess = ({ secret, pageOverLoopback }: AccessSettings): Access => ({
  secret: (request, _response, next) => {
    if (!showsSecret(request.headers.authorization, secret)) throw new LatchkeyError('unauthorized');
    next();
  },
  secretOrOwnPage: (request, _response, next) => {
    const { authorization } = request.headers;
    const allowed =
      authorization === undefined
        ? pageOverLoopback && isOwnPageOverLoopback(request)
        : showsSecret(authorization, secret);
    if (!allowed) throw new LatchkeyError('unauthorized');
    next();
  },
});

export interface ListeningSettings {
  readonly http: {
    readonly host: string;
    readonly publicUrl: string | undefined;
    readonly trustedProxies: readonly string[];
  };
  readonly api: { readonly pageOverLoopback: boolean };
}

/** Whether the settings leave room for the exception at all. */
export const allowsPageOverLoopback = ({ http, api }: ListeningSettings): boolean =>
  api.pageOverLoopback &&
  isLoopbackHost(http.host) &&
  http.publicUrl === undefined &&
  http.trustedProxies.length === 0;
