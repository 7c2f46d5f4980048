// One person in the list of people; for hosts with a menu of what they may do.

import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Props } from '../app.tsx';
import type { Asking } from '../call/asking.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Icon } from '../parts/icons.tsx';
import { hueOf, initialsOf } from '../people/names.ts';
import { actionsFor } from '../state/roster.ts';
import type { HostAction } from '../state/roster.ts';
import type { Person, State } from '../state/state.ts';
import { actionWords } from '../words/stageWords.ts';

const roleWords = { host: 'Host', presenter: '', viewer: 'Listens' } as const;

const does: Readonly<Record<HostAction, (asking: Asking, id: string) => Promise<void>>> = {
  toStage: (asking, id) => asking.setRole(id, 'presenter'),
  toAudience: (asking, id) => asking.setRole(id, 'viewer'),
  makeHost: (asking, id) => asking.setRole(id, 'host'),
  mute: (asking, id) => asking.mute(id),
  stopShare: (asking, id) => asking.stopShare(id),
  remove: (asking, id) => asking.remove(id),
};

const sounds = (state: State, { id, sending }: Person): boolean =>
  id === state.selfId
    ? state.microphone.wanted && state.microphone.trackId !== null
    : sending.some(({ source, muted }) => source === 'microphone' && !muted);

interface MenuProps {
  readonly id: string;
  readonly person: Person;
  readonly asking: Asking | null;
  readonly onDone: () => void;
}

const Menu = ({ id, person, asking, onDone }: MenuProps): JSX.Element => {
  const run = (action: HostAction): void => {
    if (asking !== null) void does[action](asking, person.id);
    onDone();
  };
  const escape = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    onDone();
  };
  return (
    <div class="person-menu" id={id} role="group" aria-label={person.name} onKeyDown={escape}>
      {actionsFor(person).map((action) =>
        action === 'remove' ? (
          <Confirm
            key={action}
            class="button small quiet dangerous"
            label={actionWords[action]}
            question={`Remove ${person.name}? The key changes behind them.`}
            onConfirm={() => run(action)}
          />
        ) : (
          <button key={action} type="button" class="button small quiet" onClick={() => run(action)}>
            {actionWords[action]}
          </button>
        ),
      )}
    </div>
  );
};

const Status = ({ state, person }: { state: State; person: Person }): JSX.Element | null => {
  const heard = sounds(state, person);
  const speaking = heard && state.speakers.includes(person.id);
  const status = heard ? (speaking ? 'speaking' : '') : person.role === 'viewer' ? '' : 'muted';
  if (status === '') return null;
  return (
    <span class="person-status">
      <Icon name={speaking ? 'sound' : 'microphoneOff'} />
      <span class="unseen">{status}</span>
    </span>
  );
};

export const PersonRow = ({ state, call, person }: Props & { person: Person }): JSX.Element => {
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const { id, name, role, hand } = person;
  const self = id === state.selfId;
  const speaking = state.speakers.includes(id) && sounds(state, person);
  const menuId = `menu-${id}`;
  const done = (): void => {
    setOpen(false);
    opener.current?.focus();
  };
  return (
    <li data-person={id} data-speaking={speaking ? '' : undefined}>
      <div class="person">
        <span class="avatar tiny" data-hue={hueOf(name)} aria-hidden="true">
          {initialsOf(name)}
        </span>
        <span class="person-name">{self ? `${name} (you)` : name}</span>
        {roleWords[role] !== '' && <span class="role">{roleWords[role]}</span>}
        {hand !== null && (
          <span class="person-hand">
            <Icon name="hand" />
            <span class="unseen">hand raised</span>
          </span>
        )}
        <Status state={state} person={person} />
        {state.role === 'host' && !self && (
          <button
            ref={opener}
            type="button"
            class="plain"
            aria-expanded={open}
            aria-controls={open ? menuId : undefined}
            aria-label={`What to do with ${name}`}
            onClick={() => setOpen(!open)}
          >
            <Icon name="more" />
          </button>
        )}
      </div>
      {open && state.role === 'host' && !self && (
        <Menu id={menuId} person={person} asking={call.asking} onDone={done} />
      )}
    </li>
  );
};
