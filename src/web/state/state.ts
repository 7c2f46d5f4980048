// All that the page shows, as plain data: no track, no connection, no secret and no token. Who holds those
// (call/, media/) dispatches what became of them; components draw the state and ask call/ for what a person wants.

import type {
  Door,
  EndReason,
  EpochInfo,
  JoinStep,
  MeetingEvents,
  MeetingStats,
} from '../../client/browser/api.ts';
import type { MediaKind, MeetingKind, Role, Source, WaitingReason } from '../../protocol/names.ts';
import type { Advice } from '../words/advice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import { noSeats } from './seats.ts';
import type { Seats } from './seats.ts';

export type Phase = 'lobby' | 'joining' | 'meeting' | 'over';

export interface Device {
  readonly id: string;
  readonly label: string;
}

/** One of this person's own devices. */
export interface Capture {
  /** What the person asked for; `trackId` says what is. */
  readonly wanted: boolean;
  readonly asking: boolean;
  readonly trackId: string | null;
  /** null: the system's choice. */
  readonly deviceId: string | null;
  readonly devices: readonly Device[];
  readonly trouble: Advice | null;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** The lowest was raised first; null: not raised. */
  readonly hand: number | null;
  readonly sending: readonly { readonly source: Source; readonly muted: boolean }[];
}

export interface RemoteTrackRef {
  readonly trackId: string;
  readonly participantId: string;
  readonly kind: MediaKind;
  readonly source: Source;
}

/** Why joining takes longer. */
export type Waiting = WaitingReason | 'busy';
/** Who waits before the door; of many, the first. */
export type Guests = MeetingEvents['guests'];

export const panels = ['key', 'people', 'devices', 'invite'] as const;
export type Panel = (typeof panels)[number];

export interface Trouble {
  readonly id: number;
  readonly advice: Advice;
}

export interface Invitation {
  readonly link: string;
  /** ms since 1970 */
  readonly expiresAt: number;
  readonly copied: boolean;
}

export interface State {
  readonly phase: Phase;
  /** null: a new meeting is about to be made. */
  readonly meetingId: string | null;
  readonly meetingName: string | null;
  /** The address held a token: it names the person. */
  readonly invited: boolean;
  /** The token is for the audience: no devices are asked for. */
  readonly toWatch: boolean;
  readonly name: string;
  /** Nothing can be done here: an old browser, an unprotected page, a wrong address. */
  readonly blocked: Advice | null;
  readonly asksSecret: boolean;
  readonly step: JoinStep | null;
  readonly waiting: Waiting | null;
  readonly joinTrouble: Advice | null;

  readonly microphone: Capture;
  readonly camera: Capture;
  readonly sharing: boolean;
  readonly outputs: readonly Device[];
  readonly outputId: string | null;

  readonly selfId: string | null;
  readonly role: Role | null;
  readonly kind: MeetingKind;
  readonly door: Door;
  readonly guests: Guests;
  /** Was invited to the stage, and has not turned anything on there yet. */
  readonly invitedToStage: boolean;
  readonly mutedByHost: boolean;
  readonly seats: Seats;
  /** In order of joining, this person first. */
  readonly people: readonly Person[];
  readonly tracks: readonly RemoteTrackRef[];
  readonly speakers: readonly string[];
  /** The latest first; at most `keptEpochs`. */
  readonly epochs: readonly EpochInfo[];
  readonly stats: MeetingStats | null;
  readonly sendingPaused: boolean;
  /** The connection is lost, and it is tried to come back. */
  readonly reconnecting: boolean;
  readonly soundBlocked: boolean;

  readonly panel: Panel | null;
  readonly invitation: Invitation | null;
  readonly inviteTrouble: Advice | null;
  /** What just happened, for the eye; the live region reads it too. */
  readonly said: { readonly text: string; readonly serial: number };
  readonly troubles: readonly Trouble[];
  readonly over: EndReason | null;
  /** What went wrong before a meeting that could not go on. */
  readonly overTrouble: Advice | null;
}

export const keptEpochs = 8;
export const keptTroubles = 3;

