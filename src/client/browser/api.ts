// The SDK's public face, as types alone: what a page may ask of a meeting and what it is told. No key and nothing that holds
// one is reachable from here.

import type { ErrorCode } from '../../protocol/errors.ts';
import type {
  DepartureCause,
  MediaKind,
  MeetingKind,
  Role,
  Source,
  Trigger,
  WaitingReason,
} from '../../protocol/names.ts';
import type { Door, Guest } from '../../protocol/signaling.ts';

export type {
  DepartureCause,
  Door,
  ErrorCode,
  Guest,
  MediaKind,
  MeetingKind,
  Role,
  Source,
  Trigger,
  WaitingReason,
};

/** Steps of joining, in order. */
export const joinSteps = ['support', 'server', 'admission', 'key', 'media', 'joined'] as const;
export type JoinStep = (typeof joinSteps)[number];

export interface JoinOptions {
  /** Where the server is: `https://meet.example`, with or without a trailing slash. Plain `http:` only makes sense on loopback. */
  readonly url: string;
  /** From `POST /v1/meetings/:id/tokens`. Sent in the first message, never in a URL. */
  readonly token: string;
  /** The meeting that the token is believed to be for: a token for another is refused (`token_foreign`). */
  readonly meeting?: string;
  /** Pins the server's Ed25519 key (base64url, as `/.well-known/latchkey.json` shows it): joining fails where it differs. */
  readonly signingKey?: string;
  /** For tokens bound to a participant's Ed25519 key (`cnf`): signs what is given and answers 64 bytes. */
  readonly sign?: (message: Uint8Array) => Promise<Uint8Array>;
  readonly onProgress?: (step: JoinStep) => void;
  /**
   * Joining takes longer: `lobby`: until a host lets this participant in; `backstage`: until the meeting goes live; `busy`: the server has
   * too much to do and is asked again by itself.
   */
  readonly onWaiting?: (reason: WaitingReason | 'busy') => void;
  /** Gives up joining; without effect once joined. */
  readonly signal?: AbortSignal;
}

export interface MeetingParticipant {
  readonly participantId: string;
  readonly name: string;
  readonly role: Role;
  /** Raised hands in the order in which they were raised: the first has the lowest number. Null: not raised. */
  readonly hand: number | null;
  /** Sources that this participant sends now, and whether each is muted. */
  readonly sending: readonly { readonly source: Source; readonly kind: MediaKind; readonly muted: boolean }[];
}

export interface PublishOptions {
  /** Default: `microphone` for audio, `camera` for video. Each source once at a time. */
  readonly source?: Source;
  /** Starts muted. */
  readonly muted?: boolean;
}

/** One track being sent. */
export interface Publication {
  /** Another one after the server's media worker was replaced. */
  readonly producerId: string;
  readonly kind: MediaKind;
  readonly source: Source;
  readonly track: MediaStreamTrack;
  readonly muted: boolean;
  /** False once unpublished, left or ended. */
  readonly active: boolean;
}

/** Somebody's track. The same object stands in `track` and in `trackEnded`. */
export interface RemoteTrack {
  readonly participantId: string;
  readonly kind: MediaKind;
  readonly source: Source;
  readonly track: MediaStreamTrack;
}

/** A video that is looked at. */
export interface ViewedVideo {
  readonly participantId: string;
  readonly source: 'camera' | 'screen';
  /** Device pixels of the picture's height on the screen: decides which size of it is sent here. */
  readonly height: number;
}

/** What hosts may do. @throws LatchkeyError `forbidden` for everybody else, `not_found` for who has just gone. */
export interface HostControls {
  /** To the stage (`presenter`), back to the audience (`viewer`), or to be a host as well; without joining again. */
  setRole(participantId: string, role: Role): Promise<void>;
  /** Mutes somebody's microphone, or without an id that of everybody who is no host. They may unmute. */
  mute(participantId?: string): Promise<void>;
  /** Ends what somebody shares of a screen. */
  stopShare(participantId: string): Promise<void>;
  /** Cut at once; the key changes behind it. */
  remove(participantId: string): Promise<void>;
  /** Locks, opens or closes the lobby, goes live. What is not given stays. */
  setDoor(change: Partial<Door>): Promise<void>;
  /** Without ids: everybody who waits. */
  admit(waitingIds?: readonly string[]): Promise<void>;
  turnAway(waitingIds: readonly string[]): Promise<void>;
  /** Ends the meeting for everybody. */
  end(): Promise<void>;
}

