// The built page behind the server's own headers and routes, with a stand-in for the SDK and answers of the API that a test chooses.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { build } from 'vite';
import { mountPages, securityHeaders } from '../../../src/http/pages.ts';

const root = new URL('../../../', import.meta.url).pathname;

export interface ApiRequest {
  readonly path: string;
  readonly body: unknown;
  readonly authorization: string | undefined;
}

export interface PageServer {
  readonly url: string;
  readonly requests: ApiRequest[];
  /** The secret that the API asks for; null: none, as over loopback. */
  secret: string | null;
  close(): Promise<void>;
}

const buildPage = async (folder: string): Promise<void> => {
  await build({
    configFile: join(root, 'src/web/vite.config.ts'),
    logLevel: 'error',
    build: { outDir: join(folder, 'web') },
  });
  await mkdir(join(folder, 'sdk'));
  const standIn = await readFile(new URL('./standIn.ts', import.meta.url), 'utf8');
  await writeFile(join(folder, 'sdk/latchkey.js'), stripTypeScriptTypes(standIn));
};

export const startPageServer = async (): Promise<PageServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-web-'));
  await buildPage(folder);
  const requests: ApiRequest[] = [];
  const state = { secret: null as string | null };

  const app = express();
  app.use(securityHeaders(false), express.json());
  app.use('/v1', (request, response, next) => {
    const { authorization } = request.headers;
    requests.push({ path: request.originalUrl, body: request.body as unknown, authorization });
    if (state.secret === null || authorization === `Bearer ${state.secret}`) next();
    else response.status(401).type('application/problem+json').send('{"code":"unauthorized"}');
  });
  app.post('/v1/meetings', (_request, response) => void response.status(201).json({ id: 'made' }));
  app.post('/v1/meetings/:id/tokens', (_request, response) => {
    response.status(201).json({ token: 'x.y.z', expiresAt: new Date(Date.now() + 60_000).toISOString() });
  });
  mountPages(app, folder);

  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get secret() {
      return state.secret;
    },
    set secret(secret) {
      state.secret = secret;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
};
