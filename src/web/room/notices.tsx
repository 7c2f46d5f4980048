// Over the stage: what just happened, what is wrong, and what needs a click.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { Icon } from '../parts/icons.tsx';
import type { Advice } from '../words/advice.ts';
import { reconnectingWords } from '../words/meetingWords.ts';
import { mutedByHostWords, onStageWords, sayGuests } from '../words/stageWords.ts';

/** How long what happened stays in sight. */
const saidMs = 5_000;

const paused: Advice = {
  title: 'Nobody sees or hears you for a moment',
  hint: 'The server paused what you send until this browser uses the new key.',
};

const Said = ({ state }: Props): JSX.Element | null => {
  const { text, serial } = state.said;
  const [gone, setGone] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => setGone(serial), saidMs);
    return () => clearTimeout(timer);
  }, [serial]);
  if (text === '' || gone === serial) return null;
  return (
    <p key={serial} class="said" aria-hidden="true">
      {text}
    </p>
  );
};

interface NoticeProps {
  readonly advice: Advice;
  /** Nothing is wrong. */
  readonly mild?: boolean;
  readonly children?: ComponentChildren;
  readonly onClose?: () => void;
}

const Notice = ({ advice, mild, children, onClose }: NoticeProps): JSX.Element => (
  <div class={mild === true ? 'notice mild' : 'notice'} role="alert">
    <Icon name={mild === true ? 'microphoneOff' : 'warning'} />
    <div class="grow">
      <strong>{advice.title}</strong>
      <p>{advice.hint}</p>
      {children}
    </div>
    {onClose !== undefined && (
      <button type="button" class="plain" aria-label="Dismiss" onClick={onClose}>
        <Icon name="close" />
      </button>
    )}
  </div>
);

const deviceTroubles = ({ state, store }: Props): JSX.Element[] =>
  (['microphone', 'camera'] as const).flatMap((kind) => {
    const { trouble } = state[kind];
    if (trouble === null) return [];
    const dismiss = (): void => store.dispatch({ type: 'capture', kind, change: { trouble: null } });
    return [<Notice key={kind} advice={trouble} onClose={dismiss} />];
  });

/** What hosts did with this person, and the one click that answers it. */
const HostsDid = ({ state, store, call }: Props): JSX.Element | null => {
  if (state.mutedByHost) {
    return (
      <Notice
        mild
        advice={mutedByHostWords}
        onClose={() => store.dispatch({ type: 'mutedByHost', muted: false })}
      >
        <button type="button" class="button small" onClick={() => void call.toggle('microphone')}>
          Unmute
        </button>
      </Notice>
    );
  }
  if (!state.invitedToStage) return null;
  return (
    <Notice mild advice={onStageWords} onClose={() => store.dispatch({ type: 'stageSeen' })}>
      <button type="button" class="button small" onClick={() => void call.toggle('microphone')}>
        Turn on your microphone
      </button>
    </Notice>
  );
};

/** To hosts, wherever they look. */
const Knocking = ({ state, store }: Props): JSX.Element | null => {
  const words = sayGuests(state.guests);
  if (state.role !== 'host' || words === '' || state.panel === 'people') return null;
  return (
    <button type="button" class="hear" onClick={() => store.dispatch({ type: 'panel', panel: 'people' })}>
      <Icon name="people" />
      {words}
    </button>
  );
};

export const Notices = (props: Props): JSX.Element => {
  const { state, store, call } = props;
  return (
    <div class="notices">
      <Said {...props} />
      {state.soundBlocked && (
        <button type="button" class="hear" onClick={() => void call.hear()}>
          <Icon name="sound" />
          Click to hear the others
        </button>
      )}
      <Knocking {...props} />
      <HostsDid {...props} />
      {state.reconnecting && <Notice advice={reconnectingWords} />}
      {state.sendingPaused && <Notice advice={paused} />}
      {deviceTroubles(props)}
      {state.troubles.map(({ id, advice }) => (
        <Notice key={id} advice={advice} onClose={() => store.dispatch({ type: 'dismissed', id })} />
      ))}
    </div>
  );
};
