// What the operator's tools ask: is it alive, is it ready, what does it count, whose keys are these.

import type { Express } from 'express';
import type { Metrics } from '../observe/metrics.ts';
import { toBase64Url } from '../protocol/bytes.ts';
import { protocolVersion } from '../protocol/names.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for people: `draining`, `the custodian does not answer`. */
  readonly reasons: readonly string[];
}

export interface Operations {
  readonly metrics: Metrics;
  readonly version: string;
  /** The custodian's Ed25519 key, 32 bytes: clients may pin it. */
  readonly signingKey: Uint8Array;
  readonly readiness: () => Readiness;
}

export const mountOperations = (app: Express, operations: Operations): void => {
  const { metrics, version, signingKey, readiness } = operations;
  const identity = {
    name: 'latchkey',
    version,
    protocol: protocolVersion,
    // Said to whoever asks: the server makes the keys, so whoever runs it could decrypt.
    keying: 'server',
    signingKey: toBase64Url(signingKey),
  };

  /** The process lives and its event loop turns. */
  app.get('/healthz', (_request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    response.json({ ok: true });
  });

  /** New meetings and joins can be served. */
  app.get('/readyz', (_request, response) => {
    const { ready, reasons } = readiness();
    response.setHeader('Cache-Control', 'no-store');
    response.status(ready ? 200 : 503).json({ ready, reasons });
  });

  app.get('/metrics', async (_request, response) => {
    const text = await metrics.expose();
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', metrics.contentType);
    response.send(text);
  });

  // Open to every page: the SDK checks it from wherever it is embedded.
  app.get('/.well-known/latchkey.json', (_request, response) => {
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.json(identity);
  });
};
