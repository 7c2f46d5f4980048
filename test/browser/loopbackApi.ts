// What the loopback page offers to its test.

import type { FrameCounts } from '../../src/client/session/keyAgent.ts';

export interface Decoded {
  readonly videoFrames: number;
  readonly audioEnergy: number;
  readonly packetsSent: number;
}

export interface LoopbackApi {
  readonly events: readonly string[];
  /** `server`: where the worker and the meeting are. */
  join(token: string, server: string): Promise<void>;
  /** With `foreign`, the receivers were told of somebody else's lease. */
  send(foreign: boolean): Promise<void>;
  decoded(): Promise<Decoded>;
  /** Resolves when so many more pictures were decoded and more sound was heard than by now. */
  decodesMore(videoFrames: number): Promise<void>;
  /** Resolves when this many more were counted than by now. */
  countsMore(name: keyof FrameCounts, frames: number): Promise<void>;
  /** Resolves when the epoch is in use. */
  inEpoch(epoch: number): Promise<void>;
  counts(): Promise<FrameCounts>;
  stopSealing(): Promise<void>;
  leave(): Promise<void>;
}

declare global {
  var loopback: LoopbackApi;
}
