// One participant in a running meeting: who it is, where to reach it, what it sends and receives, how far its keys have come.

import type { SenderLease } from '../media/frameInspector.ts';
import type { ParticipantMedia } from '../media/participantMedia.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { epochId } from '../protocol/names.ts';
import type { EndReason, EpochId, Lease, ReadmissionReason, Role } from '../protocol/names.ts';
import type { NoticeData, Participant, ServerNotice } from '../protocol/signaling.ts';

/** The way to a participant: implemented over its WebSocket, and bounded there. */
export interface Outlet {
  /** An encoded notice; the same text may go to many. */
  sendText(text: string): void;
  /**
   * One that a later one makes up for (who is here, who speaks). False: not sent, since too much waits already; then all of it is to be
   * sent anew once the others have left.
   */
  sendState(text: string): boolean;
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
  // What it missed is told when it resumes.
  sendState: () => true,
  sendKeyMessage: () => undefined,
  whenDrained: () => undefined,
  end: () => undefined,
};

/** Who wants in, with a token that is good, and the key that its admission is sealed to. */
export interface JoinRequest {
  readonly name: string;
  readonly role: Role;
  readonly tokenId: string;
  readonly publicKey: Uint8Array;
  readonly outlet: Outlet;
}

export interface Member {
  readonly participantId: string;
  readonly name: string;
  role: Role;
  /** The role that its token gave, which its admissions name: no key depends on what a host made of it since. */
  readonly admittedAs: Role;
  /** Raised hands in their order; null: not raised. */
  hand: number | null;
  /** Its socket did not keep up with what everybody is told: it is told all of it anew when it does. */
  behind: boolean;
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
  /** When it was; monotonic milliseconds. */
  enteredAtMs: number;
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
  /** Not null: its worker died, and it has not opened media since; `ready`: it was told that it can. */
  mediaLost: 'lost' | 'ready' | null;
  /** Its socket is gone; the timer ends its resume window. */
  away: NodeJS.Timeout | null;
}

type Newcomer = Pick<
  Member,
  'participantId' | 'name' | 'role' | 'tokenId' | 'outlet' | 'lease' | 'admission' | 'custodian' | 'media'
>;

/** In nobody's roster, and without a key. */
export const newMember = (newcomer: Newcomer): Member => ({
  ...newcomer,
  admittedAs: newcomer.role,
  hand: null,
  behind: false,
  leases: [{ lease: newcomer.lease, from: epochId(0), until: null }],
  entered: false,
  enteredAtMs: 0,
  keyed: false,
  acknowledged: -1,
  givenThrough: null,
  welcome: null,
  nextLease: null,
  readmit: null,
  mediaLost: null,
  away: null,
});

/** Its frames carry this lease from the epoch on. */
export const moveMember = (member: Member, to: Lease, epoch: EpochId): void => {
  member.lease = to;
  if (member.nextLease === to) member.nextLease = null;
  const [before] = member.leases.slice(-1);
  member.leases = [
    ...(before === undefined ? [] : [{ ...before, until: epoch }]),
    { lease: to, from: epoch, until: null },
  ];
};

export const encodeNotice = <N extends ServerNotice>(notice: N, data: NoticeData<N>): string =>
  JSON.stringify({ notice, data });

export const describeMember = ({ participantId, name, role, hand }: Member): Participant => ({
  participantId,
  name,
  role,
  hand,
});
