// Brings what is sent in line with what the person wants, whatever happened meanwhile: one change of a source at a time, and
// again if the wish changed during it. Switching a camera off and on keeps its stream: muted, then another track in it.

import type { Meeting, Publication } from '../../client/browser/api.ts';
import type { Capture } from '../media/capture.ts';
import type { Store } from '../state/store.ts';
import { adviceFor } from '../words/advice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import { screenAdvice } from '../words/deviceAdvice.ts';

export interface Sending {
  /** Call after every change of a device or a wish. */
  sync(kind: Kind): void;
  startScreen(): Promise<void>;
  stopScreen(): Promise<void>;
  /** The meeting ended: nothing is sent any more. */
  close(): void;
}

/** Slides and code, not film: sharp before smooth. */
const screenVideo: MediaTrackConstraints = { frameRate: { ideal: 15, max: 30 } };

export const createSending = (store: Store, capture: Capture, meeting: Meeting): Sending => {
  const publications = new Map<Kind, Publication>();
  const busy = new Set<Kind>();
  const again = new Set<Kind>();
  let screen: readonly Publication[] = [];
  let closed = false;

  const tell = (thrown: unknown): void => {
    if (!closed) store.dispatch({ type: 'trouble', advice: adviceFor(thrown) });
  };

  const bringInLine = async (kind: Kind): Promise<void> => {
    const track = capture.track(kind);
    const muted = track === undefined || !store.state[kind].wanted;
    const publication = publications.get(kind);
    if (publication === undefined || !publication.active) {
      if (track === undefined) return;
      publications.set(kind, await meeting.publish(track, { source: kind, muted }));
      return;
    }
    if (track !== undefined && publication.track !== track) await meeting.replaceTrack(publication, track);
    if (publication.muted !== muted) await meeting.setMuted(publication, muted);
  };

  const run = async (kind: Kind): Promise<void> => {
    busy.add(kind);
    again.delete(kind);
    await bringInLine(kind).catch(tell);
    busy.delete(kind);
    if (again.has(kind) && !closed) await run(kind);
  };

  const stopScreen = async (): Promise<void> => {
    const shown = screen;
    screen = [];
    store.dispatch({ type: 'sharing', on: false });
    for (const publication of shown) {
      publication.track.stop();
      if (publication.active) await meeting.unpublish(publication).catch(tell);
    }
  };

  const publishScreen = async (stream: MediaStream): Promise<void> => {
    const published: Publication[] = [];
    try {
      for (const track of stream.getTracks()) {
        const source = track.kind === 'video' ? 'screen' : 'screenAudio';
        published.push(await meeting.publish(track, { source }));
      }
    } catch (thrown) {
      for (const track of stream.getTracks()) track.stop();
      tell(thrown);
    }
    screen = published;
    const [video] = stream.getVideoTracks();
    if (closed || video === undefined || video.readyState === 'ended') return stopScreen();
    // The browser's own "Stop sharing".
    video.addEventListener('ended', () => void stopScreen());
    store.dispatch({ type: 'sharing', on: true });
  };

  return {
    sync(kind) {
      if (closed || meeting.role === 'viewer') return;
      if (busy.has(kind)) again.add(kind);
      else void run(kind);
    },
    async startScreen() {
      try {
        await publishScreen(
          await navigator.mediaDevices.getDisplayMedia({ video: screenVideo, audio: true }),
        );
      } catch (thrown) {
        const advice = screenAdvice(thrown);
        if (advice !== null) store.dispatch({ type: 'trouble', advice });
      }
    },
    stopScreen,
    close() {
      closed = true;
      for (const { track } of screen) track.stop();
      screen = [];
    },
  };
};
