// One stream that is sent in bursts: so many frames, each at its time or as soon after it as this process gets to it, one packet each.

import { setTimeout as pause } from 'node:timers/promises';
import { rtpPacket, syntheticFrame, vp8Payloads } from './mediaParts.ts';
import type { SyntheticMedia } from './mediaParts.ts';
import type { Seal } from './seat.ts';

export interface Burst {
  readonly packets: number;
  /** Of the last sealed frame. */
  readonly sealedBytes: number;
}

export interface PacedStreamParts {
  readonly media: SyntheticMedia;
  readonly ssrc: number;
  readonly seal: Seal;
  readonly send: (packet: Buffer) => boolean;
}

const keyFrameEveryMs = 2_000;

export class PacedStream {
  readonly #parts: PacedStreamParts;
  readonly #intervalMs: number;
  #number = 0;
  #keyFrameDueMs = 0;

  constructor(parts: PacedStreamParts) {
    this.#parts = parts;
    this.#intervalMs = 1_000 / parts.media.framesPerSecond;
  }

  get ssrc(): number {
    return this.#parts.ssrc;
  }

  keyFrameWanted(): void {
    this.#keyFrameDueMs = 0;
  }

  /** Begins with a key frame. */
  async burst(ms: number, wantedBytes: number): Promise<Burst> {
    const frames = Math.max(1, Math.round(ms / this.#intervalMs));
    const beganMs = performance.now();
    this.keyFrameWanted();
    let sealedBytes = 0;
    for (let sent = 0; sent < frames; sent++) {
      const early = beganMs + sent * this.#intervalMs - performance.now();
      if (early > 0) await pause(early);
      sealedBytes = await this.#frame(wantedBytes);
    }
    return { packets: frames, sealedBytes };
  }

  async #frame(wantedBytes: number): Promise<number> {
    const { media, ssrc, seal, send } = this.#parts;
    const nowMs = performance.now();
    const keyFrame = nowMs >= this.#keyFrameDueMs;
    if (keyFrame) this.#keyFrameDueMs = nowMs + keyFrameEveryMs;
    const number = this.#number++;
    const sealed = await seal(syntheticFrame(media, number, keyFrame), wantedBytes);
    if (sealed === null) throw new Error('the sender has no key');
    const [payload = sealed, ...more] = media.codec === 'opus' ? [sealed] : vp8Payloads(sealed, number);
    if (more.length > 0) throw new Error('a frame of more than one packet');
    const timestamp = Math.round((number * media.clockRate) / media.framesPerSecond);
    const { payloadType } = media;
    const packet = rtpPacket(
      { payloadType, sequence: number, timestamp, ssrc, marker: media.codec === 'vp8' },
      payload,
    );
    if (!send(packet)) throw new Error('a packet could not be sent');
    return sealed.length;
  }
}
