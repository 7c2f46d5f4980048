// Which tiles stand on the stage: one for each person, one for each screen that somebody else shows.

import type { Person, State } from './state.ts';

export interface Tile {
  readonly participantId: string;
  readonly name: string;
  readonly self: boolean;
  /** The track to draw; null: none, or it is muted. */
  readonly trackId: string | null;
  /** Nothing of this person can be heard. */
  readonly silent: boolean;
  readonly speaking: boolean;
}

export interface Stage {
  readonly screens: readonly Tile[];
  readonly people: readonly Tile[];
  /** People for whom there was no room. */
  readonly hidden: number;
}

const sends = (person: Person, source: string): boolean =>
  person.sending.some((sent) => sent.source === source && !sent.muted);

const remoteTrack = (state: State, person: Person, source: string): string | null => {
  if (!sends(person, source)) return null;
  const track = state.tracks.find((each) => each.participantId === person.id && each.source === source);
  return track?.trackId ?? null;
};

const tileOf = (state: State, person: Person): Tile => {
  const self = person.id === state.selfId;
  const { microphone, camera } = state;
  return {
    participantId: person.id,
    name: person.name,
    self,
    trackId: self ? (camera.wanted ? camera.trackId : null) : remoteTrack(state, person, 'camera'),
    silent: self ? !microphone.wanted || microphone.trackId === null : !sends(person, 'microphone'),
    speaking: state.speakers.includes(person.id),
  };
};

/** Where not everybody fits, this person stays, then whoever speaks, then whoever shows a picture; the order is kept. */
const chosen = (tiles: readonly Tile[], room: number): readonly Tile[] => {
  if (tiles.length <= room) return tiles;
  const rank = (tile: Tile) => (tile.self ? 0 : tile.speaking ? 1 : tile.trackId === null ? 3 : 2);
  const kept = new Set([...tiles].sort((a, b) => rank(a) - rank(b)).slice(0, Math.max(1, room)));
  return tiles.filter((tile) => kept.has(tile));
};

/** Others in order of joining, this person last: newcomers move nobody but oneself. */
export const stageOf = (state: State, room: (screens: number) => number): Stage => {
  const others = state.people.filter(({ id }) => id !== state.selfId);
  const self = state.people.filter(({ id }) => id === state.selfId);
  const screens = others.flatMap((person) => {
    const trackId = remoteTrack(state, person, 'screen');
    return trackId === null ? [] : [{ ...tileOf(state, person), trackId }];
  });
  const tiles = [...others, ...self].map((person) => tileOf(state, person));
  const people = chosen(tiles, room(screens.length));
  return { screens, people, hidden: tiles.length - people.length };
};
