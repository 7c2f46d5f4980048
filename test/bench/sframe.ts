// SFrame beside AES-256-GCM alone, over the same interface: WebCrypto in Chromium's worker, node:crypto in Node. Sealing and opening
// one frame after the other, as a participant that sends to itself.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { launchChromium } from '../browser/chromium.ts';
import { buildPage } from '../browser/pageBundle.ts';
import type { Bench, Run } from './bench.ts';
import type { BenchResult } from './result.ts';
import { sframeRounds } from './sframeRounds.ts';
import type { SealAndOpen, SframeJob } from './sframeRounds.ts';
import { compare } from './statistics.ts';
import type { Pair } from './statistics.ts';

/** An Opus frame, a packet, a key frame. */
const sizes = [100, 1_200, 20_000] as const;
const reach = { p50: 1.5 };
const usualRounds = 400;
const framesPerRound = 40;

const sframeInNode = (): SealAndOpen => {
  const incarnation = randomBytes(16);
  const epoch = epochId(7);
  const stream = streamId(1);
  const key = deriveEpochKeySync(nodeCrypto, { secret: randomBytes(32), incarnation, epoch });
  const format = { codec: 'vp8', incarnation } as const;
  const claim = new SenderStreams(lease(1)).claim(stream);
  const sealer = new FrameSealerSync(nodeCrypto, { ...format, stream: claim });
  const opener = new FrameOpenerSync(nodeCrypto, { ...format, origin: claim });
  sealer.install(key, Infinity);
  opener.install(key);
  return (frame) => {
    const opened = opener.open(sealer.seal(frame, performance.now()));
    return opened.ok ? opened.frame : null;
  };
};

const aesGcmInNode = (): SealAndOpen => {
  const key = randomBytes(32);
  const nonce = Buffer.alloc(12);
  let sealedFrames = 0;
  return (frame) => {
    nonce.writeUInt32BE(sealedFrames++, 8);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const sealed = cipher.update(frame);
    cipher.final();
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    decipher.setAuthTag(cipher.getAuthTag());
    const opened = decipher.update(sealed);
    decipher.final();
    return opened;
  };
};

/** A page with nothing but the worker, isolated: only then are the steps of a worker's clock 5 µs. */
const servePage = async (worker: Buffer): Promise<Server> => {
  const server = createServer((request, response) => {
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    if (request.url === '/worker.js') {
      response.setHeader('content-type', 'text/javascript');
      response.end(worker);
    } else {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><script>new Worker("/worker.js", { type: "module" })</script>');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

/** Hands over what measures in the worker. */
const inChromium = async (
  use: (measure: (job: SframeJob) => Promise<readonly Pair[]>) => Promise<void>,
): Promise<void> => {
  const bundle = await buildPage('test/bench/sframeWorker.ts');
  const server = await servePage(bundle.files.get('/page.js')?.body ?? Buffer.alloc(0));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const started = page.waitForEvent('worker');
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const worker = await started;
    await use((job) => worker.evaluate((asked) => globalThis.sframeBench(asked), job));
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
};

export const sframe: Bench = {
  name: 'sframe',
  async run({ rounds, seed, say }: Run) {
    const results: BenchResult[] = [];
    const jobOf = (bytes: number): SframeJob => {
      const counted = rounds ?? usualRounds;
      return { bytes, frames: framesPerRound, rounds: counted, warmUp: Math.min(counted, 50) };
    };
    const note = (where: string, bytes: number, pairs: readonly Pair[]): void => {
      results.push({
        name: 'sframe',
        case: `${where}, ${bytes} bytes`,
        participants: 0,
        unit: 'µs',
        beside: 'AES-256-GCM',
        ...compare(pairs, seed),
        seed,
        ...(bytes === 1_200 ? { reach } : {}),
        notes: [`a round is the mean of ${framesPerRound} frames, sealed and opened one after the other`],
      });
      say(`${where}, ${bytes} bytes`);
    };
    for (const bytes of sizes)
      note('Node', bytes, await sframeRounds(jobOf(bytes), sframeInNode(), aesGcmInNode()));
    await inChromium(async (measure) => {
      for (const bytes of sizes) note('worker', bytes, await measure(jobOf(bytes)));
    });
    return results;
  },
};
