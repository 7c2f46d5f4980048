// This person's camera and microphone: asked for, switched, given back. The light of a camera that is off is off: its track is
// stopped. A muted microphone stays open (silent), so that unmuting takes no second.

import { deviceAdvice, insecureAdvice, lostAdvice } from '../words/deviceAdvice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import type { Capture as Shown } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import { forgetTrack, keepTrack, trackOf } from './tracks.ts';

export interface Opening {
  /** Absent: the one used before, or the system's choice. */
  readonly deviceId?: string;
  /** For a microphone: open, but muted. */
  readonly silent?: boolean;
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

export class Capture {
  readonly #store: Store;
  readonly #onChange: (kind: Kind) => void;
  readonly #trackIds: Record<Kind, string | null> = { camera: null, microphone: null };
  /** Counts requests of a kind: an answer to any but the latest is given back at once. */
  readonly #asked: Record<Kind, number> = { camera: 0, microphone: 0 };

  /** @param onChange told after every change of a track or a wish. */
  constructor(store: Store, onChange: (kind: Kind) => void) {
    this.#store = store;
    this.#onChange = onChange;
  }

  /** The open track, if any. */
  track(kind: Kind): MediaStreamTrack | undefined {
    return trackOf(this.#trackIds[kind]);
  }

  /** Both at once, so that the browser asks once; each failing by itself. */
  async openBoth(): Promise<void> {
    const numbers = { camera: this.#begin('camera'), microphone: this.#begin('microphone') };
    try {
      const { camera, microphone } = this.#store.state;
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: constraintsOf('microphone', microphone.deviceId),
        video: constraintsOf('camera', camera.deviceId),
      });
      for (const track of stream.getTracks()) {
        const kind = track.kind === 'video' ? 'camera' : 'microphone';
        if (numbers[kind] === this.#asked[kind]) this.#adopt(kind, track);
        else track.stop();
      }
      await this.refreshDevices();
    } catch {
      // One missing or refused device fails both: asked one by one, each says what is wrong with itself.
      for (const kind of ['microphone', 'camera'] as const) {
        if (numbers[kind] === this.#asked[kind]) await this.open(kind);
      }
    }
  }

  /** Opens (or reopens with another device) and stops what was there. Where it fails, the state says why. */
  async open(kind: Kind, { deviceId: chosen, silent = false }: Opening = {}): Promise<void> {
    const deviceId = chosen ?? this.#store.state[kind].deviceId;
    const number = this.#begin(kind, silent);
    try {
      const track = await ask(kind, deviceId).catch((thrown: unknown) => {
        const gone = thrown instanceof DOMException && thrown.name === 'OverconstrainedError';
        if (gone && chosen === undefined) return ask(kind, null); // one used before that is not plugged in any more
        throw thrown;
      });
      if (number !== this.#asked[kind]) {
        track.stop();
        return;
      }
      this.#adopt(kind, track, silent);
    } catch (thrown) {
      if (number === this.#asked[kind]) this.#fail(kind, thrown);
    }
    await this.refreshDevices();
  }

  /** Gives the device back. */
  close(kind: Kind): void {
    this.#asked[kind]++;
    this.#release(kind);
    this.#change(kind, { wanted: false, asking: false, trackId: null, trouble: null });
    this.#onChange(kind);
  }

  /** The microphone stays open, silent. */
  silence(silent: boolean): void {
    const track = this.track('microphone');
    if (track !== undefined) track.enabled = !silent;
    this.#change('microphone', { wanted: !silent });
    this.#onChange('microphone');
  }

  async refreshDevices(): Promise<void> {
    const all = await navigator.mediaDevices.enumerateDevices();
    const list = (deviceKind: MediaDeviceKind) =>
      all
        .filter(({ kind, deviceId }) => kind === deviceKind && deviceId !== '')
        .map((device, index) => ({ id: device.deviceId, label: labelOf(device, index) }));
    this.#change('camera', { devices: list('videoinput') });
    this.#change('microphone', { devices: list('audioinput') });
    this.#store.dispatch({ type: 'outputs', devices: list('audiooutput') });
  }

  #change(kind: Kind, change: Partial<Shown>): void {
    this.#store.dispatch({ type: 'capture', kind, change });
  }

  #begin(kind: Kind, silent = false): number {
    this.#change(kind, { wanted: !silent, asking: true, trouble: null });
    return ++this.#asked[kind];
  }

  #release(kind: Kind): void {
    const id = this.#trackIds[kind];
    if (id === null) return;
    trackOf(id)?.stop();
    forgetTrack(id);
    this.#trackIds[kind] = null;
  }

  #adopt(kind: Kind, track: MediaStreamTrack, silent = false): void {
    this.#release(kind);
    track.enabled = !silent;
    this.#trackIds[kind] = keepTrack(track);
    track.addEventListener('ended', () => {
      if (this.#trackIds[kind] !== track.id) return;
      this.#release(kind);
      this.#change(kind, { wanted: false, trackId: null, trouble: lostAdvice(kind) });
      this.#onChange(kind);
    });
    const deviceId = track.getSettings().deviceId ?? null;
    this.#change(kind, { wanted: !silent, asking: false, trackId: track.id, deviceId, trouble: null });
    this.#onChange(kind);
  }

  /** A failed switch leaves what was there. */
  #fail(kind: Kind, thrown: unknown): void {
    const wanted = this.track(kind)?.enabled === true;
    this.#change(kind, { wanted, asking: false, trouble: deviceAdvice(thrown, kind) });
  }
}

/** Why this page can use no devices at all, or null. */
export const noDevicesAdvice = () => ('mediaDevices' in navigator ? null : insecureAdvice);