export type Action =
  | {
      readonly type: 'placed';
      readonly meetingId: string | null;
      readonly invited: boolean;
      readonly toWatch: boolean;
    }
  | { readonly type: 'blocked'; readonly advice: Advice }
  | { readonly type: 'named'; readonly name: string }
  | { readonly type: 'capture'; readonly kind: Kind; readonly change: Partial<Capture> }
  | { readonly type: 'outputs'; readonly devices: readonly Device[] }
  | { readonly type: 'output'; readonly id: string | null }
  | { readonly type: 'joining' }
  | { readonly type: 'cancelled' }
  | { readonly type: 'step'; readonly step: JoinStep }
  | { readonly type: 'waiting'; readonly reason: Waiting }
  | { readonly type: 'secretAsked'; readonly advice: Advice }
  | { readonly type: 'notJoined'; readonly advice: Advice }
  | {
      readonly type: 'joined';
      readonly meetingId: string;
      readonly meetingName: string | null;
      readonly selfId: string;
      readonly role: Role;
      readonly kind: MeetingKind;
      readonly door: Door;
      readonly guests: Guests;
      readonly people: readonly Person[];
      readonly epoch: EpochInfo;
    }
  | { readonly type: 'people'; readonly people: readonly Person[] }
  | { readonly type: 'track'; readonly track: RemoteTrackRef }
  | { readonly type: 'trackEnded'; readonly trackId: string }
  | { readonly type: 'speakers'; readonly ids: readonly string[] }
  | { readonly type: 'role'; readonly role: Role }
  | { readonly type: 'stageSeen' }
  | { readonly type: 'mutedByHost'; readonly muted: boolean }
  | { readonly type: 'door'; readonly door: Door }
  | { readonly type: 'guests'; readonly guests: Guests }
  /** How many tiles there is room for. */
  | { readonly type: 'room'; readonly perPage: number }
  | { readonly type: 'turnPage'; readonly by: 1 | -1 }
  | { readonly type: 'epoch'; readonly epoch: EpochInfo }
  | { readonly type: 'stats'; readonly stats: MeetingStats }
  | { readonly type: 'sendingPaused'; readonly paused: boolean }
  | { readonly type: 'connection'; readonly lost: boolean }
  | { readonly type: 'sharing'; readonly on: boolean }
  | { readonly type: 'soundBlocked'; readonly blocked: boolean }
  | { readonly type: 'panel'; readonly panel: Panel | null }
  | { readonly type: 'invitation'; readonly invitation: Invitation }
  | { readonly type: 'notInvited'; readonly advice: Advice; readonly asksSecret: boolean }
  | { readonly type: 'said'; readonly text: string }
  | { readonly type: 'trouble'; readonly advice: Advice }
  | { readonly type: 'dismissed'; readonly id: number }
  | { readonly type: 'over'; readonly reason: EndReason; readonly trouble: Advice | null }
  | { readonly type: 'returned'; readonly meetingId: string | null };

const noCapture: Capture = {
  wanted: false,
  asking: false,
  trackId: null,
  deviceId: null,
  devices: [],
  trouble: null,
};

export const openDoor: Door = { locked: false, lobby: false, live: true };
export const noGuests: Guests = { count: 0, guests: [] };

export const firstState: State = {
  phase: 'lobby',
  meetingId: null,
  meetingName: null,
  invited: false,
  toWatch: false,
  name: '',
  blocked: null,
  asksSecret: false,
  step: null,
  waiting: null,
  joinTrouble: null,
  microphone: noCapture,
  camera: noCapture,
  sharing: false,
  outputs: [],
  outputId: null,
  selfId: null,
  role: null,
  kind: 'interactive',
  door: openDoor,
  guests: noGuests,
  invitedToStage: false,
  mutedByHost: false,
  seats: noSeats,
  people: [],
  tracks: [],
  speakers: [],
  epochs: [],
  stats: null,
  sendingPaused: false,
  reconnecting: false,
  soundBlocked: false,
  panel: null,
  invitation: null,
  inviteTrouble: null,
  said: { text: '', serial: 0 },
  troubles: [],
  over: null,
  overTrouble: null,
};
