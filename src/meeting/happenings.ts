// What happens in meetings, as it is told to whoever follows them: webhooks, the console, reports. Plain data about people and epochs, never a
// key. Followers are told at once and in order; what one of them throws is its own mistake and reaches neither the meeting nor the others.

import type {
  DepartureCause,
  DroppedReason,
  EndReason,
  EpochId,
  MeetingKind,
  Role,
  Trigger,
} from '../protocol/names.ts';

interface Facts {
  /** An incarnation began: somebody is the first to join. */
  readonly meetingStarted: {
    readonly kind: MeetingKind;
    readonly name?: string | undefined;
    /** base64url */
    readonly incarnation: string;
  };
  /** The incarnation is over. `meetingEnded`: also where everybody left, and the meeting may start again. */
  readonly meetingEnded: { readonly reason: EndReason; readonly incarnation: string };
  readonly participantJoined: { readonly participant: string; readonly name: string; readonly role: Role };
  readonly participantLeft: {
    readonly participant: string;
    readonly name: string;
    readonly role: Role;
    readonly cause: DepartureCause;
  };
  readonly roleChanged: { readonly participant: string; readonly role: Role };
  /** An epoch is in use. Times in milliseconds; `participants`: who had acknowledged it by then, and who had not. */
  readonly epochRotated: {
    readonly epoch: EpochId;
    readonly trigger: Trigger;
    readonly by: 'quorum' | 'deadline';
    readonly tookMs: number;
    readonly acknowledged: number;
    readonly missed: number;
  };
  /** A departed participant can open nothing more. `epoch`: the first that it cannot derive; null where none was needed. */
  readonly exposed: {
    readonly participant: string;
    readonly cause: DepartureCause;
    readonly epoch: EpochId | null;
    readonly exposureMs: number;
  };
  /** Missed an acknowledgement deadline. */
  readonly lagging: { readonly participant: string; readonly epoch: EpochId };
  /** Frames that this participant says that it dropped since it said so last, by why. */
  readonly framesDropped: {
    readonly participant: string;
    readonly dropped: Readonly<{ [reason in DroppedReason]?: number | undefined }>;
  };
}

export type HappeningType = keyof Facts;

export type Happening<T extends HappeningType = HappeningType> = {
  readonly [K in T]: {
    readonly type: K;
    /** Its id. */
    readonly meeting: string;
    /** Wall time: ms since 1970. */
    readonly at: number;
  } & Facts[K];
}[T];

/** What a meeting hands in: whose it is, and when, is added. */
export type Told = { [K in HappeningType]: { readonly type: K } & Facts[K] }[HappeningType];

export type Follower = (happening: Happening) => void;

export class Happenings {
  readonly #followers = new Set<Follower>();
  readonly #now: () => number;
  readonly #onFailed: (thrown: unknown) => void;

  /** `now`: wall time in ms. */
  constructor(now: () => number, onFailed: (thrown: unknown) => void) {
    this.#now = now;
    this.#onFailed = onFailed;
  }

  /** Until the function that it gives is called. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  tell(meeting: string, told: Told): void {
    if (this.#followers.size === 0) return;
    const happening: Happening = { meeting, at: Math.trunc(this.#now()), ...told };
    for (const follower of this.#followers) {
      try {
        follower(happening);
      } catch (thrown) {
        this.#onFailed(thrown);
      }
    }
  }
}
