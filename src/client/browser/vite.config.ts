// Builds the SDK as two ES modules without chunks between them, so that a page loads one file and the worker another:
//   dist/sdk/latchkey.js       joinMeeting and its types' values
//   dist/sdk/sframeWorker.js   started by it, from beside it

import { build, defineConfig } from 'vite';
import type { InlineConfig, Plugin } from 'vite';

const here = new URL('./', import.meta.url).pathname;
const outDir = new URL('../../../dist/sdk', import.meta.url).pathname;

/**
 * What mediasoup-client has for its own tests and for browsers without encoded transforms, which `assertSupported` turns away
 * before (a tenth of the SDK), and what @hpke/common asks of a Node without WebCrypto.
 */
const leftOut = /\/(?:handlers\/(?:ReactNative106|Chrome74|FakeHandler)|test\/fakeParameters)$|^crypto$/;

const leaveOut: Plugin = {
  name: 'latchkey-leave-out',
  enforce: 'pre',
  resolveId: (source) => (leftOut.test(source) ? '\0left-out' : null),
  load: (id) => (id === '\0left-out' ? 'export {};' : null),
};

const bundle = (entry: string, fileName: string, emptyOutDir: boolean): InlineConfig => ({
  root: here,
  configFile: false,
  logLevel: 'warn',
  plugins: [leaveOut],
  build: {
    outDir,
    emptyOutDir,
    target: 'es2022',
    sourcemap: true,
    lib: { entry: `${here}${entry}`, formats: ['es'], fileName: () => fileName },
    // Vite leaves libraries' white space to whoever bundles them; these are loaded as they are.
    rolldownOptions: { output: { codeSplitting: false, minify: true } },
  },
});

/** Vite builds one library at a time: the worker follows the SDK. */
const thenWorker: Plugin = {
  name: 'latchkey-sframe-worker',
  apply: 'build',
  async closeBundle() {
    await build(bundle('sframeWorker.ts', 'sframeWorker.js', false));
  },
};

export default defineConfig({ ...bundle('index.ts', 'latchkey.js', true), plugins: [leaveOut, thenWorker] });
