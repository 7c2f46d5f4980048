// The meeting: bar, stage, controls, and at most one panel beside them.

import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { Voice } from '../parts/media.tsx';
import { Backstage } from './backstage.tsx';
import { DevicesPanel } from './devicesPanel.tsx';
import { InvitePanel } from './invitePanel.tsx';
import { KeyPanel } from './keyPanel.tsx';
import { PeoplePanel } from './peoplePanel.tsx';
import { ControlBar } from './controlBar.tsx';
import { RoomBar } from './roomBar.tsx';
import { Notices } from './notices.tsx';
import { StageView } from './stageView.tsx';

const Voices = ({ state, store }: Props): JSX.Element => (
  <div class="voices">
    {state.tracks
      .filter(({ kind }) => kind === 'audio')
      .map(({ trackId, participantId }) => (
        <Voice
          key={trackId}
          trackId={trackId}
          participantId={participantId}
          onBlocked={() => store.dispatch({ type: 'soundBlocked', blocked: true })}
        />
      ))}
  </div>
);

export const Room = (props: Props): JSX.Element => {
  const { state } = props;
  const main = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    document.title = `${state.meetingName ?? 'Meeting'} · Latchkey`;
    main.current?.focus();
  }, []);
  return (
    <div class="room" data-panel={state.panel ?? 'none'} data-meeting={state.meetingId}>
      <RoomBar {...props} />
      <main ref={main} class="stage-area" tabIndex={-1} aria-label="Meeting">
        <Backstage {...props} />
        <div class="stage-frame">
          <StageView {...props} />
          <Notices {...props} />
        </div>
      </main>
      <ControlBar {...props} />
      <KeyPanel {...props} />
      {state.panel === 'people' && <PeoplePanel {...props} />}
      {state.panel === 'devices' && <DevicesPanel {...props} />}
      {state.panel === 'invite' && <InvitePanel {...props} />}
      <Voices {...props} />
      <div class="unseen" role="status" aria-live="polite" data-testid="live">
        {state.said.text}
      </div>
    </div>
  );
};
