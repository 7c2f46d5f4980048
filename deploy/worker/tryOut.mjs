// Run by Node 26: starts a mediasoup-worker and has it make one of each thing a meeting needs. Ends with code 0 if all of it worked.
// Arguments: the folder of the mediasoup package, the path of the binary.

import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, workerBin] = process.argv.slice(2);
if (folder === undefined || workerBin === undefined)
  throw new TypeError('usage: tryOut.mjs MEDIASOUP_FOLDER BINARY');

/** @type {typeof import('mediasoup')} */
const mediasoup = createRequire(join(folder, 'package.json'))(folder);
const worker = await mediasoup.createWorker({ workerBin, logLevel: 'warn' });
worker.on('died', (error) => {
  throw error;
});
const webRtcServer = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
const router = await worker.createRouter({
  mediaCodecs: [{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }],
});
const transport = await router.createWebRtcTransport({ webRtcServer });
const { routerIds } = await worker.dump();
if (routerIds.length !== 1 || transport.dtlsParameters.fingerprints.length === 0)
  throw new Error('the worker answers wrongly');
worker.close();
