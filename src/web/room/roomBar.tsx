// What meeting this is, and the lock that opens the key panel.

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { Icon, Mark } from '../parts/icons.tsx';
import { openerId } from '../parts/keys.ts';
import { countPeople } from '../state/roster.ts';
import { sayCounts } from '../words/stageWords.ts';

/** Shows for a moment that the key was changed. */
const usePulse = (epoch: number | undefined) => {
  const ref = useRef<HTMLButtonElement>(null);
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) {
      ref.current?.animate?.(
        [{ transform: 'scale(1)' }, { transform: 'scale(1.06)' }, { transform: 'scale(1)' }],
        {
          duration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 420,
          easing: 'ease-out',
        },
      );
    }
    first.current = false;
  }, [epoch]);
  return ref;
};

export const RoomBar = ({ state, store }: Props): JSX.Element => {
  const epoch = state.epochs[0]?.epoch;
  const badge = usePulse(epoch);
  const open = state.panel === 'key';
  return (
    <header class="room-bar">
      <span class="brand small">
        <Mark />
        <span class="room-name">{state.meetingName ?? 'Latchkey'}</span>
      </span>
      <span class="counts-line" data-testid="counts">
        {state.door.locked && 'Locked · '}
        {sayCounts(state.kind, countPeople(state.people))}
      </span>
      <button
        ref={badge}
        id={openerId('key')}
        type="button"
        class="badge"
        aria-expanded={open}
        aria-controls="panel-key"
        aria-label={`Sealed, epoch ${epoch ?? 0}: ${open ? 'close' : 'open'} the key panel`}
        data-testid="badge"
        onClick={() => store.dispatch({ type: 'panel', panel: 'key' })}
      >
        <Icon name="lock" />
        <span>
          Epoch <b>{epoch}</b>
        </span>
      </button>
    </header>
  );
};
