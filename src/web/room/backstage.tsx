// Before a meeting is live: said to everybody who is in it already; hosts let the audience in.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { sayBackstage } from '../words/stageWords.ts';

export const Backstage = ({ state, call }: Pick<Props, 'state' | 'call'>): JSX.Element | null => {
  if (state.door.live) return null;
  return (
    <div class="backstage">
      <span class="grow">{sayBackstage(state.guests.count)}</span>
      {state.role === 'host' && (
        <button type="button" class="button small" onClick={() => void call.asking?.setDoor({ live: true })}>
          Go live
        </button>
      )}
    </div>
  );
};
