// How one will be seen and heard.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { initialsOf, hueOf } from '../people/names.ts';
import { DeviceButtons } from '../parts/deviceButtons.tsx';
import { LevelMeter, Picture } from '../parts/media.tsx';
import type { State } from '../state/state.ts';

const words = ({ camera, toWatch }: State): string => {
  if (toWatch) return 'You come to watch: nobody sees or hears you';
  if (camera.asking) return 'Waiting for your camera. The browser may ask you to allow it.';
  return camera.trouble === null ? 'Your camera is off' : 'No picture';
};

export const Preview = (props: Props): JSX.Element => {
  const { camera, microphone, name, toWatch } = props.state;
  return (
    <section class="preview" aria-label="Preview">
      <div class="preview-frame">
        {camera.trackId === null ? (
          <div class="preview-empty">
            <span class="avatar" data-hue={hueOf(name)} aria-hidden="true">
              {initialsOf(name)}
            </span>
            <span>{words(props.state)}</span>
          </div>
        ) : (
          <Picture trackId={camera.trackId} mirrored />
        )}
        {!toWatch && (
          <div class="preview-controls">
            <DeviceButtons {...props} />
          </div>
        )}
      </div>
      {!toWatch && <LevelMeter trackId={microphone.trackId} silent={!microphone.wanted} />}
    </section>
  );
};
