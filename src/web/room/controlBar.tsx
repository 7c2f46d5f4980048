// What one can do in the meeting.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { DeviceButtons } from '../parts/deviceButtons.tsx';
import { RoundButton } from '../parts/fields.tsx';
import { openerId } from '../parts/keys.ts';
import type { IconName } from '../parts/icons.tsx';
import type { Panel } from '../state/state.ts';

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

export const ControlBar = (props: Props): JSX.Element => {
  const { state, store, call } = props;
  return (
    <footer class="controls" role="group" aria-label="Controls">
      {state.role !== 'viewer' && <Sending {...props} />}
      <span class="divider" />
      {panelButtons.map(({ panel, icon, label, caption }) => (
        <RoundButton
          key={panel}
          id={openerId(panel)}
          icon={icon}
          label={panel === 'people' ? `${label}: ${state.people.length}` : label}
          caption={panel === 'people' ? `${caption} ${state.people.length}` : caption}
          aria-expanded={state.panel === panel}
          aria-controls={`panel-${panel}`}
          data-testid={panel}
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
