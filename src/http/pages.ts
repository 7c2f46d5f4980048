// The page and the SDK as they were built. The page may load nothing from elsewhere and be framed by nobody; the SDK may be
// loaded by everybody.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { static as serveFiles } from 'express';
import type { Express, RequestHandler } from 'express';
import helmet from 'helmet';
import { LatchkeyError } from '../protocol/errors.ts';

/** Paths that the page itself understands: the server answers each with the page. */
const pagePaths = ['/', '/m/:id'];
const yearMs = 31_536_000_000;

const permissions = [
  'camera=(self)',
  'microphone=(self)',
  'display-capture=(self)',
  'speaker-selection=(self)',
  'autoplay=(self)',
  'fullscreen=(self)',
  'geolocation=()',
  'payment=()',
  'usb=()',
  'serial=()',
  'hid=()',
  'bluetooth=()',
].join(', ');

/** CSP 3 lets 'self' stand for the WebSockets of the same host too. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:', 'blob:'],
    connectSrc: ["'self'"],
    workerSrc: ["'self'", 'blob:'],
    mediaSrc: ["'self'", 'blob:', 'mediastream:'],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
};

/** For every answer of the server. */
export const securityHeaders = (tls: boolean): RequestHandler[] => [
  helmet({
    contentSecurityPolicy,
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: tls ? { maxAge: yearMs / 1_000, includeSubDomains: false } : false,
  }),
  (_request, response, next) => {
    response.setHeader('Permissions-Policy', permissions);
    next();
  },
];

/** Anybody's page may load the SDK: what it can do there is up to that page's policy and the tokens it holds. */
const forEverybody: RequestHandler = (_request, response, next) => {
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  next();
};

/** `folder` holds `web/` and `sdk/`. */
export const mountPages = (app: Express, folder: string): void => {
  const web = join(folder, 'web');
  const page = join(web, 'index.html');

  app.use(
    '/sdk',
    forEverybody,
    serveFiles(join(folder, 'sdk'), { index: false, redirect: false, maxAge: 0 }),
  );

  app.get(pagePaths, (_request, response) => {
    if (!existsSync(page)) throw new LatchkeyError('not_found', 'the page has not been built');
    response.setHeader('Cache-Control', 'no-cache');
    response.sendFile(page, { cacheControl: false });
  });

  // Vite names these by their contents.
  app.use(
    '/assets',
    serveFiles(join(web, 'assets'), { index: false, redirect: false, maxAge: yearMs, immutable: true }),
  );
  app.use(serveFiles(web, { index: false, redirect: false, maxAge: 0 }));
};
