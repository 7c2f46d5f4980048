// Builds the page into dist/web. Everything is a file of its own origin: nothing inlined, so that the server's policy can
// stay at `default-src 'self'`. The SDK is not bundled: sdk.ts says why.

import { defineConfig } from 'vite';

export default defineConfig({
  root: new URL('./', import.meta.url).pathname,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: new URL('../../dist/web', import.meta.url).pathname,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
