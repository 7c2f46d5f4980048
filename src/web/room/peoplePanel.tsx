// Everybody, who speaks and who is muted.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { hueOf, initialsOf } from '../people/names.ts';
import { Icon } from '../parts/icons.tsx';
import type { Person, State } from '../state/state.ts';
import { PanelFrame } from './panel.tsx';

const roleWords = { host: 'Host', presenter: '', viewer: 'Listens' } as const;

const sounds = (state: State, { id, sending }: Person): boolean =>
  id === state.selfId
    ? state.microphone.wanted && state.microphone.trackId !== null
    : sending.some(({ source, muted }) => source === 'microphone' && !muted);

const Row = ({ state, person }: { state: State; person: Person }): JSX.Element => {
  const { id, name, role } = person;
  const heard = sounds(state, person);
  const speaking = heard && state.speakers.includes(id);
  const status = heard ? (speaking ? 'speaking' : '') : role === 'viewer' ? '' : 'muted';
  return (
    <li data-person={id} data-speaking={speaking ? '' : undefined}>
      <span class="avatar tiny" data-hue={hueOf(name)} aria-hidden="true">
        {initialsOf(name)}
      </span>
      <span class="person-name">{id === state.selfId ? `${name} (you)` : name}</span>
      {roleWords[role] !== '' && <span class="role">{roleWords[role]}</span>}
      {status !== '' && (
        <span class="person-status">
          <Icon name={speaking ? 'sound' : 'microphoneOff'} />
          <span class="unseen">{status}</span>
        </span>
      )}
    </li>
  );
};

export const PeoplePanel = ({ state, store }: Props): JSX.Element => (
  <PanelFrame panel="people" title={`People: ${state.people.length}`} store={store} open>
    <ul class="people">
      {state.people.map((person) => (
        <Row key={person.id} state={state} person={person} />
      ))}
    </ul>
  </PanelFrame>
);
