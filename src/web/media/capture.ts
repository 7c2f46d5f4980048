// This person's camera and microphone: asked for, switched, given back. The light of a camera that is off is off: its track is
// stopped. A muted microphone stays open (silent), so that unmuting takes no second.

import { deviceAdvice, insecureAdvice, lostAdvice } from '../words/deviceAdvice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import type { Store } from '../state/store.ts';
import { forgetTrack, keepTrack, trackOf } from './tracks.ts';

export interface Opening {
  /** Absent: the one used before, or the system's choice. */
  readonly deviceId?: string;
  /** For a microphone: open, but muted. */
  readonly silent?: boolean;
}

export interface Capture {
  /** Both at once, so that the browser asks once; each failing by itself. */
  openBoth(): Promise<void>;
  /** Opens (or reopens with another device) and stops what was there. @returns null where it failed: the state says why. */
  open(kind: Kind, how?: Opening): Promise<MediaStreamTrack | null>;
  /** Gives the device back. */
  close(kind: Kind): void;
  /** The microphone stays open, silent. */
  silence(silent: boolean): void;
  /** The open track, if any. */
  track(kind: Kind): MediaStreamTrack | undefined;
  refreshDevices(): Promise<void>;
}

const camera: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};
const microphone: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

const constraintsOf = (kind: Kind, deviceId: string | null): MediaTrackConstraints => ({
  ...(kind === 'camera' ? camera : microphone),
  ...(deviceId === null ? {} : { deviceId: { exact: deviceId } }),
});

const ask = async (kind: Kind, deviceId: string | null): Promise<MediaStreamTrack> => {
  const constraints = constraintsOf(kind, deviceId);
  const stream = await navigator.mediaDevices.getUserMedia(
    kind === 'camera' ? { video: constraints } : { audio: constraints },
  );
  const [track] = stream.getTracks();
  if (track === undefined) throw new DOMException('an empty stream', 'NotFoundError');
  return track;
};

/** The browser's name for a device that has none yet (before the first permission). */
const labelOf = (device: MediaDeviceInfo, index: number): string => device.label || `Device ${index + 1}`;

/** @param onChange told after every change of a track or a wish. */
export const createCapture = (store: Store, onChange: (kind: Kind) => void): Capture => {
  const trackIds: Record<Kind, string | null> = { camera: null, microphone: null };
  /** Counts requests of a kind: an answer to any but the latest is given back at once. */
  const asked: Record<Kind, number> = { camera: 0, microphone: 0 };

  const release = (kind: Kind): void => {
    const id = trackIds[kind];
    if (id === null) return;
    trackOf(id)?.stop();
    forgetTrack(id);
    trackIds[kind] = null;
  };

  const adopt = (kind: Kind, track: MediaStreamTrack, silent = false): void => {
    release(kind);
    track.enabled = !silent;
    trackIds[kind] = keepTrack(track);
    track.addEventListener('ended', () => {
      if (trackIds[kind] !== track.id) return;
      release(kind);
      store.dispatch({
        type: 'capture',
        kind,
        change: { wanted: false, trackId: null, trouble: lostAdvice(kind) },
      });
      onChange(kind);
    });
    const deviceId = track.getSettings().deviceId ?? null;
    store.dispatch({
      type: 'capture',
      kind,
      change: { wanted: !silent, asking: false, trackId: track.id, deviceId, trouble: null },
    });
    onChange(kind);
  };

  const fail = (kind: Kind, thrown: unknown): void => {
    const open = trackOf(trackIds[kind])?.enabled === true; // a failed switch leaves what was there
    store.dispatch({
      type: 'capture',
      kind,
      change: { wanted: open, asking: false, trouble: deviceAdvice(thrown, kind) },
    });
  };

  const refreshDevices = async (): Promise<void> => {
    const all = await navigator.mediaDevices.enumerateDevices();
    const list = (deviceKind: MediaDeviceKind) =>
      all
        .filter(({ kind, deviceId }) => kind === deviceKind && deviceId !== '')
        .map((device, index) => ({ id: device.deviceId, label: labelOf(device, index) }));
    store.dispatch({ type: 'capture', kind: 'camera', change: { devices: list('videoinput') } });
    store.dispatch({ type: 'capture', kind: 'microphone', change: { devices: list('audioinput') } });
    store.dispatch({ type: 'outputs', devices: list('audiooutput') });
  };

  const open = async (kind: Kind, { deviceId: chosen, silent = false }: Opening = {}) => {
    const deviceId = chosen ?? store.state[kind].deviceId;
    const number = ++asked[kind];
    store.dispatch({ type: 'capture', kind, change: { wanted: !silent, asking: true, trouble: null } });
    try {
      const track = await ask(kind, deviceId).catch((thrown: unknown) => {
        const gone = thrown instanceof DOMException && thrown.name === 'OverconstrainedError';
        if (gone && chosen === undefined) return ask(kind, null); // a remembered device that is not plugged in
        throw thrown;
      });
      if (number !== asked[kind]) {
        track.stop();
        return null;
      }
      adopt(kind, track, silent);
      await refreshDevices();
      return track;
    } catch (thrown) {
      if (number === asked[kind]) fail(kind, thrown);
      return null;
    }
  };

  const openBoth = async (): Promise<void> => {
    const numbers = { camera: ++asked.camera, microphone: ++asked.microphone };
    for (const kind of ['microphone', 'camera'] as const) {
      store.dispatch({ type: 'capture', kind, change: { wanted: true, asking: true, trouble: null } });
    }
    try {
      const { camera, microphone } = store.state;
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: constraintsOf('microphone', microphone.deviceId),
        video: constraintsOf('camera', camera.deviceId),
      });
      for (const track of stream.getTracks()) {
        const kind = track.kind === 'video' ? 'camera' : 'microphone';
        if (numbers[kind] === asked[kind]) adopt(kind, track);
        else track.stop();
      }
      await refreshDevices();
    } catch {
      // One missing or refused device fails both: asked one by one, each says what is wrong with itself.
      for (const kind of ['microphone', 'camera'] as const) {
        if (numbers[kind] === asked[kind]) await open(kind);
      }
    }
  };

  const close = (kind: Kind): void => {
    asked[kind]++;
    release(kind);
    store.dispatch({
      type: 'capture',
      kind,
      change: { wanted: false, asking: false, trackId: null, trouble: null },
    });
    onChange(kind);
  };

  const silence = (silent: boolean): void => {
    const track = trackOf(trackIds.microphone);
    if (track !== undefined) track.enabled = !silent;
    store.dispatch({ type: 'capture', kind: 'microphone', change: { wanted: !silent } });
    onChange('microphone');
  };

  return { silence, openBoth, open, close, refreshDevices, track: (kind) => trackOf(trackIds[kind]) };
};

/** Why this page can use no devices at all, or null. */
export const noDevicesAdvice = () => ('mediaDevices' in navigator ? null : insecureAdvice);
