// One line and one count per request. Of the address only the route's pattern is kept: ids belong to whoever knows them, and
// whatever was put into a query by mistake is not ours to keep.

import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from '../observe/metrics.ts';

const methods = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']);

/** A closed set: patterns of our own, `file` or `none`. */
const routeOf = ({ route }: Request, status: number): string => {
  const pattern: unknown =
    typeof route === 'object' && route !== null ? Reflect.get(route, 'path') : undefined;
  if (typeof pattern === 'string') return pattern;
  if (Array.isArray(pattern)) return 'page';
  return status < 400 ? 'file' : 'none';
};

export const recordRequests =
  (log: Logger, metrics: Metrics): RequestHandler =>
  (request, response, next) => {
    const startedMs = performance.now();
    const id = randomUUID();
    response.setHeader('X-Request-Id', id);
    response.once('close', () => {
      const ms = performance.now() - startedMs;
      const status = response.statusCode;
      const route = routeOf(request, status);
      const method = methods.has(request.method) ? request.method : 'other';
      metrics.httpRequests.inc({ route, method, status });
      metrics.httpSeconds.observe({ route }, ms / 1_000);
      log.debug({ event: 'http.answered', request: id, route, method, status, ms: Math.round(ms) });
    });
    next();
  };
