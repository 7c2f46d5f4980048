// Another microphone, camera or loudspeaker, without leaving.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { canChooseOutput } from '../media/sound.ts';
import { DeviceSelect } from '../parts/fields.tsx';
import { LevelMeter } from '../parts/media.tsx';
import { PanelFrame } from './panel.tsx';

export const DevicesPanel = ({ state, store, call }: Props): JSX.Element => {
  const { microphone, camera, outputs, outputId, role } = state;
  return (
    <PanelFrame panel="devices" title="Devices" store={store} open>
      {role !== 'viewer' && (
        <>
          <DeviceSelect
            id="choose-microphone"
            label="Microphone"
            devices={microphone.devices}
            chosen={microphone.deviceId}
            none="None found"
            onChoose={(id) => void call.chooseDevice('microphone', id)}
          />
          <LevelMeter trackId={microphone.trackId} silent={!microphone.wanted} />
          <DeviceSelect
            id="choose-camera"
            label="Camera"
            devices={camera.devices}
            chosen={camera.deviceId}
            none="None found"
            onChoose={(id) => void call.chooseDevice('camera', id)}
          />
        </>
      )}
      {canChooseOutput() && (
        <DeviceSelect
          id="choose-loudspeaker"
          label="Loudspeaker"
          devices={outputs}
          chosen={outputId}
          none="System’s choice"
          onChoose={(id) => call.chooseOutput(id)}
        />
      )}
      <section class="keys-help" aria-label="Keyboard">
        <p>
          <kbd>M</kbd> or <kbd>Ctrl</kbd> <kbd>D</kbd> mutes, <kbd>V</kbd> turns the camera on or off,{' '}
          <kbd>Page Up</kbd> and <kbd>Page Down</kbd> turn pages of people, <kbd>Esc</kbd> closes a panel.
        </p>
      </section>
    </PanelFrame>
  );
};
