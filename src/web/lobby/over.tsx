// After the meeting: why it is over, and the way back.

import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { AdviceBox } from '../parts/fields.tsx';
import { Mark } from '../parts/icons.tsx';
import { overWords } from '../words/meetingWords.ts';

export const Over = ({ state, call }: Props): JSX.Element => {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  const { title, hint } = overWords[state.over ?? 'left'];
  const mayReturn = state.over !== 'meetingEnded';
  return (
    <main class="card-page">
      <div class="card">
        <Mark />
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p>{hint}</p>
        {state.overTrouble !== null && <AdviceBox advice={state.overTrouble} />}
        <div class="row">
          {mayReturn && (
            <button type="button" class="button" onClick={() => call.returnTo(state.meetingId)}>
              Join again
            </button>
          )}
          <button type="button" class="button quiet" onClick={() => call.returnTo(null)}>
            New meeting
          </button>
        </div>
      </div>
    </main>
  );
};
