// Which screen is shown.

import type { JSX } from 'preact';
import type { Call } from './call/call.ts';
import { Blocked } from './lobby/blocked.tsx';
import { Lobby } from './lobby/lobby.tsx';
import { Over } from './lobby/over.tsx';
import { Room } from './room/room.tsx';
import type { State } from './state/state.ts';
import type { Store } from './state/store.ts';

/** What every component is given. */
export interface Props {
  readonly state: State;
  readonly store: Store;
  readonly call: Call;
}

export const App = (props: Props): JSX.Element => {
  const { phase, blocked } = props.state;
  if (blocked !== null) return <Blocked advice={blocked} />;
  if (phase === 'meeting') return <Room {...props} />;
  return phase === 'over' ? <Over {...props} /> : <Lobby {...props} />;
};
