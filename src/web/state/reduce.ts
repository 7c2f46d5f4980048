// What each happening does to the state. Pure; an action that no longer fits (a track of somebody who left) changes nothing
// that matters, since whoever dispatches is asynchronous.

import { pageCount, seat } from './seats.ts';
import { firstState, keptEpochs, keptTroubles, noGuests } from './state.ts';
import type { Action, State } from './state.ts';

type Of<T extends Action['type']> = Extract<Action, { readonly type: T }>;
type Handlers = { readonly [T in Action['type']]: (state: State, action: Of<T>) => State };

const withTrouble = (state: State, advice: State['joinTrouble']): State => {
  if (advice === null || state.troubles.some(({ advice: { title } }) => title === advice.title)) return state;
  const id = Math.max(0, ...state.troubles.map((trouble) => trouble.id)) + 1;
  return { ...state, troubles: [...state.troubles, { id, advice }].slice(-keptTroubles) };
};

/** What belongs to the person stays (name, devices); what belonged to the meeting goes. */
const onlyPerson = ({ name, microphone, camera, outputs, outputId }: State): State => ({
  ...firstState,
  name,
  microphone,
  camera,
  outputs,
  outputId,
});

/** After every change of who is on the stage, who speaks, whose hand is raised, or how many tiles there is room for. */
const seated = (state: State): State => ({ ...state, seats: seat(state.seats, state) });

/** What was said of the stage and by hosts is answered by turning something on. */
const answered = (state: State): State => ({
  ...state,
  invitedToStage: state.invitedToStage && !state.microphone.wanted && !state.camera.wanted,
  mutedByHost: state.mutedByHost && !state.microphone.wanted,
});

const handlers: Handlers = {
  placed: (state, { meetingId, invited, toWatch }) => ({ ...state, meetingId, invited, toWatch }),
  blocked: (state, { advice }) => ({ ...state, blocked: advice }),
  named: (state, { name }) => ({ ...state, name }),
  capture: (state, { kind, change }) => answered({ ...state, [kind]: { ...state[kind], ...change } }),
  outputs: (state, { devices }) => ({ ...state, outputs: devices }),
  output: (state, { id }) => ({ ...state, outputId: id }),

  joining: (state) => ({
    ...state,
    phase: 'joining',
    step: null,
    waiting: null,
    joinTrouble: null,
    over: null,
  }),
  step: (state, { step }) => (state.phase === 'joining' ? { ...state, step, waiting: null } : state),
  waiting: (state, { reason }) => (state.phase === 'joining' ? { ...state, waiting: reason } : state),
  cancelled: (state) => ({ ...state, phase: 'lobby', step: null, waiting: null }),
  secretAsked: (state, { advice }) => ({
    ...state,
    phase: 'lobby',
    step: null,
    waiting: null,
    asksSecret: true,
    joinTrouble: advice,
  }),
  notJoined: (state, { advice }) => ({
    ...state,
    phase: 'lobby',
    step: null,
    waiting: null,
    joinTrouble: advice,
  }),
  joined: (state, { meetingId, meetingName, selfId, role, kind, door, guests, people, epoch }) =>
    seated({
      ...state,
      meetingId,
      meetingName,
      selfId,
      role,
      kind,
      door,
      guests,
      people,
      phase: 'meeting',
      step: null,
      waiting: null,
      asksSecret: false,
      invited: false,
      toWatch: false,
      epochs: [epoch],
      // Read before joining; what still does not work says so when it is tried.
      microphone: { ...state.microphone, trouble: null },
      camera: { ...state.camera, trouble: null },
    }),

  people: (state, { people }) => seated({ ...state, people }),
  track: (state, { track }) => ({
    ...state,
    tracks: [...state.tracks.filter(({ trackId }) => trackId !== track.trackId), track],
  }),
  trackEnded: (state, { trackId }) => ({
    ...state,
    tracks: state.tracks.filter((track) => track.trackId !== trackId),
  }),
  speakers: (state, { ids }) => seated({ ...state, speakers: ids }),
  role: (state, { role }) => ({
    ...state,
    role,
    invitedToStage: role === 'viewer' ? false : state.invitedToStage || state.role === 'viewer',
    mutedByHost: role !== 'viewer' && state.mutedByHost,
    // Only hosts are told who waits: what was known is soon untrue.
    guests: role === 'host' ? state.guests : noGuests,
  }),
  stageSeen: (state) => ({ ...state, invitedToStage: false }),
  mutedByHost: (state, { muted }) => ({ ...state, mutedByHost: muted }),
  door: (state, { door }) => ({ ...state, door }),
  guests: (state, { guests }) => ({ ...state, guests }),
  room: (state, { perPage }) => seated({ ...state, seats: { ...state.seats, perPage } }),
  turnPage: (state, { by }) => {
    const { seats } = state;
    const last = pageCount(seats) - 1;
    return {
      ...state,
      seats: { ...seats, page: Math.min(last, Math.max(0, Math.min(last, seats.page) + by)) },
    };
  },
  epoch: (state, { epoch }) => {
    const earlier = state.epochs.filter((known) => known.epoch < epoch.epoch);
    return { ...state, epochs: [epoch, ...earlier].slice(0, keptEpochs) };
  },
  stats: (state, { stats }) => ({ ...state, stats }),
  sendingPaused: (state, { paused }) => ({ ...state, sendingPaused: paused }),
  connection: (state, { lost }) => ({ ...state, reconnecting: lost }),
  sharing: (state, { on }) => ({ ...state, sharing: on }),
  soundBlocked: (state, { blocked }) => ({ ...state, soundBlocked: blocked }),

  panel: (state, { panel }) => ({ ...state, panel: state.panel === panel ? null : panel }),
  invitation: (state, { invitation }) => ({
    ...state,
    invitation,
    inviteTrouble: null,
    asksSecret: false,
  }),
  notInvited: (state, { advice, asksSecret }) => ({
    ...state,
    invitation: null,
    inviteTrouble: advice,
    asksSecret,
  }),
  said: (state, { text }) => ({ ...state, said: { text, serial: state.said.serial + 1 } }),
  trouble: (state, { advice }) => withTrouble(state, advice),
  dismissed: (state, { id }) => ({
    ...state,
    troubles: state.troubles.filter((trouble) => trouble.id !== id),
  }),

  over: (state, { reason, trouble }) => ({
    ...onlyPerson(state),
    phase: 'over',
    over: reason,
    overTrouble: trouble,
    meetingId: state.meetingId,
    meetingName: state.meetingName,
  }),
  returned: (state, { meetingId }) => ({ ...onlyPerson(state), meetingId }),
};

export const reduce = (state: State, action: Action): State =>
  (handlers[action.type] as (state: State, action: Action) => State)(state, action);
