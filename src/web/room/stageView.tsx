// Measures the room there is, asks where the tiles stand, and puts them there by CSSOM (style attributes in markup would need
// a weaker content security policy).

import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { arrangeStage, peopleCapacity } from '../layout/arrange.ts';
import type { Box, Place } from '../layout/arrange.ts';
import { stageOf } from '../state/tiles.ts';
import { PersonTile, ScreenTile } from './tileView.tsx';

const useSize = () => {
  const ref = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Box>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const measure = (): void => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, size };
};

const nowhere: Place = { x: 0, y: 0, width: 0, height: 0 };

export const StageView = ({ state, store }: Props): JSX.Element => {
  const { ref, size } = useSize();
  const { screens, people, hidden } = stageOf(state, (count) => peopleCapacity(count, size));
  const places = arrangeStage(screens.length, people.length, size);
  return (
    <div ref={ref} class="stage" role="list" aria-label="People in this meeting" data-testid="stage">
      {screens.map((tile, index) => (
        <ScreenTile
          key={`screen ${tile.participantId}`}
          tile={tile}
          place={places.screens[index] ?? nowhere}
        />
      ))}
      {people.map((tile, index) => (
        <PersonTile key={tile.participantId} tile={tile} place={places.people[index] ?? nowhere} />
      ))}
      {state.people.length === 1 && <p class="alone">Nobody else is here yet. Invite somebody.</p>}
      {hidden > 0 && (
        <button type="button" class="more" onClick={() => store.dispatch({ type: 'panel', panel: 'people' })}>
          and {hidden} more
        </button>
      )}
    </div>
  );
};
