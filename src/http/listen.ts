// The server under the application: HTTP, or HTTPS where certificate files are given; bounded in connections, headers and
// time; closed in order.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import { readTlsKey } from '../config/secretFile.ts';
import { LatchkeyError } from '../protocol/errors.ts';

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly tls: { readonly certFile: string | undefined; readonly keyFile: string | undefined };
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
}

/** Bytes of all headers of a request: a Bearer token is 2 kB at most. */
const maxHeaderSize = 16_384;
/** An idle connection is kept this long for the next request, in milliseconds. */
const keepAliveTimeout = 5_000;

const readCertificate = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new LatchkeyError('config_invalid', `http.tls.certFile: ${file} cannot be read`, { cause });
  }
};

const createWith = (
  options: ServerOptions,
  { certFile, keyFile }: ListenSettings['tls'],
  app: RequestListener,
): Server => {
  if (certFile === undefined || keyFile === undefined) return createServer(options, app);
  const tls = { cert: readCertificate(certFile), key: readTlsKey(keyFile), minVersion: 'TLSv1.2' as const };
  try {
    return createTlsServer({ ...options, ...tls, ALPNProtocols: ['http/1.1'] }, app);
  } catch (cause) {
    throw new LatchkeyError('config_invalid', 'http.tls: certificate and key cannot be used together', {
      cause,
    });
  }
};

/** Not listening yet: WebSockets attach first, so that no early upgrade is lost. */
export const createHttpServer = (settings: ListenSettings, app: RequestListener): Server => {
  const { requestTimeoutMs } = settings;
  const server = createWith(
    {
      maxHeaderSize,
      keepAliveTimeout,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000),
    },
    settings.tls,
    app,
  );
  server.maxConnections = settings.maxConnections;
  return server;
};

const addressProblems: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another program listens there; choose another http.port (LATCHKEY_HTTP_PORT=8081), or 0 for a free one',
  EACCES: 'this user may not listen there; choose an http.port from 1024 on',
  EADDRNOTAVAIL: 'http.host is not an address of this machine',
  ENOTFOUND: 'http.host is not the name of this machine',
};

/** Resolves with the URL that people open. @throws LatchkeyError `config_invalid` */
export const listen = async (
  server: Server,
  { host, port, publicUrl, tls }: ListenSettings,
): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    const refused = (cause: NodeJS.ErrnoException): void => {
      const problem = addressProblems[cause.code ?? ''] ?? cause.message;
      reject(new LatchkeyError('config_invalid', `cannot listen on ${host}:${port}: ${problem}`, { cause }));
    };
    server.once('error', refused);
    server.listen({ host, port }, () => {
      server.off('error', refused);
      resolve();
    });
  });
  if (publicUrl !== undefined) return `${publicUrl}/`;
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? 'localhost' : isIPv6(host) ? `[${host}]` : host;
  return new URL(`${tls.certFile === undefined ? 'http' : 'https'}://${name}:${actual}/`).href;
};

/** No new connections; requests under way may end within `graceMs`, then all are cut. */
export const closeHttpServer = async (server: Server, graceMs: number): Promise<void> => {
  if (!server.listening) return;
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  } finally {
    clearTimeout(cut);
  }
};
