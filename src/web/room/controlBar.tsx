// What one can do in the meeting.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { DeviceButtons } from '../parts/deviceButtons.tsx';
import { RoundButton } from '../parts/fields.tsx';
import { openerId } from '../parts/keys.ts';
import type { IconName } from '../parts/icons.tsx';
import type { Panel, State } from '../state/state.ts';

const panelButtons = [
  { panel: 'invite', icon: 'invite', label: 'Invite somebody', caption: 'Invite' },
  { panel: 'people', icon: 'people', label: 'People', caption: 'People' },
  { panel: 'devices', icon: 'devices', label: 'Devices', caption: 'Devices' },
] as const satisfies readonly { panel: Panel; icon: IconName; label: string; caption: string }[];

const canShareScreen = (): boolean => 'getDisplayMedia' in navigator.mediaDevices;

const Sending = (props: Props): JSX.Element => {
  const { state, call } = props;
  return (
    <>
      <DeviceButtons {...props} />
      {canShareScreen() && (
        <RoundButton
          icon="screen"
          label={state.sharing ? 'Stop showing your screen' : 'Show your screen'}
          caption={state.sharing ? 'Stop' : 'Screen'}
          pressed={state.sharing}
          data-testid="screen"
          onClick={() => void call.toggleScreen()}
        />
      )}
    </>
  );
};

/** A hand is for whoever may not simply speak, or would not interrupt; hosts have the floor. */
const mayRaiseHand = ({ role, kind }: State): boolean =>
  role === 'viewer' || (role === 'presenter' && kind === 'interactive');

const Standing = ({ state, call }: Props): JSX.Element => {
  // This person is the first.
  const raised = state.people[0]?.hand != null;
  return (
    <>
      {mayRaiseHand(state) && (
        <RoundButton
          icon="hand"
          label={raised ? 'Take your hand down' : 'Raise hand'}
          caption="Hand"
          pressed={raised}
          data-testid="hand"
          onClick={() => void call.asking?.raiseHand(!raised)}
        />
      )}
      {state.role === 'presenter' && state.kind === 'broadcast' && (
        <RoundButton
          icon="stepDown"
          label="Step down: back to the audience"
          caption="Down"
          data-testid="step-down"
          onClick={() => void call.asking?.stepDown()}
        />
      )}
    </>
  );
};

/** Under the icon there is room for no more. */
const peopleCaption = (count: number): string => (count < 100 ? `People ${count}` : String(count));

const panelLabel = (panel: Panel, label: string, { people, guests }: State): string => {
  if (panel !== 'people') return label;
  return guests.count > 0
    ? `${label}: ${people.length}, ${guests.count} waiting`
    : `${label}: ${people.length}`;
};

export const ControlBar = (props: Props): JSX.Element => {
  const { state, store, call } = props;
  return (
    <footer class="controls" role="group" aria-label="Controls">
      {state.role !== 'viewer' && <Sending {...props} />}
      <Standing {...props} />
      <span class="divider" />
      {panelButtons.map(({ panel, icon, label, caption }) => (
        <RoundButton
          key={panel}
          id={openerId(panel)}
          icon={icon}
          label={panelLabel(panel, label, state)}
          caption={panel === 'people' ? peopleCaption(state.people.length) : caption}
          aria-expanded={state.panel === panel}
          aria-controls={`panel-${panel}`}
          data-testid={panel}
          data-waiting={panel === 'people' && state.guests.count > 0 ? state.guests.count : undefined}
          onClick={() => store.dispatch({ type: 'panel', panel })}
        />
      ))}
      <span class="divider" />
      <RoundButton
        icon="leave"
        label="Leave the meeting"
        caption="Leave"
        look="leave"
        data-testid="leave"
        onClick={() => void call.leave()}
      />
    </footer>
  );
};
