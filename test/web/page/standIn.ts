// Stands in for `/sdk/latchkey.js` where the page alone is tried: a meeting without a server, whose events the test sends. Its tracks are
// real ones (a canvas, an oscillator). Types are stripped before it is served, so it imports nothing else.

import type {
  Door,
  EpochInfo,
  JoinMeeting,
  Meeting,
  MeetingEvents,
  MeetingKind,
  MeetingParticipant,
  Publication,
  RemoteTrack,
  Role,
  ViewedVideo,
  WaitingReason,
} from '../../../src/client/browser/api.ts';

export interface StandIn {
  /** The code with which the next joining is refused; `hang`: it takes until it is cancelled. */
  refuse: string | null;
  /** Joining waits for this first, until `letIn`. */
  waits: WaitingReason | 'busy' | null;
  letIn(): void;
  /** As whom, and into what, the next joining leads. */
  as: { role: Role; kind: MeetingKind; door: Door };
  /** What was asked of the meeting, in order, with its arguments. */
  readonly asked: { readonly method: string; readonly given: readonly unknown[] }[];
  /** The code with which the next of it is refused. */
  refuseAsked: string | null;
  readonly views: (readonly ViewedVideo[])[];
  readonly joined: { token: string; meeting: string | undefined }[];
  readonly publications: Publication[];
  left: boolean;
  emit<E extends keyof MeetingEvents>(event: E, data: MeetingEvents[E]): void;
  /** Somebody comes, with a picture and a voice unless told otherwise. */
  arrive(participantId: string, name: string, silently?: boolean): void;
  /** So many come at once, to listen. */
  crowd(count: number, role: Role): void;
  /** Another role or hand; also of this participant. */
  change(participantId: string, what: Partial<MeetingParticipant>): void;
  /** This participant gets another role: what a viewer sends ends. */
  become(role: Role): void;
  muteByHost(source: Publication['source']): void;
  depart(participantId: string): void;
  changeKey(epoch: number, trigger: EpochInfo['trigger']): void;
}

declare global {
  interface Window {
    standIn: StandIn;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Listener = (data: never) => void;

const listeners = new Map<string, Set<Listener>>();
const people: MeetingParticipant[] = [];
const publications: Mutable<Publication>[] = [];
const tracks: RemoteTrack[] = [];
const selfId = 'me';
let self: { role: Role; kind: MeetingKind; door: Door } = {
  role: 'host',
  kind: 'interactive',
  door: { locked: false, lobby: false, live: true },
};
let guests: MeetingEvents['guests'] = { count: 0, guests: [] };

const fingerprintOf = (epoch: number): string => epoch.toString(16).padStart(2, '0').repeat(16);
const epochOf = (epoch: number, trigger: EpochInfo['trigger']): EpochInfo => ({
  epoch,
  fingerprint: fingerprintOf(epoch),
  chain: fingerprintOf(epoch).repeat(2),
  trigger,
  at: Date.now(),
});
let epochInfo = epochOf(0, 'join');

const emit: StandIn['emit'] = (event, data) => {
  if (event === 'door') self.door = data as Door;
  if (event === 'guests') guests = data as MeetingEvents['guests'];
  for (const listener of listeners.get(event) ?? []) (listener as (data: unknown) => void)(data);
  if (event !== 'ended') return;
  listeners.clear();
  people.length = 0;
  tracks.length = 0;
  publications.length = 0;
};

const onlyTrack = (stream: MediaStream): MediaStreamTrack => {
  const [track] = stream.getTracks();
  if (track === undefined) throw new Error('an empty stream');
  return track;
};

const picture = (): MediaStreamTrack => {
  const canvas = document.createElement('canvas');
  canvas.width = 320;
  canvas.height = 180;
  const context = canvas.getContext('2d');
  const draw = (): void => {
    if (context === null) return;
    context.fillStyle = `hsl(${(performance.now() / 20) % 360} 40% 40%)`;
    context.fillRect(0, 0, 320, 180);
    requestAnimationFrame(draw);
  };
  draw();
  return onlyTrack(canvas.captureStream(15));
};

const voice = (): MediaStreamTrack => {
  const context = new AudioContext();
  const destination = context.createMediaStreamDestination();
  const oscillator = new OscillatorNode(context, { frequency: 220 });
  oscillator.connect(destination);
  oscillator.start();
  return onlyTrack(destination.stream);
};

/** As the SDK's errors: told apart by their code alone. */
const refusal = (code: string): Error => Object.assign(new Error(code), { code });

/** Remembers what was asked, and refuses it where the test wants so. */
const ask = async (method: string, ...given: unknown[]): Promise<void> => {
  const { standIn } = window;
  // Playwright would not tell `undefined` from a missing argument.
  standIn.asked.push({ method, given: given.filter((each) => each !== undefined) });
  const { refuseAsked } = standIn;
  standIn.refuseAsked = null;
  if (refuseAsked !== null) throw refusal(refuseAsked);
};

const host: Meeting['host'] = {
  setRole: (participantId, role) => ask('setRole', participantId, role),
  mute: (participantId) => ask('mute', participantId),
  stopShare: (participantId) => ask('stopShare', participantId),
  remove: (participantId) => ask('remove', participantId),
  setDoor: (door) => ask('setDoor', door),
  admit: (waitingIds) => ask('admit', waitingIds),
  turnAway: (waitingIds) => ask('turnAway', waitingIds),
  end: () => ask('end'),
};

const publish: Meeting['publish'] = async (track, options = {}) => {
  if (self.role === 'viewer') throw refusal('forbidden');
  const source = options.source ?? (track.kind === 'audio' ? 'microphone' : 'camera');
  const publication = {
    producerId: `p${publications.length}`,
    kind: track.kind as 'audio' | 'video',
    source,
    track,
    muted: options.muted ?? false,
    active: true,
  };
  publications.push(publication);
  return publication;
};

const change = (publication: Publication, what: Partial<Publication>): Promise<void> => {
  Object.assign(publication, what);
  return Promise.resolve();
};

const meetingNamed = (id: string): Meeting => ({
  id,
  name: undefined,
  get kind() {
    return self.kind;
  },
  participantId: selfId,
  get role() {
    return self.role;
  },
  get door() {
    return self.door;
  },
  get guests() {
    return guests;
  },
  host,
  keying: 'server',
  get epoch() {
    return epochInfo.epoch;
  },
  get fingerprint() {
    return epochInfo.fingerprint;
  },
  get epochInfo() {
    return epochInfo;
  },
  participants: people,
  publications,
  tracks,
  publish,
  unpublish: (publication) => change(publication, { active: false }),
  setMuted: (publication, muted) => change(publication, { muted }),
  replaceTrack: (publication, track) => change(publication, { track }),
  view: (videos) => window.standIn.views.push(videos),
  raiseHand: (raised) => ask('raiseHand', raised),
  stepDown: () => ask('stepDown'),
  leave: async () => {
    window.standIn.left = true;
    emit('ended', { reason: 'left' });
  },
  on: (event, listener) => {
    const all = listeners.get(event) ?? new Set();
    listeners.set(event, all.add(listener));
    return () => all.delete(listener);
  },
  stats: async () => ({
    hop: { srtpCipher: 'SRTP_AEAD_AES_256_GCM', dtlsCipher: 'TLS_AES', tlsVersion: 'FEFD' },
    frames: {
      sealed: 1_200,
      opened: 2_400,
      missingKey: 3,
      badTag: 0,
      replayed: 0,
      staleEpoch: 0,
      foreignOrigin: 0,
      malformed: 0,
      unsealed: 0,
    },
  }),
});

let letIn = (): void => undefined;

const waitToBeLetIn = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    letIn = resolve;
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });

