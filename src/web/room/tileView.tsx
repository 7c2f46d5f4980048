// One person, or one shown screen, at its place.

import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { initialsOf, hueOf } from '../people/names.ts';
import type { Place } from '../layout/arrange.ts';
import { Icon } from '../parts/icons.tsx';
import { Picture } from '../parts/media.tsx';
import type { Tile } from '../state/tiles.ts';

interface TileProps {
  readonly tile: Tile;
  readonly place: Place;
}

const usePlace = ({ x, y, width, height }: Place) => {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const style = ref.current?.style;
    style?.setProperty('transform', `translate(${Math.round(x)}px, ${Math.round(y)}px)`);
    style?.setProperty('width', `${Math.floor(width)}px`);
    style?.setProperty('height', `${Math.floor(height)}px`);
    style?.setProperty('--tile', `${Math.floor(Math.min(width, height))}px`);
  }, [x, y, width, height]);
  return ref;
};

const describe = ({ name, self, silent, speaking, trackId, hand }: Tile): string =>
  [
    self ? `${name} (you)` : name,
    silent ? 'muted' : speaking ? 'speaking' : '',
    trackId === null ? 'camera off' : '',
    hand ? 'hand raised' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');

export const PersonTile = ({ tile, place }: TileProps): JSX.Element => {
  const ref = usePlace(place);
  return (
    <div
      ref={ref}
      class="tile"
      role="listitem"
      aria-label={describe(tile)}
      data-participant={tile.participantId}
      data-self={tile.self ? '' : undefined}
      data-speaking={tile.speaking && !tile.silent ? '' : undefined}
      data-muted={tile.silent ? '' : undefined}
    >
      <span class="avatar" data-hue={hueOf(tile.name)} aria-hidden="true">
        {initialsOf(tile.name)}
      </span>
      {tile.trackId !== null && <Picture key={tile.trackId} trackId={tile.trackId} mirrored={tile.self} />}
      <span class="label" aria-hidden="true">
        {tile.hand && (
          <span class="label-hand">
            <Icon name="hand" />
          </span>
        )}
        {tile.silent && <Icon name="microphoneOff" />}
        <span class="label-name">{tile.self ? `${tile.name} (you)` : tile.name}</span>
      </span>
    </div>
  );
};

export const ScreenTile = ({ tile, place }: TileProps): JSX.Element => {
  const ref = usePlace(place);
  const words = `${tile.name} shows a screen`;
  return (
    <div ref={ref} class="tile screen" role="listitem" aria-label={words} data-screen-of={tile.participantId}>
      {tile.trackId !== null && <Picture key={tile.trackId} trackId={tile.trackId} contain />}
      <span class="label" aria-hidden="true">
        <Icon name="screen" />
        <span class="label-name">{words}</span>
      </span>
    </div>
  );
};
