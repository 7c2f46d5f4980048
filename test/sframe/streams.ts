// A sender and a receiver of one stream, over real cryptography, for tests.

import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import type { EpochKey } from '../../src/sframe/epochKeys.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import type { Codec } from '../../src/sframe/prefix.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';

export const incarnation = new Uint8Array(16).fill(0xa5);
export const origin = { lease: lease(9), stream: streamId(2) };
/** A time at which no key of these tests has expired. */
export const now = 1_000;
export const never = Number.MAX_SAFE_INTEGER;

export const sessionKey = (epoch: number): Uint8Array =>
  new Uint8Array(32).map((_, i) => (epoch * 31 + i * 7) & 0xff);

export const nodeEpochKey = (epoch: number): EpochKey<Buffer> =>
  deriveEpochKeySync(nodeCrypto, { secret: sessionKey(epoch), incarnation, epoch: epochId(epoch) });

export const claimed = () => new SenderStreams(origin.lease).claim(origin.stream);

export const nodeSealer = (codec: Codec, ...epochs: number[]): FrameSealerSync<Buffer, Buffer> => {
  const sealer = new FrameSealerSync(nodeCrypto, { stream: claimed(), codec, incarnation });
  for (const epoch of epochs) sealer.install(nodeEpochKey(epoch), never);
  return sealer;
};

export const nodeOpener = (codec: Codec, ...epochs: number[]): FrameOpenerSync<Buffer, Buffer> => {
  const opener = new FrameOpenerSync(nodeCrypto, { origin, codec, incarnation });
  for (const epoch of epochs) opener.install(nodeEpochKey(epoch));
  return opener;
};

export const vp8KeyFrame = new Uint8Array(60).map((_, i) => (i === 0 ? 0x10 : i * 5));
export const vp8DeltaFrame = new Uint8Array(40).map((_, i) => (i === 0 ? 0x11 : i * 3));
export const opusFrame = new Uint8Array(30).map((_, i) => i * 11);