export const joinMeeting: JoinMeeting = async ({ token, meeting, signal, onProgress, onWaiting }) => {
  const { standIn } = window;
  standIn.joined.push({ token, meeting });
  const { refuse } = standIn;
  standIn.refuse = null;
  if (refuse === 'hang') {
    onProgress?.('key');
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }
  if (refuse !== null) throw refusal(refuse);
  if (standIn.waits !== null) {
    onWaiting?.(standIn.waits);
    await waitToBeLetIn(signal);
    onProgress?.('admission');
  }
  self = { ...standIn.as };
  people.push({ participantId: selfId, name: 'Ada', role: self.role, hand: null, sending: [] });
  return meetingNamed(meeting ?? 'made');
};

/** Replaced, never changed: as the SDK's own. */
const changePerson: StandIn['change'] = (participantId, what) => {
  const index = people.findIndex((person) => person.participantId === participantId);
  const person = people[index];
  if (person === undefined) return;
  const changed = { ...person, ...what };
  people[index] = changed;
  emit('participantChanged', changed);
};

window.standIn = {
  refuse: null,
  waits: null,
  letIn: () => letIn(),
  as: self,
  asked: [],
  refuseAsked: null,
  views: [],
  joined: [],
  publications,
  left: false,
  emit,
  arrive(participantId, name, silently = false) {
    const person: MeetingParticipant = {
      participantId,
      name,
      role: 'presenter',
      hand: null,
      sending: silently
        ? []
        : [
            { source: 'microphone', kind: 'audio', muted: false },
            { source: 'camera', kind: 'video', muted: false },
          ],
    };
    people.push(person);
    emit('participantJoined', person);
    if (silently) return;
    for (const [kind, source, track] of [
      ['audio', 'microphone', voice()],
      ['video', 'camera', picture()],
    ] as const) {
      const remote = { participantId, kind, source, track };
      tracks.push(remote);
      emit('track', remote);
    }
  },
  crowd(count, role) {
    for (let index = 0; index < count; index++) {
      const person = { participantId: `c${index}`, name: `Person ${index}`, role, hand: null, sending: [] };
      people.push(person);
      emit('participantJoined', person);
    }
  },
  change: changePerson,
  become(role) {
    self.role = role;
    emit('role', { role });
    for (const publication of publications.filter(({ active }) => role === 'viewer' && active)) {
      publication.active = false;
      emit('publicationEnded', publication);
    }
    changePerson(selfId, { role });
  },
  muteByHost(source) {
    const publication = publications.find((each) => each.source === source && each.active);
    if (publication === undefined) return;
    publication.muted = true;
    emit('mutedByHost', publication);
  },
  depart(participantId) {
    const index = people.findIndex((person) => person.participantId === participantId);
    const [person] = people.splice(index, 1);
    for (const track of tracks.filter((each) => each.participantId === participantId))
      emit('trackEnded', track);
    emit('participantLeft', { participantId, name: person?.name ?? '', cause: 'left' });
  },
  changeKey(epoch, trigger) {
    epochInfo = epochOf(epoch, trigger);
    emit('epoch', epochInfo);
  },
};
