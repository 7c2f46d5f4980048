// One track that is published: what the page holds of it, and what carries it now. Its carrier may be replaced; the publication, its stream and
// the counters of that stream's keys stay.

import type { types } from 'mediasoup-client';
import type { MediaKind, Source, StreamId } from '../../protocol/names.ts';
import type { Publication } from './api.ts';
import { kindOf } from './encodings.ts';
import type { AttachedFrames } from './sframeThread.ts';
import { activeEncodings } from './wantedLayers.ts';

export class PublicationHandle implements Publication {
  /** Empty until the server has answered. */
  producerId = '';
  readonly kind: MediaKind;
  readonly source: Source;
  track: MediaStreamTrack;
  muted: boolean;
  active = true;

  constructor(source: Source, track: MediaStreamTrack, muted: boolean) {
    this.kind = kindOf[source];
    this.source = source;
    this.track = track;
    this.muted = muted;
  }
}

export interface Carrier {
  readonly producer: types.Producer;
  readonly attached: AttachedFrames;
}

export class Sending {
  readonly publication: PublicationHandle;
  readonly stream: StreamId;
  /** Whether the server was told that it is muted. */
  told = false;
  /** Rises with each wish to mute or unmute: an answer to an older one decides nothing. */
  wishes = 0;
  /** The page has it. */
  published = false;
  /** A carrier is being made, or waited for. */
  carrying = false;
  #carrier: Carrier | null = null;
  /** The highest layer that anybody looks at; null: nobody looks; undefined: nothing was said. */
  #wanted: number | null | undefined;
  /** RTCRtpSender takes one change of parameters at a time. */
  #changing: Promise<void> = Promise.resolve();

  constructor(source: Source, stream: StreamId, track: MediaStreamTrack, muted: boolean) {
    this.publication = new PublicationHandle(source, track, muted);
    this.stream = stream;
  }

  get ended(): boolean {
    return !this.publication.active;
  }

  get carrier(): Carrier | null {
    return this.#carrier;
  }

  /** What may have been changed since the carrier was begun is applied to it. */
  async carriedBy(carrier: Carrier): Promise<void> {
    this.#carrier = carrier;
    this.#applyWanted();
    await this.sendTrack();
  }

  /** A sender without a track sends nothing, whatever the server does; the page's own track is left as it is. */
  async sendTrack(): Promise<void> {
    const { muted, track } = this.publication;
    await this.#carrier?.producer.rtpSender?.replaceTrack(muted ? null : track);
  }

  /** What nobody looks at costs nobody's uplink. */
  want(highest: number | null): void {
    this.#wanted = highest;
    this.#applyWanted();
  }

  /** Nothing carries it any more. */
  drop(): void {
    const carrier = this.#carrier;
    this.#carrier = null;
    this.#wanted = undefined;
    carrier?.producer.close();
    carrier?.attached.detach();
  }

  #applyWanted(): void {
    if (this.publication.kind !== 'video') return;
    this.#changing = this.#changing
      .then(() => this.#setActive())
      .catch(() => {
        // The sender is gone, or does not take it: it then sends all that it did.
      });
  }

  async #setActive(): Promise<void> {
    const sender = this.#carrier?.producer.rtpSender;
    if (sender === undefined || this.#wanted === undefined) return;
    const parameters = sender.getParameters();
    const active = activeEncodings(parameters.encodings.length, this.#wanted);
    if (parameters.encodings.every((encoding, layer) => (encoding.active ?? true) === active[layer])) return;
    for (const [layer, encoding] of parameters.encodings.entries()) encoding.active = active[layer] ?? true;
    await sender.setParameters(parameters);
  }
}
