// A meeting's events → the state. Who is here is looked at once a frame, however many came in it.

import type { EndReason, Meeting, MeetingParticipant, Publication, Role } from '../../client/browser/api.ts';
import { forgetTrack, keepTrack } from '../media/tracks.ts';
import type { Person } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import { adviceForCode } from '../words/advice.ts';
import type { Advice } from '../words/advice.ts';
import { reconnectedWords } from '../words/meetingWords.ts';
import { sayDoor, sayGuests, sayRole } from '../words/stageWords.ts';
import { createFrame } from './frame.ts';
import { createGatherer } from './gatherer.ts';

/** Statistics: while the key panel is open, and otherwise. */
const statsMs = { open: 1_000, closed: 5_000 };

const personOf = ({ participantId, name, role, hand, sending }: MeetingParticipant): Person => ({
  id: participantId,
  name,
  role,
  hand,
  sending: sending.map(({ source, muted }) => ({ source, muted })),
});

export const peopleOf = (meeting: Meeting): Person[] => meeting.participants.map(personOf);

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

/** Names of others who raised a hand since the last look. */
const createHands = (people: readonly Person[], selfId: string) => {
  const raisedOf = (now: readonly Person[]): Map<string, string> =>
    new Map(now.filter(({ id, hand }) => hand !== null && id !== selfId).map(({ id, name }) => [id, name]));
  let raised = raisedOf(people);
  return (now: readonly Person[]): string[] => {
    const before = raised;
    raised = raisedOf(now);
    return [...raised].filter(([id]) => !before.has(id)).map(([, name]) => name);
  };
};

export interface Outcome {
  role(role: Role): void;
  /** A host muted it. */
  muted(publication: Publication): void;
  /** Once, after which nothing more is dispatched. */
  ended(reason: EndReason, trouble: Advice | null): void;
}

type Say = (text: string) => void;

/** What hosts change: roles, the door, who waits before it. */
const listenToHosts = (store: Store, meeting: Meeting, say: Say, outcome: Outcome): (() => void)[] => [
  meeting.on('role', ({ role }) => {
    say(sayRole(store.state.role, role));
    outcome.role(role);
  }),
  meeting.on('mutedByHost', (publication) => outcome.muted(publication)),
  meeting.on('door', (door) => {
    const text = sayDoor(store.state.door, door, store.state.role);
    store.dispatch({ type: 'door', door });
    if (text !== '') say(text);
  }),
  meeting.on('guests', (guests) => {
    const nobodyBefore = sayGuests(store.state.guests) === '';
    store.dispatch({ type: 'guests', guests });
    const text = sayGuests(guests);
    if (nobodyBefore && text !== '') say(text); // from then on the room shows how many
  }),
];

const listenToMedia = (store: Store, meeting: Meeting, look: () => void): (() => void)[] => [
  meeting.on('track', ({ participantId, kind, source, track }) => {
    store.dispatch({ type: 'track', track: { trackId: keepTrack(track), participantId, kind, source } });
    look();
  }),
  meeting.on('trackEnded', ({ track }) => {
    forgetTrack(track.id);
    store.dispatch({ type: 'trackEnded', trackId: track.id });
    look();
  }),
  meeting.on('muted', look),
  meeting.on('speakers', ({ participantIds }) => store.dispatch({ type: 'speakers', ids: participantIds })),
  meeting.on('sendingPaused', ({ paused }) => store.dispatch({ type: 'sendingPaused', paused })),
];

export const listen = (store: Store, meeting: Meeting, outcome: Outcome): void => {
  const say: Say = (text) => store.dispatch({ type: 'said', text });
  const gatherer = createGatherer(say);
  const stopStats = watchStats(store, meeting);
  const newHands = createHands(store.state.people, meeting.participantId);
  const frame = createFrame(() => {
    const people = peopleOf(meeting);
    store.dispatch({ type: 'people', people });
    const raised = newHands(people);
    if (raised.length > 0 && meeting.role === 'host') gatherer.add((all) => all.raised.push(...raised));
  });
  const look = (): void => frame.ask();
  let trouble: Advice | null = null;

  const stops = [
    ...listenToHosts(store, meeting, say, outcome),
    meeting.on('role', look),
    ...listenToMedia(store, meeting, look),
    meeting.on('participantJoined', ({ name }) => {
      look();
      gatherer.add(({ joined }) => joined.push(name));
    }),
    meeting.on('participantChanged', look),
    meeting.on('participantLeft', ({ name }) => {
      look();
      gatherer.add(({ left }) => left.push(name));
    }),
    meeting.on('epoch', (epoch) => {
      store.dispatch({ type: 'epoch', epoch });
      gatherer.add((gathered) => {
        gathered.epoch = epoch.epoch;
      });
    }),
    meeting.on('connection', ({ state }) => {
      store.dispatch({ type: 'connection', lost: state === 'lost' });
      if (state === 'resumed') say(reconnectedWords);
      look();
    }),
    meeting.on('failure', ({ code }) => {
      trouble = adviceForCode(code);
      store.dispatch({ type: 'trouble', advice: trouble });
    }),
    meeting.on('ended', ({ reason }) => {
      for (const stop of stops) stop();
      gatherer.close();
      frame.close();
      stopStats();
      outcome.ended(reason, reason === 'left' ? null : trouble);
    }),
  ];
};
