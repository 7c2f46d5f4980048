// One participant in a running meeting: who it is, where to reach it, what it sends and receives, how far its keys have come.

import type { SenderLease } from '../media/frameInspector.ts';
import type { ParticipantMedia } from '../media/participantMedia.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason, EpochId, Lease, ReadmissionReason, Role } from '../protocol/names.ts';
import type { NoticeData, Participant, ServerNotice } from '../protocol/signaling.ts';

/** The way to a participant: implemented over its WebSocket, and bounded there. */
export interface Outlet {
  /** An encoded notice; the same text may go to many. */
  sendText(text: string): void;
  /** A key message, in order with everything else. */
  sendKeyMessage(message: Uint8Array): void;
  /** Runs `then` once everything that was sent so far has left this process; never where the socket ends first. */
  whenDrained(then: () => void): void;
  /** Tells why and closes; what was sent before still arrives. */
  end(reason: EndReason, code?: ErrorCode): void;
}

/** Nobody listens: the socket is gone, the participant may resume. What it missed is kept elsewhere (KeyDelivery) or told anew. */
export const nowhere: Outlet = {
  sendText: () => undefined,
  sendKeyMessage: () => undefined,
  whenDrained: () => undefined,
  end: () => undefined,
};

export interface Member {
  readonly participantId: string;
  readonly name: string;
  readonly role: Role;
  /** Changes when it is admitted anew, with the rekey that moves it. */
  lease: Lease;
  /** That one and the one before, with the epochs of their frames. */
  leases: readonly SenderLease[];
  readonly tokenId: string;
  readonly media: ParticipantMedia;
  /** Changes when it resumes. */
  outlet: Outlet;
  /** `encodeAdmission`: what the join is answered with. */
  readonly admission: Uint8Array;
  /** Which custodian admitted it: another knows nothing of it. */
  custodian: number;
  /** Its join was answered: it is in the roster and is told what happens. */
  entered: boolean;
  /** In the key tree: it can follow rekeys. Before, it waits for its welcome. */
  keyed: boolean;
  /** The newest epoch that it acknowledged; −1 before the first. */
  acknowledged: number;
  /** The newest epoch that it was handed; null before the first. */
  givenThrough: EpochId | null;
  /** Its last welcome, until it is acknowledged. `through`: what it had been handed before it. */
  welcome: { readonly epoch: EpochId; readonly message: Uint8Array; readonly through: EpochId | null } | null;
  /** Admitted anew: this lease waits at the custodian to take the place of `lease`. */
  nextLease: Lease | null;
  /** It was asked to be admitted anew and has not answered. */
  readmit: ReadmissionReason | null;
  /** Its socket is gone; the timer ends its resume window. */
  away: NodeJS.Timeout | null;
}

export const encodeNotice = <N extends ServerNotice>(notice: N, data: NoticeData<N>): string =>
  JSON.stringify({ notice, data });

export const describeMember = ({ participantId, name, role }: Member): Participant => ({
  participantId,
  name,
  role,
});
