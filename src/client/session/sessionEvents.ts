// What a session tells, and the ends that it can have.

import type { LatchkeyError } from '../../protocol/errors.ts';
import type { DepartureCause, EndReason, Lease, Role, StreamId } from '../../protocol/names.ts';
import type { Door, NoticeData, Participant, Producer } from '../../protocol/signaling.ts';
import type { EpochState } from './keyPlane.ts';
import type { GoneMedia } from './ownMedia.ts';

export type SessionEnd = EndReason | 'connectionLost';

export interface SessionEvents {
  /** `lost`: the socket is gone, and media go on without it for now; `resumed`: as before, with whatever events tell what changed. */
  readonly connection: { readonly state: 'lost' | 'resumed' };
  /** What this participant had and has no more: found out by a resume, or ended by a host. */
  readonly gone: GoneMedia;
  /** Sealing goes on under this epoch. */
  readonly epoch: EpochState;
  readonly participantJoined: Participant;
  /** Another role, or another hand; also of this participant itself. */
  readonly participantChanged: Participant;
  /** After a `producerRemoved` for each of its producers. */
  readonly participantLeft: { readonly participant: Participant; readonly cause: DepartureCause };
  readonly producerAdded: Producer;
  readonly producerChanged: Producer;
  readonly producerRemoved: Producer;
  /** This participant's own, before what it may not send any more is `gone`. */
  readonly role: { readonly role: Role };
  readonly door: Door;
  /** To hosts. */
  readonly guests: NoticeData<'guests'>;
  /** A host muted these of this participant's producers. */
  readonly muted: NoticeData<'muted'>;
  /** What of this own producer anybody looks at. */
  readonly wanted: NoticeData<'wanted'>;
  /** Transports, producers and consumers are gone; `ready`: `openMedia` makes new ones. */
  readonly mediaLost: NoticeData<'mediaLost'>;
  /** They may be consumed again. */
  readonly consumersLost: GoneMedia['consumers'];
  /** Loudest first. */
  readonly speakers: readonly string[];
  readonly sendingPaused: { readonly paused: boolean; readonly epoch: number };
  /** Frames of this origin open again: its consumer wants a key frame. */
  readonly recovered: { readonly lease: Lease; readonly stream: StreamId };
  /** `ended` follows where the session could not go on. */
  readonly failure: LatchkeyError;
  /** Once and last. */
  readonly ended: { readonly reason: SessionEnd };
}
