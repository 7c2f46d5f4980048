// An invitation is a link with a token in its fragment, good for one person, once.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { limits } from '../../protocol/timers.ts';
import type { Props } from '../app.tsx';
import { AdviceBox, SecretField } from '../parts/fields.tsx';
import { Icon } from '../parts/icons.tsx';
import { cleanName } from '../people/names.ts';
import type { Role } from '../../protocol/names.ts';
import type { Invitation } from '../state/state.ts';
import { PanelFrame } from './panel.tsx';

const Made = ({ invitation }: { invitation: Invitation }): JSX.Element => (
  <div class="invitation" role="status">
    <p>
      <strong>{invitation.copied ? 'Invitation copied.' : 'Copy this invitation:'}</strong> It lets one person
      in, once, until{' '}
      {new Date(invitation.expiresAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}.
    </p>
    <input
      class="link"
      readOnly
      value={invitation.link}
      aria-label="Invitation link"
      data-testid="invitation"
      onFocus={({ currentTarget }) => currentTarget.select()}
    />
  </div>
);

interface PlaceProps {
  readonly role: Role;
  readonly onRole: (role: Role) => void;
}

/** In a broadcast, most come to watch. */
const PlaceSelect = ({ role, onRole }: PlaceProps): JSX.Element => (
  <div class="field">
    <label for="guest-place">Where</label>
    <select
      id="guest-place"
      value={role}
      onChange={({ currentTarget }) => onRole(currentTarget.value === 'viewer' ? 'viewer' : 'presenter')}
    >
      <option value="viewer">In the audience</option>
      <option value="presenter">On the stage</option>
    </select>
  </div>
);

export const InvitePanel = ({ state, store, call }: Props): JSX.Element => {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>(state.kind === 'broadcast' ? 'viewer' : 'presenter');
  const [secret, setSecret] = useState('');
  const { invitation, inviteTrouble } = state;
  const submit = (event: Event): void => {
    event.preventDefault();
    void call.invite(cleanName(name) || 'Guest', role, secret);
  };
  return (
    <PanelFrame panel="invite" title="Invite somebody" store={store} open>
      <form onSubmit={submit} noValidate>
        <div class="field">
          <label for="guest">Their name</label>
          <input
            id="guest"
            value={name}
            placeholder="Guest"
            maxLength={limits.nameLength}
            autocomplete="off"
            aria-describedby="guest-hint"
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
          <p class="hint" id="guest-hint">
            Others will see it. The link is for this person only.
          </p>
        </div>
        {state.kind === 'broadcast' && <PlaceSelect role={role} onRole={setRole} />}
        {inviteTrouble !== null && <AdviceBox advice={inviteTrouble} />}
        {state.asksSecret && <SecretField onInput={setSecret} />}
        <button type="submit" class="button wide">
          <Icon name="copy" />
          Copy invitation
        </button>
      </form>
      {invitation !== null && <Made invitation={invitation} />}
    </PanelFrame>
  );
};
