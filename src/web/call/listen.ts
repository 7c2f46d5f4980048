// A meeting's events → the state. Comings and goings of one moment are said in one sentence.

import type { EndReason, Meeting, MeetingParticipant } from '../../client/browser/api.ts';
import { forgetTrack, keepTrack } from '../media/tracks.ts';
import type { Person } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import { adviceForCode } from '../words/advice.ts';
import type { Advice } from '../words/advice.ts';
import { sayComings } from '../words/comings.ts';
import { reconnectedWords } from '../words/meetingWords.ts';

/** Who comes or goes changes the key a little later: so long it is waited for, to be said in the same sentence. */
const waitMs = 2_000;
/** After a new key, for those who came with the same one. */
const gatherMs = 200;
/** Statistics: while the key panel is open, and otherwise. */
const statsMs = { open: 1_000, closed: 5_000 };

const personOf = ({ participantId, name, role, sending }: MeetingParticipant): Person => ({
  id: participantId,
  name,
  role,
  sending: sending.map(({ source, muted }) => ({ source, muted })),
});

export const peopleOf = (meeting: Meeting): Person[] => meeting.participants.map(personOf);

interface Gathered {
  joined: string[];
  left: string[];
  epoch: number | null;
}

const nothing = (): Gathered => ({ joined: [], left: [], epoch: null });

/** Says what was gathered, once its key is there or has let itself be waited for. */
const createGatherer = (say: (text: string) => void) => {
  let gathered = nothing();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (): void => {
    timer = undefined;
    const text = sayComings(gathered);
    gathered = nothing();
    say(text);
  };
  return {
    add(change: (gathered: Gathered) => void): void {
      change(gathered);
      if (gathered.epoch !== null) {
        clearTimeout(timer);
        timer = setTimeout(tell, gatherMs);
      } else timer ??= setTimeout(tell, waitMs);
    },
    close: () => clearTimeout(timer),
  };
};

const watchStats = (store: Store, meeting: Meeting): (() => void) => {
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async (): Promise<void> => {
    const stats = await meeting.stats().catch(() => null); // none while the meeting ends
    if (closed) return;
    if (stats !== null) store.dispatch({ type: 'stats', stats });
    // Until the browser names the ciphers it is asked as if somebody looked.
    const eager = store.state.panel === 'key' || stats?.hop.srtpCipher == null;
    timer = setTimeout(() => void look(), eager ? statsMs.open : statsMs.closed);
  };
  void look();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
};

/** @param onEnded once, after which nothing more is dispatched. */
export const listen = (
  store: Store,
  meeting: Meeting,
  onEnded: (reason: EndReason, trouble: Advice | null) => void,
): void => {
  const gatherer = createGatherer((text) => store.dispatch({ type: 'said', text }));
  const stopStats = watchStats(store, meeting);
  const people = (): void => store.dispatch({ type: 'people', people: peopleOf(meeting) });
  let trouble: Advice | null = null;

  const stops = [
    meeting.on('track', ({ participantId, kind, source, track }) => {
      store.dispatch({ type: 'track', track: { trackId: keepTrack(track), participantId, kind, source } });
      people();
    }),
    meeting.on('trackEnded', ({ track }) => {
      forgetTrack(track.id);
      store.dispatch({ type: 'trackEnded', trackId: track.id });
      people();
    }),
    meeting.on('participantJoined', ({ name }) => {
      people();
      gatherer.add(({ joined }) => joined.push(name));
    }),
    meeting.on('participantLeft', ({ name }) => {
      people();
      gatherer.add(({ left }) => left.push(name));
    }),
    meeting.on('muted', people),
    meeting.on('speakers', ({ participantIds }) => store.dispatch({ type: 'speakers', ids: participantIds })),
    meeting.on('epoch', (epoch) => {
      store.dispatch({ type: 'epoch', epoch });
      gatherer.add((gathered) => {
        gathered.epoch = epoch.epoch;
      });
    }),
    meeting.on('connection', ({ state }) => {
      store.dispatch({ type: 'connection', lost: state === 'lost' });
      if (state === 'resumed') store.dispatch({ type: 'said', text: reconnectedWords });
      people();
    }),
    meeting.on('sendingPaused', ({ paused }) => store.dispatch({ type: 'sendingPaused', paused })),
    meeting.on('failure', ({ code }) => {
      trouble = adviceForCode(code);
      store.dispatch({ type: 'trouble', advice: trouble });
    }),
    meeting.on('ended', ({ reason }) => {
      for (const stop of stops) stop();
      gatherer.close();
      stopStats();
      onEnded(reason, reason === 'left' ? null : trouble);
    }),
  ];
};
