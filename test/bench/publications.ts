// What is sent in the benches of media, by name: a process is told the name.

import { camera, speech } from './mediaParts.ts';
import type { SyntheticMedia } from './mediaParts.ts';

export const publications = {
  /** 50 packets a second with 80 bytes of Opus each, and what sealing adds. */
  speech,
  /** 300 kbit/s: 35 packets a second, each with a frame that makes some 1,100 bytes of payload. */
  video: { ...camera, framesPerSecond: 35, frameBytes: () => 1_070 },
} as const satisfies Record<string, SyntheticMedia>;

export type Publication = keyof typeof publications;