export interface MeetingEvents {
  /** A track whose frames are being opened. A new listener is told of those that are there already. */
  readonly track: RemoteTrack;
  readonly trackEnded: RemoteTrack;
  readonly participantJoined: MeetingParticipant;
  /** Another role, a hand that was raised or taken down, also of this participant itself; or others send something more or less. */
  readonly participantChanged: MeetingParticipant;
  readonly participantLeft: {
    readonly participantId: string;
    readonly name: string;
    readonly cause: DepartureCause;
  };
  /** The meeting's media is sealed under this epoch from now on. `at`: ms since 1970. */
  readonly epoch: EpochInfo;
  /** Who speaks, loudest first; empty when nobody does. */
  readonly speakers: { readonly participantIds: readonly string[] };
  /** Another participant muted or unmuted a source. */
  readonly muted: { readonly participantId: string; readonly source: Source; readonly muted: boolean };
  /** This participant's own role: with it what it may send. What a viewer that was a presenter had published has ended. */
  readonly role: { readonly role: Role };
  /** Locked or not, lobby or not, live or not. */
  readonly door: Door;
  /** To hosts: who waits to be let in. `count` may be more than are named. */
  readonly guests: { readonly count: number; readonly guests: readonly Guest[] };
  /** A host muted this. `setMuted` unmutes it. */
  readonly mutedByHost: Publication;
  /**
   * `lost`: the connection to the server is gone. Sound and picture go on for now, what is asked for waits, and it is tried to come back
   * for as long as the server keeps the place (10 seconds by default). `resumed`: it did, as the same participant with the same
   * tracks; other events have told what changed meanwhile. Else `failure` and `ended` follow.
   */
  readonly connection: { readonly state: 'lost' | 'resumed' };
  /** The server does not have this one any more: nobody receives it. The track may be published again. */
  readonly publicationEnded: Publication;
  /** The server paused or resumed what this participant sends, since it had not confirmed the active epoch. */
  readonly sendingPaused: { readonly paused: boolean; readonly epoch: number };
  /**
   * Something went wrong; `ended` follows where the meeting could not go on. Among the codes: `sending_stopped` (no current key: nothing
   * is sent until the next), `story_forked` (the server told somebody else, or told here before, another history of this meeting's keys:
   * do not believe it), `key_message_forged` (what came was not signed by the server's key), `resume_refused` (the place was given up).
   */
  readonly failure: { readonly code: ErrorCode; readonly message: string };
  /** Once; nothing comes after it. */
  readonly ended: { readonly reason: EndReason };
}

export type EndReason =
  | 'left'
  | 'meetingEnded'
  | 'evicted'
  /** Another connection took this participant's place. */
  | 'superseded'
  | 'serverStopping'
  | 'protocolError'
  | 'tooSlow'
  | 'failed'
  | 'connectionLost';

export interface EpochInfo {
  readonly epoch: number;
  /** Of the session key, 16 bytes in hex: equal at every participant. */
  readonly fingerprint: string;
  /** 32 bytes in hex, equal at every participant: covers every epoch before, and the ledger, whose line of this epoch names it. */
  readonly chain: string;
  readonly trigger: Trigger;
  /** When this participant was told to use it; ms since 1970. */
  readonly at: number;
}

export interface MeetingStats {
  /** What protects this participant's hop to the server, in the words of RTCTransportStats; null where the browser does not tell (yet). */
  readonly hop: {
    readonly srtpCipher: string | null;
    readonly dtlsCipher: string | null;
    readonly tlsVersion: string | null;
  };
  /** Frames since joining. All but `sealed` and `opened` were dropped. */
  readonly frames: {
    readonly sealed: number;
    readonly opened: number;
    readonly missingKey: number;
    readonly badTag: number;
    /** Some are harmless: browsers measure bandwidth by sending packets again. */
    readonly replayed: number;
    readonly staleEpoch: number;
    readonly foreignOrigin: number;
    readonly malformed: number;
    /** Not sent, since there was no key that might be used. */
    readonly unsealed: number;
  };
}

export interface Meeting {
  readonly id: string;
  /** What the meeting was called when it was made. */
  readonly name: string | undefined;
  readonly kind: MeetingKind;
  readonly participantId: string;
  /** May change. */
  readonly role: Role;
  readonly door: Door;
  /** For hosts: who waits to be let in. */
  readonly guests: MeetingEvents['guests'];
  readonly host: HostControls;
  /** `server`: whoever controls the server's code could decrypt. */
  readonly keying: 'server';
  /** The epoch in use. */
  readonly epoch: number;
  /** In hex. */
  readonly fingerprint: string;
  /** When and why the key last changed. */
  readonly epochInfo: EpochInfo;
  /** Everybody, this participant included and first. */
  readonly participants: readonly MeetingParticipant[];
  readonly publications: readonly Publication[];
  /** The remote tracks being received. */
  readonly tracks: readonly RemoteTrack[];

  /**
   * Sends a track, sealed. Camera video goes out in up to three sizes, a screen in one.
   * @throws LatchkeyError `forbidden` for viewers, `too_many_streams`, `codec_refused`, `closed`; TypeError for a source in use.
   */
  publish(track: MediaStreamTrack, options?: PublishOptions): Promise<Publication>;
  unpublish(publication: Publication): Promise<void>;
  /** Muted: nothing is sent and others are told. */
  setMuted(publication: Publication, muted: boolean): Promise<void>;
  /** Another device, the same stream: no new key, nobody else notices. */
  replaceTrack(publication: Publication, track: MediaStreamTrack): Promise<void>;
  /**
   * Which videos are looked at, and how large: the others are not received. Until it is called all are. Sound needs no view: the loudest are
   * heard. A track of a video that is looked at comes with `track`; one that is no longer may go with `trackEnded`.
   */
  view(videos: readonly ViewedVideo[]): void;
  raiseHand(raised: boolean): Promise<void>;
  /** Back to the audience, by oneself. */
  stepDown(): Promise<void>;
  /** Tells the server, overwrites what keys it can, ends the worker. Tracks given to `publish` stay the page's own. */
  leave(): Promise<void>;
  /** @returns a function that takes the listener away. */
  on<E extends keyof MeetingEvents>(event: E, listener: (data: MeetingEvents[E]) => void): () => void;
  stats(): Promise<MeetingStats>;
}

/** @throws LatchkeyError: a token's code, `media_unsupported`, `connection_lost`, `key_message_forged` …; AbortError. */
export type JoinMeeting = (options: JoinOptions) => Promise<Meeting>;
