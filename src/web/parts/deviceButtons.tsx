// The two buttons that stand in the lobby and in the meeting: microphone and camera.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import type { Kind } from '../words/deviceAdvice.ts';
import { RoundButton } from './fields.tsx';

const shortcuts = { microphone: 'M Control+D Meta+D', camera: 'V Control+E Meta+E' };
const words = {
  microphone: { on: 'Mute microphone', off: 'Unmute microphone', caption: 'Mic' },
  camera: { on: 'Turn camera off', off: 'Turn camera on', caption: 'Camera' },
};

export const DeviceButton = ({ kind, state, call }: Props & { kind: Kind }): JSX.Element => {
  const { wanted, asking } = state[kind];
  return (
    <RoundButton
      icon={wanted ? kind : `${kind}Off`}
      label={wanted ? words[kind].on : words[kind].off}
      caption={words[kind].caption}
      look={wanted ? 'on' : 'off'}
      busy={asking}
      shortcut={shortcuts[kind]}
      data-testid={kind}
      data-on={wanted}
      onClick={() => void call.toggle(kind)}
    />
  );
};

export const DeviceButtons = (props: Props): JSX.Element => (
  <>
    <DeviceButton {...props} kind="microphone" />
    <DeviceButton {...props} kind="camera" />
  </>
);
