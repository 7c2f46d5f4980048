// What hosts do with everybody: who waits before the door, the door itself, muting all, ending the meeting.

import type { JSX } from 'preact';
import type { Guest } from '../../client/browser/api.ts';
import type { Props } from '../app.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { Icon } from '../parts/icons.tsx';
import { hueOf, initialsOf } from '../people/names.ts';
import { Backstage } from './backstage.tsx';

/** Of many who wait, so many are named. */
const guestsShown = 20;

const GuestRow = ({ guest, call }: { guest: Guest } & Pick<Props, 'call'>): JSX.Element => {
  const { waitingId, name, reason } = guest;
  return (
    <li data-waiting={waitingId}>
      <div class="person">
        <span class="avatar tiny" data-hue={hueOf(name)} aria-hidden="true">
          {initialsOf(name)}
        </span>
        <span class="person-name">{name}</span>
        {reason === 'lobby' ? (
          <button
            type="button"
            class="button small"
            aria-label={`Let ${name} in`}
            onClick={() => void call.asking?.admit(waitingId)}
          >
            Let in
          </button>
        ) : (
          <span class="role">until live</span>
        )}
        <button
          type="button"
          class="plain"
          aria-label={`Turn ${name} away`}
          title="Turn away"
          onClick={() => void call.asking?.turnAway(waitingId)}
        >
          <Icon name="close" />
        </button>
      </div>
    </li>
  );
};

const Guests = ({ state, call }: Props): JSX.Element | null => {
  const { count, guests } = state.guests;
  if (count === 0) return null;
  const named = guests.slice(0, guestsShown);
  return (
    <section aria-labelledby="group-waiting">
      <h3 id="group-waiting">
        Waiting <span class="count">{count}</span>
      </h3>
      <ul class="people" aria-labelledby="group-waiting">
        {named.map((guest) => (
          <GuestRow key={guest.waitingId} guest={guest} call={call} />
        ))}
      </ul>
      {count > named.length && <p class="hint">and {count - named.length} more</p>}
      {guests.some(({ reason }) => reason === 'lobby') && (
        <button type="button" class="button small wide" onClick={() => void call.asking?.admitAll()}>
          Let all in
        </button>
      )}
    </section>
  );
};

interface SwitchProps {
  readonly label: string;
  readonly hint: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
}

const Switch = ({ label, hint, on, onChange }: SwitchProps): JSX.Element => (
  <button type="button" class="switch" role="switch" aria-checked={on} onClick={() => onChange(!on)}>
    <span class="grow">
      <span class="switch-label">{label}</span>
      <span class="hint">{hint}</span>
    </span>
    <span class="knob" aria-hidden="true" />
  </button>
);

export const HostSection = (props: Props): JSX.Element => {
  const { state, call } = props;
  const { locked, lobby } = state.door;
  return (
    <div class="host" role="group" aria-label="For hosts">
      <Backstage {...props} />
      <Guests {...props} />
      <Switch
        label="Lock the meeting"
        hint="Nobody but hosts comes in any more"
        on={locked}
        onChange={(on) => void call.asking?.setDoor({ locked: on })}
      />
      <Switch
        label="Lobby"
        hint="Who comes waits until a host lets them in"
        on={lobby}
        onChange={(on) => void call.asking?.setDoor({ lobby: on })}
      />
      <div class="row">
        <button type="button" class="button small quiet" onClick={() => void call.asking?.muteAll()}>
          Mute all
        </button>
        <Confirm
          class="button small quiet dangerous"
          label="End for all"
          question="End the meeting for everybody?"
          onConfirm={() => void call.asking?.end()}
        />
      </div>
    </div>
  );
};
