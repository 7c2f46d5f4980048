// What a session is made of.

import type { Lease } from '../../protocol/names.ts';
import type { Answer } from '../../protocol/signaling.ts';
import type { Age, Clock } from './clock.ts';
import type { KeyAgent } from './keyAgent.ts';
import type { Signaling } from './signaling.ts';

/** What `connect` found out. */
export interface SessionParts {
  readonly signaling: Signaling;
  readonly agent: KeyAgent;
  readonly clock: Clock;
  /** 0 ≤ r < 1; for pauses alone. */
  readonly random: () => number;
  /** One more socket to the same server. */
  readonly open: (timeoutMs: number) => Promise<Signaling>;
  readonly signingKey: Uint8Array;
  readonly joined: Answer<'join'>;
  readonly lease: Lease;
  readonly incarnation: Uint8Array;
  /** Since `join` was asked, without what was waited before the door. */
  readonly since: Age;
}
