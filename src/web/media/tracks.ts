// The tracks themselves, by their ids: the state names them, whoever draws or plays them looks them up here.

const known = new Map<string, MediaStreamTrack>();

export const keepTrack = (track: MediaStreamTrack): string => {
  known.set(track.id, track);
  return track.id;
};

export const trackOf = (id: string | null): MediaStreamTrack | undefined =>
  id === null ? undefined : known.get(id);

export const forgetTrack = (id: string): void => {
  known.delete(id);
};
