// Which tiles stand on the stage: one for each screen that somebody else shows, and a page of those who may send. The audience has none.

import { pageOf } from './seats.ts';
import type { Person, State } from './state.ts';

export interface Tile {
  readonly participantId: string;
  readonly name: string;
  readonly self: boolean;
  /** The track to draw; null: none, it is muted, or it is not received (yet). */
  readonly trackId: string | null;
  /** There is a video to be received, also while it is muted: so it is there at once when it no longer is. */
  readonly video: boolean;
  /** Nothing of this person can be heard. */
  readonly silent: boolean;
  readonly speaking: boolean;
  readonly hand: boolean;
}

export interface Stage {
  readonly screens: readonly Tile[];
  readonly people: readonly Tile[];
  /** From 0. */
  readonly page: number;
  readonly pages: number;
}

const publishes = (person: Person, source: string): boolean =>
  person.sending.some((sent) => sent.source === source);

const sends = (person: Person, source: string): boolean =>
  person.sending.some((sent) => sent.source === source && !sent.muted);

type Tracks = ReadonlyMap<string, string>;
const trackKey = (participantId: string, source: string): string => `${participantId} ${source}`;
const tracksOf = ({ tracks }: State): Tracks =>
  new Map(tracks.map(({ participantId, source, trackId }) => [trackKey(participantId, source), trackId]));

const remoteTrack = (tracks: Tracks, person: Person, source: string): string | null =>
  sends(person, source) ? (tracks.get(trackKey(person.id, source)) ?? null) : null;

const tileOf = (state: State, person: Person, tracks: Tracks): Tile => {
  const self = person.id === state.selfId;
  const { microphone, camera } = state;
  return {
    participantId: person.id,
    name: person.name,
    self,
    trackId: self ? (camera.wanted ? camera.trackId : null) : remoteTrack(tracks, person, 'camera'),
    video: !self && publishes(person, 'camera'),
    silent: self ? !microphone.wanted || microphone.trackId === null : !sends(person, 'microphone'),
    speaking: state.speakers.includes(person.id),
    hand: person.hand !== null,
  };
};

/** The page that is looked at, this person last. */
export const stageOf = (state: State): Stage => {
  const { others, self, page, pages } = pageOf(state.seats);
  const wanted = new Set(self && state.selfId !== null ? [...others, state.selfId] : others);
  const tracks = tracksOf(state);
  const found = new Map<string, Person>();
  const screens: Tile[] = [];
  for (const person of state.people) {
    if (wanted.has(person.id)) found.set(person.id, person);
    if (person.id === state.selfId || !sends(person, 'screen')) continue;
    screens.push({
      ...tileOf(state, person, tracks),
      trackId: remoteTrack(tracks, person, 'screen'),
      video: true,
    });
  }
  const people = [...wanted].flatMap((id) => {
    const person = found.get(id);
    return person === undefined ? [] : [tileOf(state, person, tracks)];
  });
  return { screens, people, page, pages };
};
