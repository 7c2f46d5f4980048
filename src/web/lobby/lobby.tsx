// Before the meeting: who one is, which devices, and the way in.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { AdviceBox, DeviceSelect, SecretField } from '../parts/fields.tsx';
import { Mark } from '../parts/icons.tsx';
import { cleanName } from '../people/names.ts';
import { operatorSentence } from '../words/keyWords.ts';
import { stepWords } from '../words/meetingWords.ts';
import { waitingWords } from '../words/stageWords.ts';
import { Preview } from './preview.tsx';
import { limits } from '../../protocol/timers.ts';

const titles = {
  new: { heading: 'Start a meeting', button: 'Start a meeting' },
  known: { heading: 'Join the meeting', button: 'Join' },
};

const Devices = ({ state, call }: Props): JSX.Element => (
  <>
    <div class="pair">
      <DeviceSelect
        id="choose-microphone"
        label="Microphone"
        devices={state.microphone.devices}
        chosen={state.microphone.deviceId}
        none="None found"
        onChoose={(id) => void call.chooseDevice('microphone', id)}
      />
      <DeviceSelect
        id="choose-camera"
        label="Camera"
        devices={state.camera.devices}
        chosen={state.camera.deviceId}
        none="None found"
        onChoose={(id) => void call.chooseDevice('camera', id)}
      />
    </div>
    {state.camera.trouble !== null && <AdviceBox advice={state.camera.trouble} />}
    {state.microphone.trouble !== null && <AdviceBox advice={state.microphone.trouble} />}
  </>
);

interface NameProps {
  readonly name: string;
  readonly invited: boolean;
  readonly missing: boolean;
  readonly onName: (name: string) => void;
}

const NameField = ({ name, invited, missing, onName }: NameProps): JSX.Element => (
  <div class="field">
    <label for="name">Your name</label>
    <input
      id="name"
      name="name"
      value={name}
      maxLength={limits.nameLength}
      readOnly={invited}
      autocomplete="name"
      aria-invalid={missing}
      aria-describedby={missing || invited ? 'name-hint' : undefined}
      onInput={({ currentTarget }) => onName(currentTarget.value)}
    />
    {(missing || invited) && (
      <p id="name-hint" class={missing ? 'hint wrong' : 'hint'} role={missing ? 'alert' : undefined}>
        {missing ? 'Enter a name: others see it beside your picture.' : 'Your invitation names you.'}
      </p>
    )}
  </div>
);

const Way = ({ state, call }: Props): JSX.Element => {
  if (state.phase !== 'joining') {
    return (
      <button type="submit" class="button wide" data-testid="join">
        {titles[state.meetingId === null ? 'new' : 'known'].button}
      </button>
    );
  }
  const waiting = state.waiting === null ? null : waitingWords[state.waiting];
  return (
    <div class="joining" role="status" data-waiting={state.waiting ?? undefined}>
      <span class="spinner" aria-hidden="true" />
      <span class="grow">
        {waiting === null ? `${stepWords[state.step ?? 'server']}…` : waiting.title}
        {waiting !== null && <span class="hint waiting-hint">{waiting.hint}</span>}
      </span>
      <button type="button" class="button quiet" onClick={() => call.cancel()}>
        Cancel
      </button>
    </div>
  );
};

const Form = (props: Props): JSX.Element => {
  const { state, store, call } = props;
  const [missing, setMissing] = useState(false);
  const [secret, setSecret] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    const name = cleanName(state.name);
    setMissing(name === '');
    if (name === '') document.getElementById('name')?.focus();
    else if (state.phase === 'lobby') void call.join(name, state.asksSecret ? secret : '');
  };
  return (
    <form class="entry" onSubmit={submit} noValidate>
      <NameField
        name={state.name}
        invited={state.invited}
        missing={missing && cleanName(state.name) === ''}
        onName={(name) => store.dispatch({ type: 'named', name })}
      />
      {!state.toWatch && <Devices {...props} />}
      {state.joinTrouble !== null && <AdviceBox advice={state.joinTrouble} />}
      {state.asksSecret && <SecretField onInput={setSecret} />}
      <Way {...props} />
    </form>
  );
};

export const Lobby = (props: Props): JSX.Element => {
  const { meetingId, phase } = props.state;
  const { heading } = titles[meetingId === null ? 'new' : 'known'];
  useEffect(() => {
    document.title = meetingId === null ? 'Latchkey' : 'Join · Latchkey';
  }, [meetingId]);
  return (
    <main class="lobby">
      <header class="brand">
        <Mark />
        <span>Latchkey</span>
      </header>
      <div class="lobby-columns">
        <Preview {...props} />
        <section class="lobby-form">
          <h1>{phase === 'joining' ? 'One moment' : heading}</h1>
          <Form {...props} />
        </section>
      </div>
      <footer class="fine">
        Every frame is sealed under a key that changes whenever somebody joins or leaves. The server makes
        that key: {operatorSentence.toLowerCase()}
      </footer>
    </main>
  );
};
