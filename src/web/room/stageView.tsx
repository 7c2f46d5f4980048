// Measures the room there is, asks where the tiles stand, and puts them there by CSSOM (style attributes in markup would need
// a weaker content security policy). Says which videos can be seen, and how large.

import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { arrangeStage, peopleCapacity } from '../layout/arrange.ts';
import type { Box, Place } from '../layout/arrange.ts';
import { viewOf } from '../layout/view.ts';
import { mostTiles } from '../state/seats.ts';
import type { State } from '../state/state.ts';
import { stageOf } from '../state/tiles.ts';
import type { Stage } from '../state/tiles.ts';
import { Pager } from './pager.tsx';
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

const Empty = ({ state, stage }: { state: State; stage: Stage }): JSX.Element | null => {
  if (state.people.length === 1) return <p class="alone">Nobody else is here yet. Invite somebody.</p>;
  return stage.people.length + stage.screens.length === 0 ? (
    <p class="alone">Nobody is on the stage yet.</p>
  ) : null;
};

export const StageView = ({ state, store, call }: Props): JSX.Element => {
  const { ref, size } = useSize();
  const stage = stageOf(state);
  const { screens, people, page, pages } = stage;
  const perPage = Math.min(mostTiles, peopleCapacity(screens.length, size));
  const places = arrangeStage(screens.length, people.length, size);
  const measured = size.width > 0;
  useLayoutEffect(() => {
    if (measured && perPage !== state.seats.perPage) store.dispatch({ type: 'room', perPage });
  });
  useEffect(() => {
    if (measured) call.look(viewOf(stage, places, devicePixelRatio));
  });
  return (
    <>
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
        <Empty state={state} stage={stage} />
      </div>
      <Pager page={page} pages={pages} store={store} />
    </>
  );
};
