// One participant in a running meeting: who it is, where to reach it, what it sends and receives.

import type { ParticipantMedia } from '../media/participantMedia.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason, Lease, Role } from '../protocol/names.ts';
import type { NoticeData, Participant, ServerNotice } from '../protocol/signaling.ts';

/** The way to a participant: implemented over its WebSocket, and bounded there. */
export interface Outlet {
  /** An encoded notice; the same text may go to many. */
  sendText(text: string): void;
  /** A key message, in order with everything else. */
  sendKeyMessage(message: Uint8Array): void;
  /** Tells why and closes; what was sent before still arrives. */
  end(reason: EndReason, code?: ErrorCode): void;
}

export interface Member {
  readonly participantId: string;
  readonly name: string;
  readonly role: Role;
  readonly lease: Lease;
  readonly tokenId: string;
  readonly media: ParticipantMedia;
  readonly outlet: Outlet;
  /** `encodeAdmission`: what the join is answered with. */
  readonly admission: Uint8Array;
  /** Its join was answered: it is in the roster and is told what happens. */
  entered: boolean;
  /** In the key tree: it can follow rekeys. Before, it waits for its welcome. */
  keyed: boolean;
}

export const encodeNotice = <N extends ServerNotice>(notice: N, data: NoticeData<N>): string =>
  JSON.stringify({ notice, data });

export const describeMember = ({ participantId, name, role }: Member): Participant => ({
  participantId,
  name,
  role,
});
