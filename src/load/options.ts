// What `latchkey load` is asked for.

import type { Secret } from '../observe/secret.ts';
import type { MeetingKind } from '../protocol/names.ts';
import type { Expectation } from './expectations.ts';

export const videoProfiles = ['none', '100k', '1m'] as const;
export type VideoProfile = (typeof videoProfiles)[number];

/** A server that runs already. */
export interface LoadTarget {
  readonly url: string;
  readonly apiSecret: Secret;
  /** One that is there; null: one is made, and ended afterwards. */
  readonly meeting: string | null;
}

/** What the generated participants are and do. */
export interface LoadShape {
  readonly participants: number;
  /** So many of them send. */
  readonly publishers: number;
  readonly kind: MeetingKind;
  /** Shares are 0 … 1, of the participants. */
  readonly slow: number;
  /** Who open what they receive; the others count packets. */
  readonly openSample: number;
  readonly video: VideoProfile;
  readonly videoViewers: number;
  readonly seed: number;
}

export interface LoadOptions extends LoadShape {
  /** From when everybody is there. */
  readonly durationMs: number;
  /** A second; null: as fast as they come with so many under way. */
  readonly joinRate: number | null;
  /** So many leave, and as many come, a second. */
  readonly churn: number;
  /** Null: a server of its own. */
  readonly target: LoadTarget | null;
  /** Null: as many as there is use for. */
  readonly processes: number | null;
  readonly expectations: readonly Expectation[];
}

/** Of one run; more is for several machines. */
export const mostParticipants = 10_000;

/** What does not go together, in words; null where all does. `othersSend`: into the meeting, which is there. */
export const conflictIn = (
  { participants, publishers, video, churn, joinRate }: Omit<LoadOptions, 'target'>,
  othersSend: boolean,
): string | null => {
  if (joinRate === 0) return 'nobody would ever join: --join-rate is 0';
  if (publishers > participants) return 'there are more publishers than participants';
  if (video !== 'none' && publishers === 0) return 'nobody can send the video: --publishers is 0';
  if (churn > 0 && publishers === participants) return 'nobody can come and go: all are publishers, who stay';
  if (publishers === 0 && !othersSend)
    return 'nobody would send anything: --publishers 0 is for a meeting that others send in (--meeting)';
  return null;
};
