// Brings what is sent in line with what the person wants, whatever happened meanwhile: one change of a source at a time, and
// again if the wish changed during it. Switching a camera off and on keeps its stream: muted, then another track in it.

import type { Meeting, Publication } from '../../client/browser/api.ts';
import type { Capture } from '../media/capture.ts';
import type { Store } from '../state/store.ts';
import { adviceFor } from '../words/advice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import { screenAdvice } from '../words/deviceAdvice.ts';

/** Slides and code, not film: sharp before smooth. */
const screenVideo: MediaTrackConstraints = { frameRate: { ideal: 15, max: 30 } };

export class Sending {
  readonly #store: Store;
  readonly #capture: Capture;
  readonly #meeting: Meeting;
  readonly #publications = new Map<Kind, Publication>();
  readonly #busy = new Set<Kind>();
  readonly #again = new Set<Kind>();
  #screen: readonly Publication[] = [];
  /** The person is choosing what to show. */
  #choosing = false;
  /** A source is free again once it is unpublished: showing anew waits for that. */
  #stopping: Promise<unknown> = Promise.resolve();
  #closed = false;
  readonly #stopListening: () => void;

  constructor(store: Store, capture: Capture, meeting: Meeting) {
    this.#store = store;
    this.#capture = capture;
    this.#meeting = meeting;
    this.#stopListening = meeting.on('publicationEnded', (publication) => this.#lost(publication));
  }

  /** Call after every change of a device or a wish. */
  sync(kind: Kind): void {
    if (this.#closed || this.#meeting.role === 'viewer') return;
    if (this.#busy.has(kind)) this.#again.add(kind);
    else void this.#run(kind);
  }

  async startScreen(): Promise<void> {
    if (this.#choosing) return;
    this.#choosing = true;
    try {
      await this.#show(await navigator.mediaDevices.getDisplayMedia({ video: screenVideo, audio: true }));
    } catch (thrown) {
      const advice = screenAdvice(thrown);
      if (advice !== null) this.#store.dispatch({ type: 'trouble', advice });
    } finally {
      this.#choosing = false;
    }
  }

  async stopScreen(): Promise<void> {
    const shown = this.#screen;
    this.#screen = [];
    this.#store.dispatch({ type: 'sharing', on: false });
    for (const { track } of shown) track.stop();
    const unpublished = shown
      .filter(({ active }) => active)
      .map((publication) => this.#meeting.unpublish(publication).catch((thrown) => this.#tell(thrown)));
    this.#stopping = Promise.all([this.#stopping, ...unpublished]);
    await this.#stopping;
  }

  /** The meeting ended: nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const { track } of this.#screen) track.stop();
    this.#screen = [];
  }

  /** The server lost it: what comes from a device is sent again, what was shown is chosen again by the person. */
  #lost({ source }: Publication): void {
    if (source === 'microphone' || source === 'camera') this.sync(source);
    else void this.stopScreen();
  }

  /** What a viewer may not send any more is not worth a word: it was told of its role. */
  #tell(thrown: unknown): void {
    if (!this.#closed && this.#meeting.role !== 'viewer')
      this.#store.dispatch({ type: 'trouble', advice: adviceFor(thrown) });
  }

  async #run(kind: Kind): Promise<void> {
    this.#busy.add(kind);
    this.#again.delete(kind);
    await this.#bringInLine(kind).catch((thrown) => this.#tell(thrown));
    this.#busy.delete(kind);
    if (this.#again.has(kind) && !this.#closed) await this.#run(kind);
  }

  async #bringInLine(kind: Kind): Promise<void> {
    const track = this.#capture.track(kind);
    const muted = track === undefined || !this.#store.state[kind].wanted;
    const publication = this.#publications.get(kind);
    if (publication === undefined || !publication.active) {
      if (track === undefined) return;
      this.#publications.set(kind, await this.#meeting.publish(track, { source: kind, muted }));
      return;
    }
    if (track !== undefined && publication.track !== track) {
      await this.#meeting.replaceTrack(publication, track);
    }
    if (publication.muted !== muted) await this.#meeting.setMuted(publication, muted);
  }

  async #show(stream: MediaStream): Promise<void> {
    const published: Publication[] = [];
    try {
      await this.#stopping;
      for (const track of stream.getTracks()) {
        const source = track.kind === 'video' ? 'screen' : 'screenAudio';
        published.push(await this.#meeting.publish(track, { source }));
      }
    } catch (thrown) {
      for (const track of stream.getTracks()) track.stop();
      this.#tell(thrown);
    }
    this.#screen = published;
    const [video] = stream.getVideoTracks();
    if (
      this.#closed ||
      this.#meeting.role === 'viewer' ||
      video === undefined ||
      video.readyState === 'ended'
    ) {
      await this.stopScreen();
      return;
    }
    // The browser's own "Stop sharing".
    video.addEventListener('ended', () => {
      if (this.#screen === published) void this.stopScreen();
    });
    this.#store.dispatch({ type: 'sharing', on: true });
  }
}
