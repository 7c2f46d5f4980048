// One stream that a participant sends: frames at their times, sealed, packetised, and counted.

import { Gaps } from './gaps.ts';
import { rtpPacket, vp8Payloads } from './rtpPackets.ts';
import { residueOf } from './sealedHeader.ts';
import { levelExtension, syntheticFrame } from './syntheticMedia.ts';
import type { SyntheticMedia } from './syntheticMedia.ts';

export interface SentCounts {
  readonly sealed: number;
  /** Frames that no key might seal. */
  readonly unsealed: number;
  /** Between two sealed frames, in milliseconds, from the first one on. */
  readonly longestGapMs: number;
  /** Epoch modulo 256 → frames. */
  readonly epochs: ReadonlyMap<number, number>;
}

export interface OutgoingParts {
  readonly media: SyntheticMedia;
  readonly ssrc: number;
  readonly seal: (frame: Uint8Array) => Promise<Uint8Array | null>;
  readonly send: (packet: Buffer) => void;
  readonly nowMs: () => number;
}

/** Frames made up for at once after the process stood still; the others are skipped, as a camera would. */
const mostLate = 3;

export class OutgoingStream {
  readonly #parts: OutgoingParts;
  readonly #intervalMs: number;
  readonly #extension: { readonly extension?: Uint8Array };
  readonly #gaps = new Gaps();
  readonly #epochs = new Map<number, number>();
  #number = 0;
  #sequence = 0;
  #sealed = 0;
  #unsealed = 0;
  #dueMs: number;
  #keyFrameDueMs = 0;
  #lane: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(parts: OutgoingParts) {
    this.#parts = parts;
    this.#intervalMs = 1_000 / parts.media.framesPerSecond;
    const extension = levelExtension(parts.media);
    this.#extension = extension === undefined ? {} : { extension };
    this.#dueMs = parts.nowMs();
    this.#tick();
  }

  get counts(): SentCounts {
    return {
      sealed: this.#sealed,
      unsealed: this.#unsealed,
      longestGapMs: this.#gaps.longestMs,
      epochs: this.#epochs,
    };
  }

  get ssrc(): number {
    return this.#parts.ssrc;
  }

  keyFrameWanted(): void {
    this.#keyFrameDueMs = 0;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    // A stream that never began has no gap.
    if (this.#sealed > 0) this.#gaps.end(this.#parts.nowMs());
  }

  #tick(): void {
    const { nowMs } = this.#parts;
    this.#dueMs = Math.max(this.#dueMs, nowMs() - mostLate * this.#intervalMs);
    for (; this.#dueMs <= nowMs(); this.#dueMs += this.#intervalMs) this.#frame();
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, this.#dueMs - nowMs()));
  }

  #frame(): void {
    const { media, nowMs } = this.#parts;
    const atMs = nowMs();
    const keyFrame = atMs >= this.#keyFrameDueMs;
    if (keyFrame) this.#keyFrameDueMs = atMs + (media.keyFrameEveryMs ?? Number.POSITIVE_INFINITY);
    const number = this.#number++;
    const plain = syntheticFrame(media, number, keyFrame);
    // In order, as an encoder's frames are sealed.
    this.#lane = this.#lane.then(async () => {
      const sealed = await this.#parts.seal(plain);
      if (this.#stopped) return;
      if (sealed === null) this.#unsealed++;
      else this.#send(sealed, number);
    });
  }

  #send(sealed: Uint8Array, number: number): void {
    const { media, ssrc, send, nowMs } = this.#parts;
    this.#sealed++;
    this.#gaps.note(nowMs());
    const residue = residueOf(media.codec, sealed) ?? -1;
    this.#epochs.set(residue, (this.#epochs.get(residue) ?? 0) + 1);
    const payloads = media.codec === 'opus' ? [sealed] : vp8Payloads(sealed, number);
    const timestamp = Math.round((number * media.clockRate) / media.framesPerSecond);
    for (const [index, payload] of payloads.entries()) {
      const marker = media.codec === 'vp8' && index === payloads.length - 1;
      const { payloadType } = media;
      const sequence = this.#sequence++;
      send(rtpPacket({ payloadType, sequence, timestamp, ssrc, marker, ...this.#extension }, payload));
    }
  }
}
