// The state and who draws it. Drawing is put off to the end of the current task's microtasks, so that ten dispatches draw once.

import { reduce } from './reduce.ts';
import { firstState } from './state.ts';
import type { Action, State } from './state.ts';

export interface Store {
  readonly state: State;
  dispatch(action: Action): void;
}

export const createStore = (draw: (state: State) => void): Store => {
  let state = firstState;
  let waiting = false;
  return {
    get state() {
      return state;
    },
    dispatch(action) {
      state = reduce(state, action);
      if (waiting) return;
      waiting = true;
      queueMicrotask(() => {
        waiting = false;
        draw(state);
      });
    },
  };
};
