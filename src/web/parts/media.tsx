// Pictures, voices and levels: elements that hold a track.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { watchLevel } from '../media/level.ts';
import { playThrough } from '../media/sound.ts';
import { trackOf } from '../media/tracks.ts';

/** Silent: its track is video. `shown` once the first frame is there, so that no black stands where a name could. */
export const Picture = ({
  trackId,
  mirrored,
  contain,
}: {
  trackId: string;
  mirrored?: boolean;
  contain?: boolean;
}): JSX.Element => {
  const ref = useRef<HTMLVideoElement>(null);
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const element = ref.current;
    const track = trackOf(trackId);
    if (element === null || track === undefined) return undefined;
    setShown(false);
    element.srcObject = new MediaStream([track]);
    return () => {
      element.srcObject = null;
    };
  }, [trackId]);
  const look = `picture${mirrored === true ? ' mirrored' : ''}${contain === true ? ' contain' : ''}`;
  return (
    <video
      ref={ref}
      class={look}
      data-shown={shown}
      autoplay
      playsInline
      muted
      disablePictureInPicture
      onLoadedData={() => setShown(true)}
      tabIndex={-1}
      aria-hidden="true"
    />
  );
};

export const Voice = ({
  trackId,
  participantId,
  onBlocked,
}: {
  trackId: string;
  participantId: string;
  onBlocked: () => void;
}): JSX.Element => {
  const ref = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const track = trackOf(trackId);
    return ref.current === null || track === undefined
      ? undefined
      : playThrough(ref.current, track, onBlocked);
  }, [trackId]);
  return <audio ref={ref} autoplay data-voice-of={participantId} />;
};

/** A bar that follows the microphone; drawn by CSSOM, so that no frame of it draws the page again. */
export const LevelMeter = ({ trackId, silent }: { trackId: string | null; silent: boolean }): JSX.Element => {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const track = trackOf(trackId);
    if (track === undefined || silent) return undefined;
    const stop = watchLevel(track, (level) => {
      ref.current?.style.setProperty('--level', level.toFixed(3));
      ref.current?.setAttribute('aria-valuenow', String(Math.round(level * 10)));
    });
    return () => {
      stop();
      ref.current?.style.setProperty('--level', '0');
    };
  }, [trackId, silent]);
  return (
    <div
      ref={ref}
      class="level"
      role="meter"
      aria-label="Microphone level"
      aria-valuemin={0}
      aria-valuemax={10}
      aria-valuenow={0}
      data-testid="level"
    />
  );
};
