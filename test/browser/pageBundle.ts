// Builds a test's page, and the SFrame worker beside it, as the SDK is built.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';

const root = new URL('../../', import.meta.url).pathname;

export interface PageBundle {
  /** By path: `/`, `/page.js`, `/sframeWorker.js`. */
  readonly files: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }>;
}

export const buildPage = async (entry: string): Promise<PageBundle> => {
  const outDir = await mkdtemp(join(tmpdir(), 'latchkey-page-'));
  const files = new Map([
    [
      '/',
      {
        type: 'text/html',
        body: Buffer.from('<!doctype html><script type="module" src="/page.js"></script>'),
      },
    ],
  ]);
  try {
    for (const [name, source] of [
      ['page.js', entry],
      ['sframeWorker.js', 'src/client/browser/sframeWorker.ts'],
    ] as const) {
      await build({
        root,
        configFile: false,
        logLevel: 'error',
        build: {
          outDir,
          emptyOutDir: false,
          minify: false,
          lib: { entry: join(root, source), formats: ['es'], fileName: () => name },
          rolldownOptions: { output: { codeSplitting: false } },
        },
      });
      files.set(`/${name}`, { type: 'text/javascript', body: await readFile(join(outDir, name)) });
    }
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
  return { files };
};
