// Stands in for `/sdk/latchkey.js` where the page alone is tried: a meeting without a server, whose events the test sends. Its tracks are
// real ones (a canvas, an oscillator). Types are stripped before it is served, so it imports nothing else.

import type {
  EpochInfo,
  JoinMeeting,
  Meeting,
  MeetingEvents,
  MeetingParticipant,
  Publication,
  RemoteTrack,
} from '../../../src/client/browser/api.ts';

export interface StandIn {
  /** The code with which the next joining is refused; `hang`: it takes until it is cancelled. */
  refuse: string | null;
  readonly joined: { token: string; meeting: string | undefined }[];
  readonly publications: Publication[];
  left: boolean;
  emit<E extends keyof MeetingEvents>(event: E, data: MeetingEvents[E]): void;
  /** Somebody comes, with a picture and a voice unless told otherwise. */
  arrive(participantId: string, name: string, silently?: boolean): void;
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

const publish: Meeting['publish'] = async (track, options = {}) => {
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
  kind: 'interactive',
  participantId: selfId,
  role: 'host',
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

/** As the SDK's errors: told apart by their code alone. */
const refusal = (code: string): Error => Object.assign(new Error(code), { code });

export const joinMeeting: JoinMeeting = async ({ token, meeting, signal, onProgress }) => {
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
  people.push({ participantId: selfId, name: 'Ada', role: 'host', sending: [] });
  return meetingNamed(meeting ?? 'made');
};

window.standIn = {
  refuse: null,
  joined: [],
  publications,
  left: false,
  emit,
  arrive(participantId, name, silently = false) {
    const person: MeetingParticipant = {
      participantId,
      name,
      role: 'presenter',
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
