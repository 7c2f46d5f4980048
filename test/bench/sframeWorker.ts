// Runs in a worker of Chromium: the sender's and the receiver's frames as the SFrame worker handles them, over WebCrypto.

import { createWebCrypto } from '../../src/client/browser/webCrypto.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import { FrameStreams } from '../../src/client/session/frameStreams.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import { deriveEpochKey } from '../../src/sframe/epochKeys.ts';
import { sframeRounds } from './sframeRounds.ts';
import type { SealAndOpen } from './sframeRounds.ts';

const webCrypto = createWebCrypto();
const incarnation = crypto.getRandomValues(new Uint8Array(16));
const epoch = epochId(7);
const stream = streamId(1);

const failed = (): never => {
  throw new Error('the platform refused');
};

const streamsOf = (owner: number) =>
  new FrameStreams({
    crypto: webCrypto,
    wipe: () => undefined,
    clock: systemClock,
    timers: { receiverGraceMs: 3_000, epochLifeMs: 86_400_000 },
    lease: lease(owner),
    incarnation,
    onRecovered: () => undefined,
    onFirstOpened: () => undefined,
    onExpired: failed,
    onFailed: failed,
  });

/** Two participants in one epoch. */
const sframe = async (): Promise<SealAndOpen> => {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const key = await deriveEpochKey(webCrypto, { secret, incarnation, epoch });
  const [near, far] = [streamsOf(1), streamsOf(2)];
  for (const streams of [near, far]) {
    streams.install(key);
    await streams.activate(epoch);
  }
  const sender = near.sender(stream, 'vp8');
  const receiver = far.receiver({ lease: lease(1), stream }, 'vp8');
  return async (frame) => {
    const sealed = await sender.seal(frame);
    return sealed === null ? null : await receiver.open(sealed);
  };
};

const aesGcm = async (): Promise<SealAndOpen> => {
  const { subtle } = crypto;
  const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = new Uint8Array(12);
  const counter = new DataView(iv.buffer);
  let sealedFrames = 0;
  return async (frame) => {
    counter.setUint32(8, sealedFrames++);
    const algorithm = { name: 'AES-GCM', iv };
    const sealed = await subtle.encrypt(algorithm, key, new Uint8Array(frame.buffer as ArrayBuffer));
    return new Uint8Array(await subtle.decrypt(algorithm, key, sealed));
  };
};

globalThis.sframeBench = async (job) => await sframeRounds(job, await sframe(), await aesGcm());
